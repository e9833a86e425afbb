/**
 * The desk's own line: says that drafts, or who is there, have changed.
 *
 * Rules: it is a bell, no more: what changed is read from the API, so a message that is
 * lost costs a delay and nothing else. Without it the list is read twice a minute.
 * @module
 */

import { ROOT } from "./repeat_request_until_outcome.js";

const [FIRST_MS, LONGEST_MS] = [2000, 60_000];
const EVERY_MS = 30_000;

export class DeskLine {
  /** @param {{drafts: () => void, presence: (message: any) => void}} on */
  constructor(on) {
    this.#on = on;
    setInterval(() => {
      if (this.#feed && document.visibilityState === "visible") on.drafts();
    }, EVERY_MS);
  }

  #on;
  #feed = "";
  #waitMs = FIRST_MS;
  /** @type {WebSocket | null} */ #socket = null;

  /** @param {string} feed */
  open(feed) {
    this.#feed = feed;
    this.#waitMs = FIRST_MS;
    this.#socket?.close();
    this.#connect();
  }

  #connect() {
    const feed = this.#feed;
    const address = `${location.origin.replace(/^http/, "ws")}${ROOT}/v1/live?desk=${feed}`;
    const socket = (this.#socket = new WebSocket(address));
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#waitMs = FIRST_MS;
      const message = JSON.parse(data);
      if (message.type === "presence") this.#on.presence(message);
      else if (/^draft\.|^reset$/.test(message.type)) this.#on.drafts();
    };
    socket.onclose = ({ code }) => {
      // The session may have ended: an answer of the API says so.
      if (code === 4401 && socket === this.#socket) this.#on.drafts();
      // 44xx: it won't be otherwise soon.
      if (socket !== this.#socket || (code >= 4400 && code < 4500)) return;
      const waitMs = this.#waitMs * (0.5 + Math.random());
      this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_MS);
      setTimeout(() => socket === this.#socket && this.#connect(), waitMs);
    };
  }
}
