/**
 * The forms of a feed: its settings, its summary, and the form that creates one.
 *
 * Each is sent like a post: deliberately, and under one idempotency key until its outcome
 * is known. A form has the members of the feed for which it has a control. What is not
 * saved is kept (`unsaved_feed_forms.js`).
 * @module
 */

import { checkFields, complainAt } from "./field_errors.js";
import { FEED_FIELDS, differing, memberOf, patchOf } from "./feed_field_table.js";
import { RepeatedRequest, newIdempotencyKey } from "./repeat_request_until_outcome.js";
import { isEqualJson } from "./draft_patch_and_three_way_merge.js";
import { keepForm, keptForm } from "./unsaved_feed_forms.js";

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
   * @param {string} person
   * @param {(isUnsaved: boolean) => void} [mark] told whether the form holds what is not saved
   */
  constructor(form, feedback, person, mark = () => {}) {
    this.#form = form;
    this.#person = person;
    this.#mark = mark;
    this.#formRequest = new FormRequest(feedback);
    this.#names = Object.keys(FEED_FIELDS).filter((name) => form.elements.namedItem(name));
    onDeliberateSend(form, () => this.#submit());
    form.addEventListener("input", () => this.#keep());
  }

  #form;
  #person;
  #mark;
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
    if (!isSame) {
      this.#rebaseOnto(feed);
      this.#restore();
    } else if (isNewer && !this.#changed().length) this.#rebaseOnto(feed);
  }

  /** Show what came back from a seal after the feed; what was written here since stays. */
  restore() {
    if (this.#base && !this.#changed().length) this.#restore();
  }

  /** Show what was written here before, and not saved. */
  #restore() {
    const kept = keptForm(this.#person, this.#form.id, this.#base.slug);
    if (kept) {
      this.#rebaseOnto(kept.base);
      for (const name of this.#names) {
        if (Object.hasOwn(kept.values, name)) FEED_FIELDS[name].fill(this.#view, name, kept.values[name]);
      }
    }
    this.#formRequest.feedback.show(kept ? "Not saved yet." : "", kept && "trouble");
    this.#mark(!!kept);
  }

  #keep() {
    if (!this.#base) return;
    const changed = this.#changed();
    const values = Object.fromEntries(changed.map((name) => [name, this.#read(name)]));
    keepForm(this.#person, { form: this.#form.id, slug: this.#base.slug, base: this.#base, values });
    this.#mark(changed.length > 0);
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
      this.#keep();
      feedback.show("Saved.", "good");
    } else if (answer.status === 412 && answer.body?.current) {
      const old = this.#base;
      const { current } = answer.body;
      this.#rebaseOnto(current);
      this.#keep();
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
  complainAt(field, answer.body.detail.replace(`${answer.body.field}: `, ""));
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
  const sendChecked = () => checkFields(form) && send();
  form.querySelector("button.main")?.addEventListener("click", sendChecked);
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.repeat || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    sendChecked();
  });
}

/**
 * Set up the form that creates a feed. The answer shows what was written in it before, and
 * not sent.
 * @param {HTMLFormElement} form
 * @param {Feedback} feedback
 * @param {string} person
 * @param {(feed: any) => void} onCreated
 * @returns {() => void}
 */
export function setUpNewFeedForm(form, feedback, person, onCreated) {
  const formRequest = new FormRequest(feedback);
  /** @param {{[name: string]: any}} values */
  const keep = (values) => keepForm(person, { form: form.id, slug: "", base: null, values });
  form.addEventListener("input", () => keep(Object.fromEntries(new FormData(form))));
  onDeliberateSend(form, async () => {
    const filled = [...new FormData(form)].map(([name, text]) => [name, String(text).trim()]);
    const body = Object.fromEntries(filled.filter(([, text]) => text));
    const answer = await formRequest.send({ method: "POST", path: "/v1/feeds", body });
    if (!answer) return;
    if (answer.status === 200 || answer.status === 201) {
      form.reset();
      keep({});
      onCreated(answer.body);
      feedback.show("The feed is there.", "good");
    } else {
      showRefusal(form, answer, feedback);
    }
  });
  return () => {
    for (const [name, value] of Object.entries(keptForm(person, form.id, "")?.values ?? {})) {
      const box = form.elements.namedItem(name);
      if (box) /** @type {HTMLInputElement} */ (box).value = value;
    }
  };
}
