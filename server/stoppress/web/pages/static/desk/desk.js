/**
 * The desk's entry: puts the parts of the page together.
 * @module
 */

import { Reader } from "../stop-press/client.js";
import { Composer } from "./composer.js";
import { Drafts } from "./drafts.js";
import { FeedForm, setUpNewFeedForm } from "./feed_forms.js";
import { DeskPostList, postTitle } from "./desk_post_list.js";
import { Preview } from "./preview.js";
import { ROOT, RepeatedRequest, newIdempotencyKey } from "./send_request.js";

/**
 * @typedef {import("./send_request.js").Answer} Answer
 * @typedef {import("../stop-press/fold.js").Post} Post
 */

/**
 * @param {string} id
 * @returns {any}
 */
const byId = (id) => document.getElementById(id);

const LINE_TEXTS = {
  connecting: "Connecting…",
  live: "Live",
  reconnecting: "The live line broke; coming back…",
  ended: "The live line has ended.",
  gone: "This feed can't be read.",
};

/**
 * The message for a refusal.
 * @param {Answer} answer
 */
function refusalText({ status, body }) {
  if (status === 401) return "You are signed out. Sign in in another tab, then send again.";
  if (body?.detail) return `Refused: ${body.detail}.`;
  return `Refused (status ${status}).`;
}

/** @param {HTMLElement} element */
const feedbackAt = (element) => ({
  refusalText,
  confirm,
  /** @type {(text: string, kind?: string) => void} */
  show(text, kind = "") {
    element.textContent = text;
    element.dataset.kind = kind;
  },
});

/**
 * Ask the editor to confirm what can't be undone.
 * @param {string} question
 * @param {string} act
 * @returns {Promise<boolean>}
 */
function confirm(question, act) {
  const dialog = byId("confirm");
  byId("confirm-question").textContent = question;
  byId("confirm-act").textContent = act;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const done = () => resolve(dialog.returnValue === "yes");
    dialog.addEventListener("close", done, { once: true });
  });
}

const feedback = feedbackAt(byId("write-status"));
const listFeedback = feedbackAt(byId("list-status"));
const drafts = new Drafts(() => window.localStorage);
const composer = new Composer(byId("write"), drafts, new Preview(byId("preview")), feedback);
const feedForm = new FeedForm(byId("feed-form"), feedbackAt(byId("feed-status")));
const postList = new DeskPostList(byId("posts"), {
  edit: (post) => !isBusy() && composer.edit(post),
  withdraw,
});

/** @type {Reader | null} */
let reader = null;
let slug = "";

function isBusy() {
  if (composer.isSending) feedback.show("Something is still being sent; wait, or stop it.", "trouble");
  return composer.isSending;
}

/** @param {Post} post */
async function withdraw(post) {
  const title = postTitle(post);
  const question = `Withdraw “${title}”? It disappears from every reader's page at once.`;
  if (!(await confirm(question, "Withdraw"))) return;
  const path = `/v1/feeds/${slug}/posts/${post.id}`;
  const request = new RepeatedRequest({ method: "DELETE", path, key: newIdempotencyKey() }, (_, waitS) => {
    const then = `trying again in ${Math.ceil(waitS)} s`;
    listFeedback.show(`The withdrawal is not confirmed yet; ${then}.`, "trouble");
  });
  listFeedback.show("Withdrawing…");
  const answer = await request.run();
  if (answer?.status === 204) listFeedback.show(`Withdrawn: “${title}”.`, "good");
  else if (answer) listFeedback.show(refusalText(answer), "trouble");
}

/** @param {string} name */
function openFeed(name) {
  reader?.stop();
  slug = name;
  history.replaceState(null, "", `?feed=${name}`);
  byId("feed").value = name;
  byId("page-link").href = `${ROOT}/live/${name}`;
  byId("desk").hidden = false;
  listFeedback.show("");
  postList.show(null);
  composer.open(name);
  const mine = (reader = new Reader(location.origin + ROOT, name, {
    change(state) {
      if (mine !== reader) return;
      postList.show(state);
      feedForm.show(state.feed);
      byId("feed").selectedOptions[0].textContent = state.feed.title;
      byId("older").hidden = !mine.next;
    },
    line(state) {
      if (mine !== reader) return;
      byId("line").textContent = LINE_TEXTS[state];
      byId("line").dataset.line = state;
    },
  }));
  byId("line").textContent = LINE_TEXTS.connecting;
  byId("line").dataset.line = "connecting";
  reader.start();
}

/** @param {string} [wanted] */
async function loadFeeds(wanted) {
  const request = new RepeatedRequest({ method: "GET", path: "/desk/feeds", key: "" }, (_, waitS) => {
    const then = `trying again in ${Math.ceil(waitS)} s.`;
    byId("note").textContent = `The list of feeds could not be loaded; ${then}`;
  });
  const { status, body } = /** @type {Answer} */ (await request.run());
  byId("note").textContent = "";
  if (status !== 200) {
    byId("note").textContent = refusalText({ status, body });
    return;
  }
  const { feeds, makes } = body;
  const options = feeds.map((/** @type {any} */ feed) => new Option(feed.title, feed.slug));
  byId("feed").replaceChildren(...options);
  byId("make").hidden = !makes;
  byId("note").hidden = feeds.length > 0;
  if (!feeds.length) {
    byId("note").textContent = makes
      ? "There is no feed yet. Make the first one."
      : "This token may not write to any feed.";
    byId("make").open = makes;
    return;
  }
  const found = feeds.find((/** @type {any} */ feed) => feed.slug === wanted);
  openFeed((found ?? feeds[0]).slug);
}

byId("feed").addEventListener("change", () => {
  if (isBusy()) byId("feed").value = slug;
  else openFeed(byId("feed").value);
});
byId("older").addEventListener("click", async () => {
  try {
    await reader?.older();
  } catch {
    listFeedback.show("Older posts could not be loaded; try again.", "trouble");
  }
});
setUpNewFeedForm(byId("make-form"), feedbackAt(byId("make-status")), (feed) => {
  byId("make").open = false;
  loadFeeds(feed.slug);
});
loadFeeds(new URLSearchParams(location.search).get("feed") ?? undefined);
