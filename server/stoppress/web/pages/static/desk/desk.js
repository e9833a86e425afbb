/**
 * The desk's entry: puts the parts of the page together.
 * @module
 */

import { setUpBulkBar } from "./bulk_bar.js";
import { complainAt } from "./field_errors.js";
import { Composer } from "./composer.js";
import { DeskLine } from "./hear_draft_and_presence_changes.js";
import { DeskPostList } from "./desk_post_list.js";
import { DraftComments } from "./draft_comments.js";
import { EntryStore } from "./entry_store.js";
import { fetchFeeds, waitForPerson } from "./writable_feeds.js";
import { FeedForm, setUpNewFeedForm } from "./feed_forms.js";
import { setUpFeedTools } from "./embed_code_and_export_tools.js";
import { byId, confirm, feedbackAt } from "./status_messages_and_questions.js";
import { setUpHandingOver } from "./submit_or_schedule_draft.js";
import { hideWhenSignedOut } from "./hide_desk_when_signed_out.js";
import { guardPage, guardPastes } from "./refuse_oversized_input_and_drops.js";
import { ListKeys, setUpKeysDialog } from "./keyboard_shortcuts.js";
import { OpenFeed } from "./open_feed.js";
import { Outbox } from "./outbox.js";
import { OutboxCards } from "./outbox_cards.js";
import { entryTitle, newEntry } from "./outbox_entry.js";
import { PostCommands } from "./post_commands.js";
import { PostMenu } from "./post_menu.js";
import { keepNotes, sendNotes } from "./fetch_keep_and_send_post_notes.js";
import { postTitle } from "./post_title_and_search_text.js";
import { Presence } from "./presence_and_leases.js";
import { Preview } from "./preview.js";
import { ReaderChart } from "./reader_chart.js";
import { RevisionsView } from "./revisions_view.js";
import { SearchBar, byLargePages } from "./search_bar.js";
import { openSealedTexts, sealTextsOfOthers } from "./sealed_texts.js";
import { ROOT } from "./repeat_request_until_outcome.js";
import { SharedDrafts } from "./shared_drafts.js";
import { SinceYouLeft } from "./since_you_left.js";
import { takeDown } from "./takedown.js";
import { TextTemplates, sendTemplates } from "./text_templates.js";
import { trustedScript } from "./trusted_types.js";
import { setUpSigningOut } from "./upload_drafts_at_sign_out.js";
import { setUpViews, showView } from "./narrow_screen_views_and_dialog_buttons.js";
import { addToSummary, setUpWriting } from "./toolbar_and_suggestions.js";

/** @typedef {import("../stop-press/fold.js").Post} Post */

const person = byId("desk").dataset.person ?? "";
const feedback = feedbackAt(byId("write-status"));
const listFeedback = feedbackAt(byId("list-status"));
const store = new EntryStore(person);
const composer = new Composer(byId("write"), store, new Preview(byId("preview")), feedback);
const outbox = new Outbox(store);
const feedForms = [
  new FeedForm(byId("feed-form"), feedbackAt(byId("feed-status")), person, (isUnsaved) => {
    byId("open-settings").textContent = isUnsaved ? "Feed settings (not saved)" : "Feed settings";
  }),
  new FeedForm(byId("summary-form"), feedbackAt(byId("summary-status")), person, (isUnsaved) => {
    if (isUnsaved) byId("summary").open = true;
  }),
];
const chart = new ReaderChart(byId("chart"));
/** @type {PostCommands} */
const commands = new PostCommands(listFeedback, (id) => list.own(id));

const zone = () => openFeed.feed?.timezone ?? "UTC";
/** Whether this person may change the feed itself; the server decides. */
let mayManage = false;

const openFeed = new OpenFeed({
  changed(state) {
    composer.zone = zone();
    list.show(state);
    for (const form of feedForms) form.show(state.feed);
    search.update();
    search.tell();
  },
  readers(count) {
    chart.add(count);
    showCards();
  },
  withdrawn: (isWithdrawn) => composer.noteWithdrawals(isWithdrawn),
});

const cards = new OutboxCards(byId("outbox"), store, {
  open(id) {
    showView("write");
    composer.openEntry(id);
  },
  discard,
  readers: () => openFeed.readers,
});

