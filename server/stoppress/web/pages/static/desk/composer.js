/**
 * The composer: writes a new post, or a change to a post.
 *
 * Rules:
 * - Input is stored (drafts.js) before anything else happens to it, and removed only when
 *   the server has acknowledged it or the editor discards it.
 * - While an attempt's outcome is unknown, its idempotency key stays. A text changed
 *   meanwhile is sent under the same key: if the first attempt had arrived, the server
 *   says so, and the text becomes a change to that post. So nothing appears twice.
 * @module
 */

import { ConflictView } from "./conflict_view.js";
import { NEW } from "./drafts.js";
import { EMPTY_DRAFT } from "./post_fields.js";
import { PostForm } from "./post_form.js";
import { RepeatedRequest, isUnknown, newIdempotencyKey, sendOnce } from "./send_request.js";
import { draftOf, filledMembers, isEqualJson, mergePatch, rebase } from "./three_way_merge.js";

/**
 * @typedef {import("./post_fields.js").Draft} Draft
 * @typedef {import("./send_request.js").Answer} Answer
 * @typedef {import("../stop-press/fold.js").Post} Post
 * @typedef {import("./send_request.js").Attempt & {tried: any[]}} Attempt
 * @typedef {{show: (text: string, kind?: string) => void, confirm: (question: string,
 *   act: string) => Promise<boolean>, refusalText: (answer: Answer) => string}} Feedback
 *   `show`: a message on the form's status line.
 */

export class Composer {
  /**
   * @param {HTMLFormElement} root
   * @param {import("./drafts.js").Drafts} drafts
   * @param {import("./preview.js").Preview} preview
   * @param {Feedback} feedback
   */
  constructor(root, drafts, preview, feedback) {
    this.#root = root;
    this.#drafts = drafts;
    this.#preview = preview;
    this.#feedback = feedback;
    this.#form = new PostForm(root, () => this.#onInput());
    const panel = /** @type {HTMLElement} */ (root.querySelector("[data-conflicts]"));
    this.#conflictView = new ConflictView(panel, (name, value) => this.#swapMember(name, value));
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
    this.#onClick("discard", () => this.#discard());
    this.#onClick("stop", () => this.#request?.stop());
  }

  #root;
  #drafts;
  #preview;
  #feedback;
  #form;
  #conflictView;
  #feed = "";
  #entryName = NEW;
  /** @type {any} The post that is changed, as it was when editing began; null: a new one. */
  #base = null;
  /** @type {Attempt | null} The attempt whose outcome is unknown. */ #attempt = null;
  /** @type {RepeatedRequest | null} */ #request = null;

  /** Whether a request is under way. */
  get isSending() {
    return this.#request !== null;
  }

  /**
   * Open the feed's draft that was last written.
   * @param {string} feed
   */
  open(feed) {
    this.#feed = feed;
    this.#load(this.#drafts.active(feed));
  }

  /**
   * Edit a post; a stored change to it is opened again.
   * @param {Post} shown as readers get it: without its text, which the API has
   */
  async edit({ id }) {
    const feed = this.#feed;
    const answer = await fetchPost(feed, id);
    if (feed !== this.#feed || this.isSending) return;
    const stored = this.#drafts.get(feed, id);
    const post = answer.status === 200 ? answer.body : null;
    if (!post && !stored) {
      const later = "The post can't be read now; try again.";
      const reason = isUnknown(answer) ? later : this.#feedback.refusalText(answer);
      return this.#feedback.show(reason, "trouble");
    }
    this.#load(id, stored ?? { draft: draftOf(post), base: post, attempt: null });
    if (post && stored?.base && !stored.attempt && stored.base.rev < post.rev) this.#rebaseOnto(post);
    this.#form.focus();
  }

  /**
   * @param {string} name
   * @param {any} [stored]
   */
  #load(name, stored = this.#drafts.get(this.#feed, name)) {
    const { draft = EMPTY_DRAFT, base = null, attempt = null, disputes = [] } = stored ?? {};
    this.#entryName = name;
    this.#base = base;
    this.#attempt = attempt;
    this.#form.fill(draft);
    this.#conflictView.show(disputes);
    this.#showMode();
    this.#preview.show(this.#feed, draft);
    if (attempt) {
      const again = "The last try was not confirmed. Send it again: it can't appear twice.";
      this.#feedback.show(again, "trouble");
    } else {
      this.#feedback.show("");
    }
  }

