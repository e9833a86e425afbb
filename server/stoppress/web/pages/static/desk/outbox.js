/**
 * The outbox: sends what is queued, in order, until it is out or needs a decision.
 *
 * Rules:
 * - One tab sends, the one that holds the lock of this person's outbox; when it ends, the
 *   next one goes on. Two that send (a browser without locks) do no harm: an attempt has
 *   its idempotency key on the disk before it is sent.
 * - A feed's entries go out one after the other. What is refused steps aside.
 * - Without a network, a server or a session the entry stays queued. Its request names
 *   the person, so that it is never published in the name of a person who signed in later.
 * @module
 */

import { answered, arrivedEarlier, hasWaiting, newEntry, pictureRefused, queued, withPictures } from "./outbox_entry.js";
import { forgetPicture, waitingId } from "./picture_store.js";
import { RepeatedRequest, isKeyReused, isUnknown, sendOnce } from "./repeat_request_until_outcome.js";
import { uploadPictures } from "./upload_one_or_all_entry_pictures.js";

/**
 * @typedef {import("./outbox_entry.js").Entry} Entry
 * @typedef {import("./repeat_request_until_outcome.js").Answer} Answer
 */

const SIGNED_OUT_WAIT_MS = 15_000;
const OUT_FOR_MS = 60_000;
/** How long an entry that is out stays shown. */

export class Outbox {
  /** @param {import("./entry_store.js").EntryStore} store */
  constructor(store) {
    this.#store = store;
    store.onChange(() => this.#pump());
  }

  #store;
  #isSender = false;
  /** @type {Set<string>} Feeds of which an entry is being sent. */ #feeds = new Set();
  /** @type {Map<string, RepeatedRequest>} */ #requests = new Map();
  /** @type {() => void} */ #endSignedOutWait = () => {};

  /** Send from now on, as soon as no other tab does. */
  start() {
    const name = `stop-press-outbox:${this.#store.person}`;
    const send = () => {
      this.#isSender = true;
      this.#pump();
      return new Promise(() => {});
    };
    if (navigator.locks) navigator.locks.request(name, send);
    else send();
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.hurry();
    });
  }

  /**
   * Queue a change that is written already, such as an earlier version of a post; its
   * entry's id, or "" if it changes nothing.
   * @param {string} feed
   * @param {any} post as it is now
   * @param {import("./post_field_table.js").Draft} draft
   */
  sendChange(feed, post, draft) {
    const ready = queued(newEntry(this.#store.person, feed, post, draft), Date.now());
    if (!ready) return "";
    this.#store.put(ready);
    return ready.id;
  }

  /** Try what waits now. */
  hurry() {
    for (const request of this.#requests.values()) request.hurry();
    this.#endSignedOutWait();
  }

  #pump() {
    if (!this.#isSender) return;
    for (const entry of this.#store.all()) {
      if (entry.state === "out") this.#forgetLater(entry);
      const request = this.#requests.get(entry.id);
      if (entry.state !== "queued") request?.stop();
      else if (!this.#feeds.has(entry.feed)) this.#sendFeed(entry.feed);
    }
    for (const [id, request] of this.#requests) if (!this.#store.get(id)) request.stop();
  }

  /** @type {Set<string>} */ #forgotten = new Set();

  /** @param {Entry} entry */
  #forgetLater({ id }) {
    if (this.#forgotten.has(id)) return;
    this.#forgotten.add(id);
    setTimeout(() => {
      this.#forgotten.delete(id);
      this.#store.update(id, (entry) => (entry.state === "out" ? null : entry));
    }, OUT_FOR_MS);
  }

  /** @param {string} feed */
  async #sendFeed(feed) {
    this.#feeds.add(feed);
    try {
      for (;;) {
        const next = this.#store.all(feed).find(({ state }) => state === "queued");
        if (!next) return;
        await this.#send(next);
      }
    } finally {
      this.#feeds.delete(feed);
    }
  }

  /** @param {Entry} entry */
  async #send({ id }) {
    if (!(await this.#sendPictures(id))) return;
    // On the disk first: after a crash the same key is sent again. It may say as well that
    // another tab has taken the text back.
    const entry = await this.#store.onDisk(id);
    if (entry?.state !== "queued" || !entry.attempt) return;
    this.#store.setStatus(id, "Sending…");
    const attempt = { ...entry.attempt, person: entry.person };
    const request = new RepeatedRequest(attempt, (answer, waitS) => {
      const why = answer.status ? "The server can't confirm it now" : "No connection";
      this.#store.setStatus(id, `${why}; trying again in ${Math.ceil(waitS)} s. The text is kept.`);
    });
    this.#requests.set(id, request);
    const answer = await request.run();
    this.#requests.delete(id);
    if (answer) await this.#settle(id, answer, attempt);
  }

  /**
   * Upload the pictures that the entry waits with; whether it can be sent now.
   * @param {string} id
   */
  async #sendPictures(id) {
    const entry = this.#store.get(id);
    if (!entry || !hasWaiting(entry.draft.media)) return true;
    this.#store.setStatus(id, "Sending its picture…");
    const { uploaded, index = 0, answer } = await uploadPictures(entry);
    // As it is by now: the editor may have taken it back.
    const now = this.#store.get(id);
    if (!now) return false;
    if (uploaded.size) await this.#store.update(id, (each) => withPictures(each, uploaded));
    for (const url of uploaded.keys()) forgetPicture(waitingId(url));
    const after = this.#store.get(id);
    if (!answer || after?.state !== "queued") return after?.state === "queued";
    if (isUnknown(answer) || answer.status === 401) {
      const why = answer.status === 401 ? "You are signed out; sign in in another tab" : "No connection";
      this.#store.setStatus(id, `${why}. The text and its picture are kept, and sent then.`);
      await this.#waitForReturn();
    } else await this.#store.update(id, (each) => pictureRefused(each, index, answer));
    return false;
  }

  /**
   * @param {string} id
   * @param {Answer} answer
   * @param {import("./repeat_request_until_outcome.js").Attempt} sent what it answers
   */
  async #settle(id, answer, sent) {
    if (answer.status === 401) {
      this.#store.setStatus(id, "You are signed out. Sign in in another tab: then it is sent.");
      await this.#waitForReturn();
      return;
    }
    if (!isKeyReused(answer)) {
      await this.#store.update(id, (entry) => answered(entry, answer, sent));
      return;
    }
    const now = this.#store.get(id);
    const earlier = now && (await findArrived(now));
    if (earlier === undefined) return;
    await this.#store.update(id, (entry) => {
      if (!entry.attempt || entry.attempt.key !== now?.attempt?.key) return entry;
      if (earlier !== null) return arrivedEarlier(entry, earlier);
      // None of them: the key belongs to another request, and the next attempt has a new one.
      return { ...entry, state: "refused", attempt: null, reason: "It did not arrive; send it again." };
    });
  }

  #waitForReturn() {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, SIGNED_OUT_WAIT_MS);
      this.#endSignedOutWait = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }
}

/**
 * The post that an earlier attempt under this key made, found by repeating them; null:
 * none did; undefined: not known yet.
 * @param {Entry} entry
 */
async function findArrived({ attempt, person }) {
  if (!attempt) return undefined;
  for (const body of attempt.tried) {
    const answer = await sendOnce({ ...attempt, body, person });
    if (answer.status === 200 || answer.status === 201) return answer.body.post;
    if (isUnknown(answer)) return undefined;
  }
  return null;
}
