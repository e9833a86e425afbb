/**
 * What can be done to several selected posts at once.
 * @module
 */

import { answerOf, byId } from "./status_messages_and_questions.js";

/**
 * @typedef {import("../stop-press/fold.js").Post} Post
 * @typedef {import("./post_commands.js").PostCommands} PostCommands
 */

/**
 * @param {import("./desk_post_list.js").DeskPostList} list
 * @param {PostCommands} commands
 */
export function setUpBulkBar(list, commands) {
  const bar = byId("bulk");
  const { selection } = list;
  selection.onChange = () => {
    const { length } = selection.posts;
    bar.hidden = !length;
    byId("bulk-count").textContent = `${length} selected`;
  };
  const acts = /** @type {{[name: string]: (posts: Post[]) => void}} */ ({
    withdraw: (posts) => commands.withdraw(posts),
    key: (posts) => commands.change(posts, ({ key }) => (key ? {} : { key: true }), "Key now"),
    unkey: (posts) => commands.change(posts, ({ key }) => (key ? { key: false } : {}), "No longer key"),
    unpin: (posts) => commands.change(posts, ({ pinned }) => (pinned ? { pinned: false } : {}), "Not pinned"),
    tag: (posts) => tag(posts, commands, () => selection.clear()),
    none: () => {},
  });
  bar.addEventListener("click", (/** @type {Event} */ { target }) => {
    const name = target instanceof HTMLElement ? target.dataset.bulk : undefined;
    if (!name) return;
    const { posts } = selection;
    if (name !== "tag") selection.clear();
    acts[name](posts);
  });
}

/**
 * Ask which tags, and change those of the posts.
 * @param {Post[]} posts
 * @param {PostCommands} commands
 * @param {() => void} onDecided
 */
async function tag(posts, commands, onDecided) {
  const form = byId("tagging").querySelector("form");
  form.reset();
  if ((await answerOf(byId("tagging"))) !== "yes") return;
  onDecided();
  const [added, removed] = [listed(form.elements.add.value), listed(form.elements.remove.value)];
  commands.change(posts, ({ tags = [] }) => tagPatch(tags, added, removed), "Tagged");
}

/** @param {string} text */
const listed = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);

/**
 * The patch that adds and removes tags; {} if it would change nothing.
 * @param {string[]} tags
 * @param {string[]} added
 * @param {string[]} removed
 */
export function tagPatch(tags, added, removed) {
  const after = [...new Set([...tags, ...added])].filter((each) => !removed.includes(each));
  const isSame = after.length === tags.length && after.every((each) => tags.includes(each));
  return isSame ? {} : { tags: after };
}
