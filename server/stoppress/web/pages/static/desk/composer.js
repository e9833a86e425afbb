/**
 * Where a post is written: a new one, or a change to one that is there.
 *
 * Rules:
 * - What is typed is kept (drafts.js) before anything is done with it, and leaves
 *   only when the server has acknowledged it or the editor throws it away.
 * - While an attempt's outcome is unknown its key stays. A text changed meanwhile
 *   goes under the same key: if the first try had arrived, the server says so, and
 *   the text becomes a change to that post. So nothing appears twice.
 * @module
 */

import { Disputed } from "./disputed.js";
import { NEW } from "./drafts.js";
import { PostForm } from "./form.js";
import { difference, draftOf, rebase, same, written } from "./merge.js";
import { EMPTY } from "./post_fields.js";
import { Sending, ask, isUnknown, newKey } from "./send.js";

/**
 * @typedef {import("./post_fields.js").Draft} Draft
 * @typedef {import("./send.js").Answer} Answer
 * @typedef {import("../stop-press/fold.js").Post} Post
 * @typedef {import("./send.js").Attempt & {tried: any[]}} Attempt
 * @typedef {{say: (text: string, kind?: string) => void, confirm: (question: string,
 *   act: string) => Promise<boolean>, refused: (answer: Answer) => string}} Voice
 */

