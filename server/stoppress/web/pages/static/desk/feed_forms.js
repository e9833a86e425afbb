/**
 * The form of a feed's title, standfirst and status, and the form that creates a feed.
 *
 * Each is sent like a post: under one idempotency key until its outcome is known.
 * @module
 */

import { RepeatedRequest, newIdempotencyKey } from "./send_request.js";

/**
 * @typedef {import("./composer.js").Feedback} Feedback
 * @typedef {import("./send_request.js").Attempt} Attempt
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

const FEED_MEMBERS = ["title", "standfirst", "status"];

export class FeedForm {
  /**
   * @param {HTMLFormElement} form
   * @param {Feedback} feedback
   */
  constructor(form, feedback) {
    this.#form = form;
    this.#formRequest = new FormRequest(feedback);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  #form;
  #formRequest;
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
    for (const name of FEED_MEMBERS) {
      if (!changed.includes(name)) this.#field(name).value = feed[name] ?? "";
    }
  }

  #changed() {
    return FEED_MEMBERS.filter((name) => this.#field(name).value.trim() !== (this.#base[name] ?? ""));
  }

  /** @param {string} name */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.#form.elements.namedItem(name));
  }

  async #submit() {
    const { feedback } = this.#formRequest;
    if (!this.#base) return;
    const { slug, rev } = this.#base;
    const changed = this.#changed();
    if (!changed.length) return feedback.show("Nothing was changed.");
    const body = Object.fromEntries(changed.map((name) => [name, this.#field(name).value.trim()]));
    const path = `/v1/feeds/${slug}`;
    const answer = await this.#formRequest.send({ method: "PATCH", path, body, rev });
    if (!answer) return;
    if (answer.status === 200) {
      this.#rebaseOnto(answer.body);
      feedback.show("Saved.", "good");
    } else if (answer.status === 412 && answer.body?.current) {
      const old = this.#base;
      this.#rebaseOnto(answer.body.current);
      const theirs = FEED_MEMBERS.filter((name) => answer.body.current[name] !== old[name]);
      const list = theirs.map((name) => `${name}: “${answer.body.current[name] ?? ""}”`).join("; ");
      const how = "Yours is still in the form; save again to put it over theirs.";
      feedback.show(`Someone else changed the feed meanwhile (${list}). ${how}`, "trouble");
    } else {
      feedback.show(feedback.refusalText(answer), "trouble");
    }
  }
}

/**
 * Set up the form that creates a feed.
 * @param {HTMLFormElement} form
 * @param {Feedback} feedback
 * @param {(feed: any) => void} onCreated
 */
export function setUpNewFeedForm(form, feedback, onCreated) {
  const formRequest = new FormRequest(feedback);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const filled = [...new FormData(form)].map(([name, text]) => [name, String(text).trim()]);
    const body = Object.fromEntries(filled.filter(([, text]) => text));
    const answer = await formRequest.send({ method: "POST", path: "/v1/feeds", body });
    if (!answer) return;
    if (answer.status === 200 || answer.status === 201) {
      form.reset();
      onCreated(answer.body);
      feedback.show("The feed is there.", "good");
    } else {
      feedback.show(feedback.refusalText(answer), "trouble");
      const field = form.elements.namedItem(answer.body?.field ?? "");
      if (field instanceof HTMLElement) field.focus();
    }
  });
}
