/**
 * The feed's own words: title, standfirst, status; and feeds that are to be made.
 *
 * Each form is sent like a post: under one key until its outcome is known.
 * @module
 */

import { Sending, newKey } from "./send.js";

/**
 * @typedef {import("./composer.js").Voice} Voice
 * @typedef {import("./send.js").Attempt} Attempt
 */

class Sender {
  /** @param {Voice} voice */
  constructor(voice) {
    this.voice = voice;
  }

  /** @type {Attempt | null} */ #open = null;
  /** @type {Sending | null} */ #sending = null;

  /**
   * The answer to a request; null while another one is under way (it is hurried).
   * @param {Omit<Attempt, "key">} wish
   */
  async send(wish) {
    if (this.#sending) {
      this.#sending.hurry();
      return null;
    }
    this.#open = { key: newKey(), ...wish };
    this.#sending = new Sending(this.#open, (_, waitS) => {
      const text = `Not confirmed yet; trying again in ${Math.ceil(waitS)} s.`;
      this.voice.say(text, "trouble");
    });
    const answer = await this.#sending.run();
    this.#sending = null;
    return answer;
  }
}

const MEMBERS = ["title", "standfirst", "status"];

export class FeedForm {
  /**
   * @param {HTMLFormElement} form
   * @param {Voice} voice
   */
  constructor(form, voice) {
    this.#form = form;
    this.#sender = new Sender(voice);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  #form;
  #sender;
  /** @type {any} The feed as the form was filled from it. */ #base = null;

  /**
   * Show the feed as it is, unless the editor is changing it: then it is shown
   * what changed when saving is refused, not before.
   * @param {any} feed
   */
  show(feed) {
    const isSame = this.#base?.slug === feed.slug;
    const isNews = !isSame || this.#base.rev < feed.rev;
    if (!isSame || (isNews && !this.#touched().length)) this.#take(feed);
  }

  /**
   * Go on from the feed as it is; what the editor has changed stays in the form.
   * @param {any} feed
   */
  #take(feed) {
    const touched = this.#base?.slug === feed.slug ? this.#touched() : [];
    this.#base = feed;
    for (const name of MEMBERS) {
      if (!touched.includes(name)) this.#field(name).value = feed[name] ?? "";
    }
  }

  #touched() {
    return MEMBERS.filter((name) => this.#field(name).value.trim() !== (this.#base[name] ?? ""));
  }

  /** @param {string} name */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.#form.elements.namedItem(name));
  }

  async #submit() {
    const { voice } = this.#sender;
    if (!this.#base) return;
    const { slug, rev } = this.#base;
    const touched = this.#touched();
    if (!touched.length) return voice.say("Nothing was changed.");
    const body = Object.fromEntries(touched.map((name) => [name, this.#field(name).value.trim()]));
    const path = `/v1/feeds/${slug}`;
    const answer = await this.#sender.send({ method: "PATCH", path, body, rev });
    if (!answer) return;
    if (answer.status === 200) {
      this.#take(answer.body);
      voice.say("Saved.", "good");
    } else if (answer.status === 412 && answer.body?.current) {
      const old = this.#base;
      this.#take(answer.body.current);
      const theirs = MEMBERS.filter((name) => answer.body.current[name] !== old[name]);
      const list = theirs.map((name) => `${name}: “${answer.body.current[name] ?? ""}”`).join("; ");
      const how = "Yours is still in the form; save again to put it over theirs.";
      voice.say(`Someone else changed the feed meanwhile (${list}). ${how}`, "trouble");
    } else {
      voice.say(voice.refused(answer), "trouble");
    }
  }
}

/**
 * The form that makes a feed.
 * @param {HTMLFormElement} form
 * @param {Voice} voice
 * @param {(feed: any) => void} onMade
 */
export function newFeed(form, voice, onMade) {
  const sender = new Sender(voice);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = [...new FormData(form)].map(([name, text]) => [name, String(text).trim()]);
    const body = Object.fromEntries(given.filter(([, text]) => text));
    const answer = await sender.send({ method: "POST", path: "/v1/feeds", body });
    if (!answer) return;
    if (answer.status === 200 || answer.status === 201) {
      form.reset();
      onMade(answer.body);
      voice.say("The feed is there.", "good");
    } else {
      voice.say(voice.refused(answer), "trouble");
      const field = form.elements.namedItem(answer.body?.field ?? "");
      if (field instanceof HTMLElement) field.focus();
    }
  });
}