export class Composer {
  /**
   * @param {HTMLFormElement} root
   * @param {import("./drafts.js").Drafts} drafts
   * @param {import("./preview.js").Preview} preview
   * @param {Voice} voice
   */
  constructor(root, drafts, preview, voice) {
    this.#root = root;
    this.#drafts = drafts;
    this.#preview = preview;
    this.#voice = voice;
    this.#form = new PostForm(root, () => this.#typed());
    const panel = /** @type {HTMLElement} */ (root.querySelector("[data-disputed]"));
    this.#disputed = new Disputed(panel, (name, value) => this.#swap(name, value));
    root.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    root.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.submit();
      }
    });
    this.#on("discard", () => this.#discard());
    this.#on("stop", () => this.#sending?.stop());
  }

  #root;
  #drafts;
  #preview;
  #voice;
  #form;
  #disputed;
  #feed = "";
  #name = NEW;
  /** @type {any} The post that is changed, as it was taken up; null for a new one. */
  #base = null;
  /** @type {Attempt | null} Its outcome is not known. */ #attempt = null;
  /** @type {Sending | null} */ #sending = null;

  /** Whether the outcome of something sent is awaited. */
  get isSending() {
    return this.#sending !== null;
  }

  /**
   * Go on where this feed was left.
   * @param {string} feed
   */
  open(feed) {
    this.#feed = feed;
    this.#take(this.#drafts.active(feed));
  }

  /**
   * Change a post. A change to it that was begun before is taken up again.
   * @param {Post} shown as readers get it: without its text, which the API has
   */
  async edit({ id }) {
    const feed = this.#feed;
    const answer = await postOf(feed, id);
    if (feed !== this.#feed || this.#sending) return;
    const entry = this.#drafts.get(feed, id);
    const post = answer.status === 200 ? answer.body : null;
    if (!post && !entry) {
      const later = "The post can't be read now; try again.";
      const why = isUnknown(answer) ? later : this.#voice.refused(answer);
      return this.#voice.say(why, "trouble");
    }
    this.#take(id, entry ?? { draft: draftOf(post), base: post, attempt: null });
    if (post && entry?.base && !entry.attempt && entry.base.rev < post.rev) this.#meet(post);
    this.#form.focus();
  }

  /**
   * @param {string} name
   * @param {any} [entry]
   */
  #take(name, entry = this.#drafts.get(this.#feed, name)) {
    const { draft = EMPTY, base = null, attempt = null, disputes = [] } = entry ?? {};
    this.#name = name;
    this.#base = base;
    this.#attempt = attempt;
    this.#form.fill(draft);
    this.#disputed.show(disputes);
    this.#look();
    this.#preview.show(this.#feed, draft);
    if (attempt) {
      const again = "The last try was not confirmed. Send it again: it can't appear twice.";
      this.#voice.say(again, "trouble");
    } else {
      this.#voice.say("");
    }
  }

  /** The words of the form: for a new post, or for a change. */
  #look() {
    const isNew = this.#base === null;
    const title = isNew ? "New post" : `Change a post (revision ${this.#base.rev})`;
    this.#part("title").textContent = title;
    this.#part("send").textContent = isNew ? "Publish" : "Save the change";
    this.#part("discard").textContent = this.#name === NEW ? "Discard" : "Leave without saving";
    this.#part("correction").hidden = isNew;
  }

  #typed() {
    this.#keep();
    this.#preview.show(this.#feed, this.#form.read());
    if (!this.#drafts.isKept) {
      this.#voice.say("This browser keeps no drafts: a reload would lose the text.", "trouble");
    }
  }

  #keep() {
    const draft = this.#form.read();
    const clean = this.#base ? draftOf(this.#base) : EMPTY;
    const isWorthIt = this.#attempt || !same(draft, clean) || this.#name !== NEW;
    const disputes = this.#disputed.all;
    const entry = { draft, base: this.#base, attempt: this.#attempt, disputes };
    this.#drafts.put(this.#feed, this.#name, isWorthIt ? entry : null);
  }

  /** Send what is written; while that is under way: try now. */
  async submit() {
    if (this.#sending) return this.#sending.hurry();
    this.#form.clear();
    const draft = this.#form.read();
    const attempt = this.#next(draft);
    if (!attempt) return this.#voice.say("Nothing was changed.");
    if (!this.#base && same(attempt.body, {})) return this.#voice.say("Nothing is written yet.");
    this.#attempt = attempt;
    this.#keep();
    this.#voice.say("Sending…");
    this.#sending = new Sending(attempt, (answer, waitS) => this.#waiting(answer, waitS));
    const answer = await this.#sending.run();
    this.#sending = null;
    this.#part("stop").hidden = true;
    if (answer) return this.#settle(answer, draft);
    const open = "Stopped. Whether it arrived is not known; sending it again settles that.";
    this.#voice.say(open, "trouble");
  }

  /**
   * @param {Draft} draft
   * @returns {Attempt | null}
   */
  #next(draft) {
    const body = this.#base ? difference(draftOf(this.#base), draft) : written(draft);
    if (this.#attempt) {
      const others = this.#attempt.tried.filter((each) => !same(each, body));
      return { ...this.#attempt, body, tried: [...others, body] };
    }
    if (this.#base && same(body, {})) return null;
    const path = `/v1/feeds/${this.#feed}/posts`;
    const made = { key: newKey(), body, tried: [body] };
    if (!this.#base) return { ...made, method: "POST", path };
    const { id, rev } = this.#base;
    return { ...made, method: "PATCH", path: `${path}/${id}`, rev };
  }

  /**
   * @param {Answer} answer
   * @param {number} waitS
   */
  #waiting({ status }, waitS) {
    this.#part("stop").hidden = false;
    const why = status ? "The server can't confirm it now" : "The server does not answer";
    const then = `Your text is safe here; trying again in ${Math.ceil(waitS)} s.`;
    this.#voice.say(`${why}. ${then}`, "trouble");
  }

  /**
   * @param {Answer} answer
   * @param {Draft} sent
   */
  async #settle(answer, sent) {
    const { status, body } = answer;
    const attempt = /** @type {Attempt} */ (this.#attempt);
    if (isReused(answer)) {
      const earlier = await this.#whichArrived(attempt);
      if (!earlier) return;
      this.#attempt = null;
      if (!earlier.published_at) return this.#gone("An earlier try was withdrawn since.");
      return this.#become(earlier, "An earlier try had arrived. Your text is a change to it.");
    }
    if (status === 401) {
      const how = "You are signed out. Sign in in another tab, then send again.";
      return this.#voice.say(how, "trouble"); // The attempt stays: so does its key.
    }
    this.#attempt = null;
    if (status === 200 || status === 201) return this.#done(body.post, sent);
    if (status === 412 && body?.current) {
      this.#meet(body.current);
      return this.#voice.say("Someone else changed this post meanwhile.", "trouble");
    }
    if (this.#base && (status === 410 || status === 404)) {
      return this.#gone("This post was withdrawn meanwhile.");
    }
    this.#keep();
    if (body?.field) {
      const reason = body.detail.slice(body.detail.startsWith(body.field) ? body.field.length : 0);
      this.#form.complain(body.field, reason.replace(/^: /, ""));
    }
    this.#voice.say(this.#voice.refused(answer), "trouble");
  }

  /**
   * The post that an earlier try under this key made, asked for by repeating it.
   * @param {Attempt} attempt
   */
  async #whichArrived(attempt) {
    for (const body of attempt.tried) {
      const answer = await ask({ ...attempt, body });
      if (answer.status === 200 || answer.status === 201) return answer.body.post;
      if (isUnknown(answer)) {
        this.#voice.say("The server can't confirm it now. Send it again.", "trouble");
        return null;
      }
    }
    // None of them: then the key belongs to something else, and a new one is due.
    this.#attempt = null;
    this.#keep();
    this.#voice.say("It did not arrive. Send it again.", "trouble");
    return null;
  }

  /**
   * The post is withdrawn; what is written stays, as a new one.
   * @param {string} why
   */
  #gone(why) {
    this.#base = null;
    this.#attempt = null;
    this.#disputed.show([]);
    this.#look();
    this.#keep();
    this.#voice.say(`${why} Your text is here, as a new post.`, "trouble");
  }

  /**
   * @param {Post} post as it was taken
   * @param {Draft} sent
   */
  #done(post, sent) {
    const what = this.#base ? "Saved." : "Published.";
    if (!post.published_at) return this.#gone("It had arrived, and was withdrawn since.");
    if (!same(this.#form.read(), sent)) {
      return this.#become(post, `${what} What you typed since is a change to it.`);
    }
    this.#drafts.put(this.#feed, this.#name, null);
    this.#take(NEW);
    this.#voice.say(what, "good");
    this.#form.focus();
  }

  /**
   * What is in the form is a change to `post` from now on.
   * @param {Post} post
   * @param {string} text
   */
  #become(post, text) {
    const disputes = this.#disputed.all;
    const entry = { draft: this.#form.read(), base: post, attempt: null, disputes };
    this.#drafts.put(this.#feed, this.#name, null);
    this.#take(post.id, entry);
    this.#keep();
    this.#voice.say(text, "good");
  }

  /**
   * Two changes meet: mine goes on top of theirs, and what both touched is shown.
   * @param {Post} theirs
   */
  #meet(theirs) {
    const old = draftOf(this.#base);
    const current = draftOf(theirs);
    const { draft, disputed } = rebase(old, this.#form.read(), current);
    const disputes = disputed.map((name) => ({ name, other: current[name], whose: "theirs" }));
    this.#take(this.#name, { draft, base: theirs, attempt: null, disputes });
    this.#keep();
  }

  /**
   * @param {import("./post_fields.js").Name} name
   * @param {any} value
   */
  #swap(name, value) {
    const draft = this.#form.read();
    this.#form.fill({ ...draft, [name]: value });
    // After the swap, so that what is kept shows it.
    queueMicrotask(() => this.#typed());
    return draft[name];
  }

  async #discard() {
    if (this.#sending) return;
    const clean = this.#base ? draftOf(this.#base) : EMPTY;
    const isChanged = !same(this.#form.read(), clean);
    const question = "Throw away what you have written here?";
    if (isChanged && !(await this.#voice.confirm(question, "Throw away"))) return;
    this.#drafts.put(this.#feed, this.#name, null);
    this.#take(NEW);
  }

  /** @param {string} name */
  #part(name) {
    return /** @type {HTMLElement} */ (this.#root.querySelector(`[data-part="${name}"]`));
  }

  /**
   * @param {string} name
   * @param {() => void} act
   */
  #on(name, act) {
    this.#part(name).addEventListener("click", act);
  }
}

/**
 * A post as it is now, with its text. The key makes the address another one: no cache
 * between has what readers get of the post under it.
 * @param {string} feed
 * @param {string} id
 */
const postOf = (feed, id) =>
  ask({ method: "GET", path: `/v1/feeds/${feed}/posts/${id}?for=${newKey()}` });

/**
 * Whether the key was used for another text: an earlier try did arrive.
 * @param {Answer} answer
 */
const isReused = ({ status, body }) =>
  status === 422 && /key-reused$/.test(body?.type ?? "");