/** @type {(post: Post) => void} */
const edit = (post) => {
  showView("write");
  composer.edit(post);
};
/** @param {Post} post */
const toggleKey = (post) =>
  commands.change([post], ({ key }) => ({ key: !key }), post.key ? "No longer key" : "Key now");
/** @param {Post} post */
const togglePin = (post) =>
  commands.change([post], ({ pinned }) => ({ pinned: !pinned }), post.pinned ? "Not pinned" : "Pinned");

const menu = new PostMenu(byId("post-menu"), (post) => [
  { label: post.key ? "Not a key moment" : "Key moment", key: "k", run: toggleKey },
  { label: post.pinned ? "Unpin" : "Pin", key: "p", run: togglePin },
  { label: "History", key: "h", run: showHistory },
  { label: "Add to what we know", run: (each) => addToSummary(postTitle(each)) },
  { label: "Copy the address", run: copyAddress },
  ...(mayManage ? [{ label: "Take down…", isDanger: true, run: takeDownPost }] : []),
]);

/** @type {DeskPostList} */
const list = new DeskPostList(
  byId("posts"),
  {
    edit,
    withdraw: (post) => commands.withdraw([post]),
    more: (post, button) => menu.open(post, button),
    pick: (id, isPicked, isRange) => list.selection.pick(id, isPicked, isRange),
    putBack: (post) => commands.putBack([post]),
  },
  {
    news(text) {
      byId("news").hidden = !text;
      byId("news").textContent = text;
    },
    shown(count) {
      byId("list-count").textContent = String(count);
      keys.update();
    },
  },
);
const search = new SearchBar(list, () => openFeed.reader);
const keys = new ListKeys(
  byId("posts"),
  () => list.posts,
  {
    e: { text: "edit", run: edit },
    p: { text: "pin, or unpin", run: togglePin },
    k: { text: "key moment, or not", run: toggleKey },
    w: { text: "withdraw", run: (post) => commands.withdraw([post]) },
    h: { text: "history", run: showHistory },
    x: { text: "select", run: ({ id }) => list.selection.pick(id, !list.selection.has(id)) },
    m: { text: "more", run: ({ id }) => list.rowOf(id)?.querySelector(/** @type {"button"} */ ("[aria-haspopup]"))?.click() },
  },
  {
    n: { text: "write another", run: newPost },
    j: { text: "to the list; in it, the next post (J: the one before)", run: toList },
    "/": { text: "search", run: toSearch },
    "?": { text: "these keys", run: () => byId("keys").showModal() },
  },
);

function showCards() {
  const count = cards.show(openFeed.slug, composer.entryId);
  cards.showSent(byId("sent"), composer.sentId);
  const all = count + shared.count;
  byId("queue-count").textContent = all ? String(all) : "";
  byId("queue-empty").hidden = all > 0;
  const { base, shared: draft } = composer.entry;
  comments.show(openFeed.slug, draft?.id ?? "", shared.find(draft?.id ?? ""));
  if (openFeed.slug) presence.show(openFeed.slug, draft?.id ?? base?.id ?? "");
}

function newPost() {
  showView("write");
  composer.startNew();
}

function toList() {
  showView("list");
  keys.focus();
}

function toSearch() {
  showView("list");
  byId("search").focus();
}

/** @param {import("./outbox_entry.js").Entry} entry */
async function discard(entry) {
  if (await confirm(`Throw away “${entryTitle(entry)}”?`, "Throw away")) store.remove(entry.id);
}

/** @param {Post} post */
async function copyAddress({ url }) {
  const address = new URL(/** @type {string} */ (url), location.href).href;
  try {
    await navigator.clipboard.writeText(address);
    listFeedback.show("The address is copied.", "good");
  } catch {
    listFeedback.show(address);
  }
}

const revisions = new RevisionsView({
  putBack(post, draft) {
    composer.sentId = outbox.sendChange(openFeed.slug, post, draft);
    showCards();
  },
  open(post, draft) {
    openMade(newEntry(person, openFeed.slug, post, draft));
  },
});

/** @param {import("./outbox_entry.js").Entry} entry */
function openMade(entry) {
  showView("write");
  composer.openMade(entry);
}

const shared = new SharedDrafts(byId("drafts"), feedback, { person, zone, open: openMade });
const comments = new DraftComments({ zone, composer });
const presence = new Presence(feedback);
const deskLine = new DeskLine({
  drafts: () => shared.refresh(),
  presence: (message) => presence.hear(message),
});
setUpHandingOver(composer, shared, feedback, zone);

