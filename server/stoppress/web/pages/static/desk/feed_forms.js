/**
 * The forms of a feed: its settings, its summary, and the form that creates one.
 *
 * Each is sent like a post: deliberately, and under one idempotency key until its outcome
 * is known. A form has the members of the feed for which it has a control.
 * @module
 */

import { checkLengths, complainAt } from "./complaints.js";
import { FEED_FIELDS, differing, memberOf, patchOf } from "./feed_field_table.js";
import { RepeatedRequest, newIdempotencyKey } from "./repeat_request_until_outcome.js";
import { isEqualJson } from "./three_way_merge.js";

/**
 * @typedef {import("./status_messages_and_questions.js").Feedback} Feedback
 * @typedef {import("./repeat_request_until_outcome.js").Attempt} Attempt
 */

class FormRequest {
  /** @param {Feedback} feedback */
  constructor(feedback) {
    this.feedback = feedback;
  }

  /** @type {RepeatedRequest | null} */ #request = null;

  /**
   * Send a request; null while another is under way, which then is tried at once.
   * @param {Omit<Attempt, "key">} request
   */
  async send(request) {
    if (this.#request) {
      this.#request.hurry();
      return null;
    }
    const attempt = { key: newIdempotencyKey(), ...request };
    this.#request = new RepeatedRequest(attempt, (_, waitS) => {
      const text = `Not confirmed yet; trying again in ${Math.ceil(waitS)} s.`;
      this.feedback.show(text, "trouble");
    });
    const answer = await this.#request.run();
    this.#request = null;
    return answer;
  }
}

export class FeedForm {
  /**
   * @param {HTMLFormElement} form
   * @param {Feedback} feedback
   */
  constructor(form, feedback) {
    this.#form = form;
    this.#formRequest = new FormRequest(feedback);
    this.#names = Object.keys(FEED_FIELDS).filter((name) => form.elements.namedItem(name));
    onDeliberateSend(form, () => this.#submit());
  }

  #form;
  #formRequest;
  #names;
  /** @type {any} The feed as the form was filled from it. */ #base = null;

  /**
   * Show the feed as it is, unless the editor is changing it: then others' changes are
   * shown when saving is refused, not before.
   * @param {any} feed
   */
  show(feed) {
    const isSame = this.#base?.slug === feed.slug;
    const isNewer = !isSame || this.#base.rev < feed.rev;
    if (!isSame || (isNewer && !this.#changed().length)) this.#rebaseOnto(feed);
  }

  /**
   * Take the feed as the new base; what the editor has changed stays in the form.
   * @param {any} feed
   */
  #rebaseOnto(feed) {
    const changed = this.#base?.slug === feed.slug ? this.#changed() : [];
    this.#base = feed;
    for (const name of this.#names) {
      if (!changed.includes(name)) FEED_FIELDS[name].fill(this.#view, name, memberOf(feed, name));
    }
  }

  get #view() {
    return {
      box: (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (this.#form.elements.namedItem(name)),
      zone: this.#base?.timezone ?? "UTC",
    };
  }

  /** @param {string} name */
  #read(name) {
    return FEED_FIELDS[name].read(this.#view, name);
  }

  #changed() {
    return this.#names.filter((name) => !isEqualJson(this.#read(name), memberOf(this.#base, name)));
  }

  async #submit() {
    const { feedback } = this.#formRequest;
    if (!this.#base) return;
    const { slug, rev } = this.#base;
    const changed = this.#changed();
    if (!changed.length) return feedback.show("Nothing was changed.");
    const patches = changed.map((name) => [name, patchOf(memberOf(this.#base, name), this.#read(name))]);
    const path = `/v1/feeds/${slug}`;
    const answer = await this.#formRequest.send({ method: "PATCH", path, body: Object.fromEntries(patches), rev });
    if (!answer) return;
    if (answer.status === 200) {
      this.#rebaseOnto(answer.body);
      feedback.show("Saved.", "good");
    } else if (answer.status === 412 && answer.body?.current) {
      const old = this.#base;
      const { current } = answer.body;
      this.#rebaseOnto(current);
      const theirs = differing(current, old, Object.keys(FEED_FIELDS));
      const list = theirs.map((name) => `${FEED_FIELDS[name].label}: “${wordsOf(memberOf(current, name))}”`).join("; ");
      const how = "Yours is still in the form; save again to put it over theirs.";
      feedback.show(`Someone else changed the feed meanwhile (${list}). ${how}`, "trouble");
    } else {
      showRefusal(this.#form, answer, feedback);
    }
  }
}

/** @param {any} value */
const wordsOf = (value) => (typeof value === "object" && value ? JSON.stringify(value) : String(value ?? ""));

/**
 * @param {HTMLFormElement} form
 * @param {import("./repeat_request_until_outcome.js").Answer} answer
 * @param {Feedback} feedback
 */
function showRefusal(form, answer, feedback) {
  feedback.show(feedback.refusalText(answer), "trouble");
  const field = form.elements.namedItem((answer.body?.field ?? "").replace(/[[.].*/, ""));
  if (!(field instanceof HTMLElement)) return;
  complainAt(field, answer.body.detail);
  field.focus();
}

/**
 * Call `send` for the form's button or Ctrl/⌘+Enter. Enter in a field sends nothing: half
 * a title would be on every reader's page.
 * @param {HTMLFormElement} form
 * @param {() => void} send
 */
function onDeliberateSend(form, send) {
  form.addEventListener("submit", (event) => event.preventDefault());
  const sendChecked = () => checkLengths(form) && send();
  form.querySelector("button.main")?.addEventListener("click", sendChecked);
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.repeat || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    sendChecked();
  });
}

/**
 * Set up the form that creates a feed.
 * @param {HTMLFormElement} form
 * @param {Feedback} feedback
 * @param {(feed: any) => void} onCreated
 */
export function setUpNewFeedForm(form, feedback, onCreated) {
  const formRequest = new FormRequest(feedback);
  onDeliberateSend(form, async () => {
    const filled = [...new FormData(form)].map(([name, text]) => [name, String(text).trim()]);
    const body = Object.fromEntries(filled.filter(([, text]) => text));
    const answer = await formRequest.send({ method: "POST", path: "/v1/feeds", body });
    if (!answer) return;
    if (answer.status === 200 || answer.status === 201) {
      form.reset();
      onCreated(answer.body);
      feedback.show("The feed is there.", "good");
    } else {
      showRefusal(form, answer, feedback);
    }
  });
}
