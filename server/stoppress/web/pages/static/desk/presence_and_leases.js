/**
 * Who is at the desk and on what, and whether somebody else has the post that is open here.
 *
 * Rules: presence ends by itself and refuses nothing: two who change one post are met by
 * its revision. A lease is asked for, never taken; its holder is asked.
 * @module
 */

import { byId } from "./status_messages_and_questions.js";
import { newIdempotencyKey, sendOnce } from "./repeat_request_until_outcome.js";

/**
 * @typedef {import("./status_messages_and_questions.js").Feedback} Feedback
 * @typedef {{client: string, who: {name?: string}, on?: string, id?: string, wanted_by?: any}} Person
 */

const EVERY_MS = 15_000;

export class Presence {
  /** @param {Feedback} feedback */
  constructor(feedback) {
    this.#feedback = feedback;
    setInterval(() => this.#tell(), EVERY_MS);
    addEventListener("pagehide", () => this.#leave());
  }

  #feedback;
  #client = newIdempotencyKey().slice(0, 12);
  #feed = "";
  #on = "";
  #isHeld = false;
  #asked = "";

  /**
   * What is open here now: the id of a post or draft; "" if it is a new text.
   * @param {string} feed
   * @param {string} on
   */
  async show(feed, on) {
    if (feed === this.#feed && on === this.#on) return;
    this.#leave();
    [this.#feed, this.#on, this.#isHeld, this.#asked] = [feed, on, false, ""];
    await this.#tell();
  }

  #path() {
    return `/v1/feeds/${this.#feed}`;
  }

  async #tell() {
    if (!this.#feed || document.visibilityState !== "visible") return;
    const [feed, on] = [this.#feed, this.#on];
    const path = `${this.#path()}/presence/${this.#client}`;
    const here = await sendOnce({ method: "PUT", path, body: on ? { on } : {} });
    if (here.status !== 200 || feed !== this.#feed || on !== this.#on) return;
    if (!on) return this.hear(here.body);
    const lease = await sendOnce({ method: "PUT", path: `${this.#path()}/leases/${on}`, body: { client: this.#client } });
    if (lease.status !== 200 || feed !== this.#feed || on !== this.#on) return;
    this.#isHeld = lease.body.held;
    this.hear(lease.body);
  }

  #leave() {
    if (this.#feed && this.#on) {
      sendOnce({ method: "DELETE", path: `${this.#path()}/leases/${this.#on}?client=${this.#client}` });
    }
  }

  /**
   * All who are here now.
   * @param {{people?: Person[], leases?: Person[]}} message
   */
  hear({ people = [], leases = [] }) {
    const others = people.filter(({ client }) => !client.endsWith(this.#client));
    byId("people").textContent = others.length ? `${namesOf(others).join(", ")} here` : "";
    byId("people").title = byId("people").textContent;
    const lease = leases.find(({ id }) => id === this.#on);
    const line = byId("lease");
    const isMine = !lease || lease.client.endsWith(this.#client);
    if (lease && !isMine) this.#say(line, `${namesOf([lease])[0]} is changing this too.`, "Ask for it", () => this.#ask());
    else if (lease?.wanted_by) this.#say(line, `${nameOf(lease.wanted_by)} asks for this.`, "Hand it over", () => this.#give(lease.wanted_by));
    else line.hidden = true;
  }

  /**
   * @param {HTMLElement} line
   * @param {string} text
   * @param {string} label
   * @param {() => void} run
   */
  #say(line, text, label, run) {
    line.hidden = false;
    const isAsked = this.#asked === this.#on && label === "Ask for it";
    const said = isAsked ? `${text} You have asked for it.` : text;
    if (line.dataset.said === said && line.childElementCount) return;
    line.dataset.said = said;
    line.textContent = `${said} `;
    if (isAsked) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", run);
    line.append(button);
  }

  async #ask() {
    const { status } = await sendOnce({ method: "POST", path: `${this.#path()}/leases/${this.#on}/request`, body: { client: this.#client } });
    if (status === 200) this.#asked = this.#on;
    this.#tell();
  }

  /** @param {any} to */
  async #give(to) {
    const body = { client: this.#client, to: to.client ?? to };
    const { status } = await sendOnce({ method: "PUT", path: `${this.#path()}/leases/${this.#on}`, body });
    if (status === 200) this.#feedback.show("Handed over; your text stays here.");
    this.#tell();
  }
}

/** @param {any} person */
const nameOf = (person) => person?.who?.name ?? person?.name ?? "Somebody";

/** @param {any[]} people */
const namesOf = (people) => [...new Set(people.map(nameOf))];
