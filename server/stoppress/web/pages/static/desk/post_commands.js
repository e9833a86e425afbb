/**
 * What is done to published posts from the list: withdraw, put back, key, pin, tags.
 *
 * Rules:
 * - A command is on the version that was seen: what someone changed meanwhile is left as
 *   it is, and told.
 * - A withdrawal is done at once, and can be put back from the message.
 * - Several posts are done one after the other; the message counts what was done.
 * @module
 */

import { postTitle } from "./post_title_and_search_text.js";
import { RepeatedRequest, newIdempotencyKey } from "./repeat_request_until_outcome.js";

/**
 * @typedef {import("../stop-press/fold.js").Post} Post
 * @typedef {import("./repeat_request_until_outcome.js").Answer} Answer
 * @typedef {import("./status_messages_and_questions.js").Feedback} Feedback
 */

export class PostCommands {
  /**
   * @param {Feedback} feedback
   * @param {(id: string) => void} onDone a post was changed by this editor
   */
  constructor(feedback, onDone) {
    this.#feedback = feedback;
    this.#onDone = onDone;
  }

  #feedback;
  #onDone;
  feed = "";
  /**
   * What this editor's own change made of the version that a row may still show: the next
   * act is on that.
   * @type {Map<string, {from: number | undefined, rev: number}>}
   */
  #own = new Map();

  /** @param {Post[]} posts */
  async withdraw(posts) {
    const done = await this.#each(posts, "Withdrawing", (post) => ({
      method: "DELETE",
      path: this.#path(post),
      rev: this.#revOf(post),
    }));
    if (!done.length) return;
    const feed = this.feed;
    this.#feedback.show(`Withdrawn: ${named(done)}.`, "good", {
      label: "Put back",
      run: () => this.putBack(done, feed),
    });
  }

  /**
   * @param {Post[]} posts
   * @param {string} [feed]
   */
  async putBack(posts, feed = this.feed) {
    const done = await this.#each(posts, "Putting back", ({ id }) => ({
      method: "POST",
      path: `/v1/feeds/${feed}/posts/${id}/restore`,
    }));
    if (done.length) this.#feedback.show(`Out again: ${named(done)}.`, "good");
  }

  /**
   * @param {Post[]} posts
   * @param {(post: Post) => {[member: string]: any}} patchOf {} leaves the post alone
   * @param {string} said what is told when it is done
   */
  async change(posts, patchOf, said) {
    const others = posts.filter((post) => Object.keys(patchOf(post)).length);
    const done = await this.#each(others, "Changing", (post) => ({
      method: "PATCH",
      path: this.#path(post),
      rev: this.#revOf(post),
      body: patchOf(post),
    }));
    if (done.length || !others.length) this.#feedback.show(`${said}: ${named(others.length ? done : posts)}.`, "good");
  }

  /** @param {Post} post */
  #revOf({ id, rev }) {
    const own = this.#own.get(id);
    return own && own.from === rev ? own.rev : rev;
  }

  /** @param {Post} post */
  #path({ id }) {
    return `/v1/feeds/${this.feed}/posts/${id}`;
  }

  /**
   * Do one request for each post; the posts that it was done to.
   * @param {Post[]} posts
   * @param {string} doing
   * @param {(post: Post) => {method: string, path: string, rev?: number, body?: any}} requestOf
   */
  async #each(posts, doing, requestOf) {
    /** @type {Post[]} */ const done = [];
    /** @type {string[]} */ const troubles = [];
    for (const post of posts) {
      const count = posts.length > 1 ? ` ${done.length + troubles.length + 1} of ${posts.length}` : "";
      this.#feedback.show(`${doing}${count}…`);
      const attempt = { ...requestOf(post), key: newIdempotencyKey() };
      const request = new RepeatedRequest(attempt, (_, waitS) => {
        const then = `trying again in ${Math.ceil(waitS)} s`;
        this.#feedback.show(`“${postTitle(post)}”: not confirmed yet; ${then}.`, "trouble");
      });
      const answer = /** @type {Answer} */ (await request.run());
      if (answer.status < 300) {
        done.push(post);
        const rev = answer.body?.post?.rev;
        if (rev) this.#own.set(post.id, { from: post.rev, rev });
        this.#onDone(post.id);
      } else troubles.push(this.#trouble(post, answer));
      if (answer.status === 401) break;
    }
    if (troubles.length) {
      const first = done.length ? `Done: ${done.length} of ${posts.length}. ` : "";
      this.#feedback.show(first + troubles.join(" "), "trouble");
      // What was done is in the message already; a withdrawal is offered back by its row.
      return [];
    }
    return done;
  }

  /**
   * @param {Post} post
   * @param {Answer} answer
   */
  #trouble(post, answer) {
    const title = `“${postTitle(post)}”`;
    if (answer.status === 412) return `${title} was changed meanwhile and is as it was. Look at it, then do it again.`;
    if (answer.status === 410 || answer.status === 404) return `${title} was withdrawn already.`;
    if (answer.status === 409) return `${title} can't be put back: nothing of it was kept.`;
    return `${title}: ${this.#feedback.refusalText(answer)}`;
  }
}

/** @param {Post[]} posts */
const named = (posts) =>
  posts.length === 1 ? `“${postTitle(posts[0])}”` : `${posts.length} posts`;