  /** Label the form for a new post or for a change. */
  #showMode() {
    const isNew = this.#base === null;
    const title = isNew ? "New post" : `Change a post (revision ${this.#base.rev})`;
    this.#part("title").textContent = title;
    this.#part("send").textContent = isNew ? "Publish" : "Save the change";
    this.#part("discard").textContent = this.#entryName === NEW ? "Discard" : "Leave without saving";
    this.#part("correction").hidden = isNew;
  }

  #onInput() {
    this.#store();
    this.#preview.show(this.#feed, this.#form.read());
    if (!this.#drafts.isKept) {
      this.#feedback.show("This browser keeps no drafts: a reload would lose the text.", "trouble");
    }
  }

  #store() {
    const draft = this.#form.read();
    const clean = this.#base ? draftOf(this.#base) : EMPTY_DRAFT;
    const isWorthStoring = this.#attempt || !isEqualJson(draft, clean) || this.#entryName !== NEW;
    const conflicts = this.#conflictView.all;
    const stored = { draft, base: this.#base, attempt: this.#attempt, disputes: conflicts };
    this.#drafts.put(this.#feed, this.#entryName, isWorthStoring ? stored : null);
  }

  /** Send the draft; if a request is under way, try it at once. */
  async submit() {
    if (this.#request) return this.#request.hurry();
    this.#form.clearComplaints();
    const draft = this.#form.read();
    const attempt = this.#nextAttempt(draft);
    if (!attempt) return this.#feedback.show("Nothing was changed.");
    if (!this.#base && isEqualJson(attempt.body, {})) return this.#feedback.show("Nothing is written yet.");
    this.#attempt = attempt;
    this.#store();
    this.#feedback.show("Sending…");
    this.#request = new RepeatedRequest(attempt, (answer, waitS) => this.#showWaiting(answer, waitS));
    const answer = await this.#request.run();
    this.#request = null;
    this.#part("stop").hidden = true;
    if (answer) return this.#handleAnswer(answer, draft);
    const open = "Stopped. Whether it arrived is not known; sending it again settles that.";
    this.#feedback.show(open, "trouble");
  }

  /**
   * @param {Draft} draft
   * @returns {Attempt | null}
   */
  #nextAttempt(draft) {
    const body = this.#base ? mergePatch(draftOf(this.#base), draft) : filledMembers(draft);
    if (this.#attempt) {
      const others = this.#attempt.tried.filter((each) => !isEqualJson(each, body));
      return { ...this.#attempt, body, tried: [...others, body] };
    }
    if (this.#base && isEqualJson(body, {})) return null;
    const path = `/v1/feeds/${this.#feed}/posts`;
    const made = { key: newIdempotencyKey(), body, tried: [body] };
    if (!this.#base) return { ...made, method: "POST", path };
    const { id, rev } = this.#base;
    return { ...made, method: "PATCH", path: `${path}/${id}`, rev };
  }

  /**
   * @param {Answer} answer
   * @param {number} waitS
   */
  #showWaiting({ status }, waitS) {
    this.#part("stop").hidden = false;
    const why = status ? "The server can't confirm it now" : "The server does not answer";
    const then = `Your text is safe here; trying again in ${Math.ceil(waitS)} s.`;
    this.#feedback.show(`${why}. ${then}`, "trouble");
  }

  /**
   * @param {Answer} answer
   * @param {Draft} sent
   */
  async #handleAnswer(answer, sent) {
    const { status, body } = answer;
    const attempt = /** @type {Attempt} */ (this.#attempt);
    if (isKeyReused(answer)) {
      const earlier = await this.#findArrived(attempt);
      if (!earlier) return;
      this.#attempt = null;
      if (!earlier.published_at) return this.#turnIntoNewPost("An earlier try was withdrawn since.");
      return this.#turnIntoChange(earlier, "An earlier try had arrived. Your text is a change to it.");
    }
    if (status === 401) {
      const how = "You are signed out. Sign in in another tab, then send again.";
      return this.#feedback.show(how, "trouble"); // The attempt stays, with its key.
    }
    this.#attempt = null;
    if (status === 200 || status === 201) return this.#finish(body.post, sent);
    if (status === 412 && body?.current) {
      this.#rebaseOnto(body.current);
      return this.#feedback.show("Someone else changed this post meanwhile.", "trouble");
    }
    if (this.#base && (status === 410 || status === 404)) {
      return this.#turnIntoNewPost("This post was withdrawn meanwhile.");
    }
    this.#store();
    if (body?.field) {
      const reason = body.detail.slice(body.detail.startsWith(body.field) ? body.field.length : 0);
      this.#form.showComplaint(body.field, reason.replace(/^: /, ""));
    }
    this.#feedback.show(this.#feedback.refusalText(answer), "trouble");
  }

  /**
   * The post that an earlier attempt under this key created, found by repeating them.
   * @param {Attempt} attempt
   */
  async #findArrived(attempt) {
    for (const body of attempt.tried) {
      const answer = await sendOnce({ ...attempt, body });
      if (answer.status === 200 || answer.status === 201) return answer.body.post;
      if (isUnknown(answer)) {
        this.#feedback.show("The server can't confirm it now. Send it again.", "trouble");
        return null;
      }
    }
    // None of them: the key belongs to another request, and the next attempt needs a new one.
    this.#attempt = null;
    this.#store();
    this.#feedback.show("It did not arrive. Send it again.", "trouble");
    return null;
  }

  /**
   * The post is withdrawn: the draft becomes a new post.
   * @param {string} why
   */
  #turnIntoNewPost(why) {
    this.#base = null;
    this.#attempt = null;
    this.#conflictView.show([]);
    this.#showMode();
    this.#store();
    this.#feedback.show(`${why} Your text is here, as a new post.`, "trouble");
  }

  /**
   * @param {Post} post as it was taken
   * @param {Draft} sent
   */
  #finish(post, sent) {
    const what = this.#base ? "Saved." : "Published.";
    if (!post.published_at) return this.#turnIntoNewPost("It had arrived, and was withdrawn since.");
    if (!isEqualJson(this.#form.read(), sent)) {
      return this.#turnIntoChange(post, `${what} What you typed since is a change to it.`);
    }
    this.#drafts.put(this.#feed, this.#entryName, null);
    this.#load(NEW);
    this.#feedback.show(what, "good");
    this.#form.focus();
  }

  /**
   * From now on the draft is a change to `post`.
   * @param {Post} post
   * @param {string} text
   */
  #turnIntoChange(post, text) {
    const conflicts = this.#conflictView.all;
    const stored = { draft: this.#form.read(), base: post, attempt: null, disputes: conflicts };
    this.#drafts.put(this.#feed, this.#entryName, null);
    this.#load(post.id, stored);
    this.#store();
    this.#feedback.show(text, "good");
  }

  /**
   * Someone else changed the post: rebase my draft onto theirs and show the conflicts.
   * @param {Post} theirs
   */
  #rebaseOnto(theirs) {
    const old = draftOf(this.#base);
    const current = draftOf(theirs);
    const { draft, conflicts } = rebase(old, this.#form.read(), current);
    const disputes = conflicts.map((name) => ({ name, other: current[name], whose: "theirs" }));
    this.#load(this.#entryName, { draft, base: theirs, attempt: null, disputes });
    this.#store();
  }

  /**
   * @param {import("./post_fields.js").Name} name
   * @param {any} value
   */
  #swapMember(name, value) {
    const draft = this.#form.read();
    this.#form.fill({ ...draft, [name]: value });
    // After the swap, so that the stored draft includes it.
    queueMicrotask(() => this.#onInput());
    return draft[name];
  }

  async #discard() {
    if (this.#request) return;
    const clean = this.#base ? draftOf(this.#base) : EMPTY_DRAFT;
    const isChanged = !isEqualJson(this.#form.read(), clean);
    const question = "Throw away what you have written here?";
    if (isChanged && !(await this.#feedback.confirm(question, "Throw away"))) return;
    this.#drafts.put(this.#feed, this.#entryName, null);
    this.#load(NEW);
  }

  /** @param {string} name */
  #part(name) {
    return /** @type {HTMLElement} */ (this.#root.querySelector(`[data-part="${name}"]`));
  }

  /**
   * @param {string} name
   * @param {() => void} act
   */
  #onClick(name, act) {
    this.#part(name).addEventListener("click", act);
  }
}

/**
 * A post as it is now, with its text. The random query makes the address another one: no
 * cache between has what readers get of the post under it.
 * @param {string} feed
 * @param {string} id
 */
const fetchPost = (feed, id) =>
  sendOnce({ method: "GET", path: `/v1/feeds/${feed}/posts/${id}?for=${newIdempotencyKey()}` });

/**
 * Whether the idempotency key was used with another body: an earlier attempt did arrive.
 * @param {Answer} answer
 */
const isKeyReused = ({ status, body }) =>
  status === 422 && /key-reused$/.test(body?.type ?? "");
