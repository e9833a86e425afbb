/**
 * The desk: puts the parts of the page together.
 * @module
 */

import { Reader } from "../stop-press/client.js";
import { Composer } from "./composer.js";
import { Drafts } from "./drafts.js";
import { FeedForm, newFeed } from "./feeds.js";
import { Posts, titleOf } from "./posts.js";
import { Preview } from "./preview.js";
import { ROOT, Sending, newKey } from "./send.js";

/**
 * @typedef {import("./send.js").Answer} Answer
 * @typedef {import("../stop-press/fold.js").Post} Post
 */

/**
 * @param {string} id
 * @returns {any}
 */
const by = (id) => document.getElementById(id);

const LINES = {
  connecting: "Connecting…",
  live: "Live",
  reconnecting: "The live line broke; coming back…",
  ended: "The live line has ended.",
  gone: "This feed can't be read.",
};

/**
 * What to say of a refusal.
 * @param {Answer} answer
 */
function refused({ status, body }) {
  if (status === 401) return "You are signed out. Sign in in another tab, then send again.";
  if (body?.detail) return `Refused: ${body.detail}.`;
  return `Refused (status ${status}).`;
}

/** @param {HTMLElement} place */
const voiceAt = (place) => ({
  refused,
  confirm,
  /** @type {(text: string, kind?: string) => void} */
  say(text, kind = "") {
    place.textContent = text;
    place.dataset.kind = kind;
  },
});

/**
 * Ask before something that can't be undone.
 * @param {string} question
 * @param {string} act
 * @returns {Promise<boolean>}
 */
function confirm(question, act) {
  const dialog = by("confirm");
  by("confirm-question").textContent = question;
  by("confirm-act").textContent = act;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((go) => {
    const done = () => go(dialog.returnValue === "yes");
    dialog.addEventListener("close", done, { once: true });
  });
}

const voice = voiceAt(by("write-status"));
const listVoice = voiceAt(by("list-status"));
const drafts = new Drafts(() => window.localStorage);
const composer = new Composer(by("write"), drafts, new Preview(by("preview")), voice);
const feedForm = new FeedForm(by("feed-form"), voiceAt(by("feed-status")));
const posts = new Posts(by("posts"), {
  edit: (post) => !isBusy() && composer.edit(post),
  withdraw,
});

/** @type {Reader | null} */
let reader = null;
let slug = "";

function isBusy() {
  if (composer.isSending) voice.say("Something is still being sent; wait, or stop it.", "trouble");
  return composer.isSending;
}

/** @param {Post} post */
async function withdraw(post) {
  const title = titleOf(post);
  const question = `Withdraw “${title}”? It disappears from every reader's page at once.`;
  if (!(await confirm(question, "Withdraw"))) return;
  const path = `/v1/feeds/${slug}/posts/${post.id}`;
  const sending = new Sending({ method: "DELETE", path, key: newKey() }, (_, waitS) => {
    const then = `trying again in ${Math.ceil(waitS)} s`;
    listVoice.say(`The withdrawal is not confirmed yet; ${then}.`, "trouble");
  });
  listVoice.say("Withdrawing…");
  const answer = await sending.run();
  if (answer?.status === 204) listVoice.say(`Withdrawn: “${title}”.`, "good");
  else if (answer) listVoice.say(refused(answer), "trouble");
}

/** @param {string} name */
function choose(name) {
  reader?.stop();
  slug = name;
  history.replaceState(null, "", `?feed=${name}`);
  by("feed").value = name;
  by("page-link").href = `${ROOT}/live/${name}`;
  by("desk").hidden = false;
  listVoice.say("");
  posts.show(null);
  composer.open(name);
  const mine = (reader = new Reader(location.origin + ROOT, name, {
    change(state) {
      if (mine !== reader) return;
      posts.show(state);
      feedForm.show(state.feed);
      by("feed").selectedOptions[0].textContent = state.feed.title;
      by("older").hidden = !mine.next;
    },
    line(state) {
      if (mine !== reader) return;
      by("line").textContent = LINES[state];
      by("line").dataset.line = state;
    },
  }));
  by("line").textContent = LINES.connecting;
  by("line").dataset.line = "connecting";
  reader.start();
}

/** @param {string} [wanted] */
async function list(wanted) {
  const asking = new Sending({ method: "GET", path: "/desk/feeds", key: "" }, (_, waitS) => {
    const then = `trying again in ${Math.ceil(waitS)} s.`;
    by("note").textContent = `The list of feeds can't be had now; ${then}`;
  });
  const { status, body } = /** @type {Answer} */ (await asking.run());
  by("note").textContent = "";
  if (status !== 200) {
    by("note").textContent = refused({ status, body });
    return;
  }
  const { feeds, makes } = body;
  const options = feeds.map((/** @type {any} */ feed) => new Option(feed.title, feed.slug));
  by("feed").replaceChildren(...options);
  by("make").hidden = !makes;
  by("note").hidden = feeds.length > 0;
  if (!feeds.length) {
    by("note").textContent = makes
      ? "There is no feed yet. Make the first one."
      : "This token may not write to any feed.";
    by("make").open = makes;
    return;
  }
  const found = feeds.find((/** @type {any} */ feed) => feed.slug === wanted);
  choose((found ?? feeds[0]).slug);
}

by("feed").addEventListener("change", () => {
  if (isBusy()) by("feed").value = slug;
  else choose(by("feed").value);
});
by("older").addEventListener("click", async () => {
  try {
    await reader?.older();
  } catch {
    listVoice.say("Older posts can't be had now; try again.", "trouble");
  }
});
newFeed(by("make-form"), voiceAt(by("make-status")), (feed) => {
  by("make").open = false;
  list(feed.slug);
});
list(new URLSearchParams(location.search).get("feed") ?? undefined);