/** @param {Post} post */
function showHistory(post) {
  revisions.open(openFeed.slug, post, zone());
}

/** @param {Post} post */
function takeDownPost(post) {
  takeDown(openFeed.slug, post, zone());
}

/** @param {string} slug */
function open(slug) {
  commands.feed = slug;
  byId("desk").hidden = false;
  byId("open-settings").hidden = false;
  listFeedback.show("");
  chart.clear();
  list.show(null);
  search.clear();
  openFeed.open(slug);
  composer.open(slug);
  sinceYouLeft.tell(slug);
  shared.show(slug);
  deskLine.open(slug);
  showCards();
}

/** @param {string} [wanted] */
async function loadFeeds(wanted) {
  const answer = await fetchFeeds(person);
  if (!answer) return;
  const { feeds, makes } = answer;
  // What was written for a feed that is deleted, or no more this person's, stays in reach.
  for (const { feed, state } of store.all()) {
    if (feed && state !== "out" && !feeds.some(({ slug }) => slug === feed)) feeds.push({ slug: feed, title: feed });
  }
  mayManage = makes;
  byId("feed").replaceChildren(...feeds.map(({ title, slug }) => new Option(title, slug)));
  byId("open-make").hidden = !makes;
  byId("note").hidden = feeds.length > 0;
  if (feeds.length) return open((feeds.find(({ slug }) => slug === wanted) ?? feeds[0]).slug);
  byId("note").textContent = makes
    ? "There is no feed yet. Make the first one."
    : "This token may not write to any feed.";
  if (makes) byId("make").showModal();
}

byId("feed").addEventListener("change", () => open(byId("feed").value));
byId("write").addEventListener("entry", showCards);
byId("queue").addEventListener("drafts", showCards);
store.onChange((id, isOther) => {
  const { state, feed, postId, notes = "", notesBefore = "" } = store.get(id) ?? {};
  if (state === "out" && !isOther && notes !== notesBefore) keepNotes(person, feed ?? "", postId ?? "", notes, notesBefore);
  showCards();
});
guardPastes(document.body, complainAt);
guardPage((reason) => feedback.show(reason, "trouble"));
byId("news").addEventListener("click", () => {
  list.release();
  byId("scroll").scrollTop = 0;
});
byId("older").addEventListener("click", async () => {
  try {
    if (openFeed.reader) byLargePages(openFeed.reader);
    await openFeed.reader?.older();
  } catch {
    listFeedback.show("Older posts could not be loaded; try again.", "trouble");
  }
});
const sinceYouLeft = new SinceYouLeft(person, () => openFeed);
new TextTemplates(person, composer);
setUpWriting(() => openFeed.reader?.state?.posts.values() ?? []);
setUpFeedTools(() => openFeed.feed);
setUpViews();
setUpKeysDialog(keys, byId("key-list"), byId("keys-on"));
setUpBulkBar(list, commands);

if (person) {
  await store.open();
  const restoreNewFeed = setUpNewFeedForm(byId("make-form"), feedbackAt(byId("make-status")), person, (feed) => {
    byId("make").close();
    loadFeeds(feed.slug);
  });
  let unopened = "";
  const tellUnopened = () => unopened && listFeedback.show(unopened, "trouble");
  const useKept = (failed = 0) => {
    if (failed) unopened = `${failed} sealed in this browser can't be opened: the server's key is another one.`;
    tellUnopened();
    for (const form of feedForms) form.restore();
    restoreNewFeed();
    sendNotes(person).then(() => sendTemplates(person));
  };
  // Once more if the server's answer comes when the desk is there already.
  await openSealedTexts(store, useKept);
  sealTextsOfOthers(person);
  let isLeaving = false;
  const leave = () => {
    isLeaving = true;
    openFeed.close();
  };
  setUpSigningOut({ store, composer, outbox, leave });
  outbox.start();
  useKept();
  hideWhenSignedOut(store, () => outbox.hurry(), () => isLeaving);
  loadFeeds(new URLSearchParams(location.search).get("feed") ?? undefined).then(tellUnopened);
} else {
  waitForPerson();
}
if (navigator.serviceWorker && person) {
  navigator.serviceWorker
    .register(trustedScript(`${ROOT}/desk/service-worker.js`), { scope: `${ROOT}/desk` })
    .catch(() => {}); // The desk works without: it can't be opened offline then.
}
