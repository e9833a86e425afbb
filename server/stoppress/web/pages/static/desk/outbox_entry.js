/**
 * One entry of the outbox: a text on its way from the first key to the readers. Pure.
 *
 * Rules:
 * - An entry has one owner (`person`), one feed, and one state: a draft; queued; refused,
 *   in conflict or withdrawn meanwhile, which wait for the editor's decision; out.
 * - While an attempt's outcome is unknown, its idempotency key stays. A text changed
 *   meanwhile is sent under the same key: if the first attempt had arrived, the server
 *   says so, and the text becomes a change to that post. So nothing appears twice.
 * - An edit that met another editor's is merged without a question where they touched
 *   different members or lines; everything else is decided by the editor, never by a
 *   repeated key press.
 * @module
 */

import { waitingId } from "./picture_store.js";
import { EMPTY_DRAFT } from "./post_field_table.js";
import { newIdempotencyKey } from "./repeat_request_until_outcome.js";
import { draftOf, filledMembers, isEqualJson, mergePatch, rebase } from "./draft_patch_and_three_way_merge.js";

/**
 * @typedef {import("./post_field_table.js").Draft} Draft
 * @typedef {import("./repeat_request_until_outcome.js").Answer} Answer
 * @typedef {import("./repeat_request_until_outcome.js").Attempt & {tried: any[]}} Attempt
 * @typedef {import("./conflict_view.js").Conflict} Conflict
 * @typedef {"draft" | "queued" | "refused" | "conflict" | "withdrawn" | "out"} EntryState
 * @typedef {{id: string, person: string, feed: string, state: EntryState, draft: Draft,
 *   base: any, attempt: Attempt | null, disputes: Conflict[], order: number, reason: string,
 *   field: string, postId: string, notes?: string, notesBefore?: string, comment?: string, shared?: {id: string,
 *   rev: number, state: any, base?: any}}} Entry `shared`: the draft of the desk whose text
 *   this is. Browsers
 *   hold these across releases: the members keep their names. `notes`: for the desk alone,
 *   in no request; `notesBefore`: as they were when the entry was made. `comment`: on the draft of
 *   the desk, and not added yet. `base`: the post that is changed, as it was when editing began; null:
 *   a new post. `order`: milliseconds; entries of a feed are sent in this order.
 */

/**
 * @param {string} person
 * @param {string} feed
 * @param {any} [base]
 * @param {Draft} [draft]
 * @param {string} [notes]
 * @returns {Entry}
 */
export const newEntry = (person, feed, base = null, draft = cleanDraft(base), notes = "") => ({
  id: newIdempotencyKey(),
  person,
  feed,
  state: "draft",
  draft,
  base,
  attempt: null,
  disputes: [],
  order: 0,
  reason: "",
  field: "",
  postId: base?.id ?? "",
  notes,
  notesBefore: notes,
});

/**
 * The draft before anything was written.
 * @param {any} base
 * @returns {Draft}
 */
export const cleanDraft = (base) => (base ? draftOf(base) : EMPTY_DRAFT);

/**
 * An entry that another release kept, with the members that it did not know.
 * @param {Entry} entry
 * @returns {Entry}
 */
export const completed = (entry) => ({
  ...entry,
  draft: { ...cleanDraft(entry.base), ...entry.draft },
});

/**
 * Whether nothing of the entry is worth storing.
 * @param {Entry} entry
 */
export const isUntouched = ({ state, draft, base, attempt, notes = "", notesBefore = "", comment }) =>
  state === "draft" && !attempt && !comment && notes === notesBefore && isEqualJson(draft, cleanDraft(base));

/**
 * Whether the editor must decide before the entry may be sent.
 * @param {Entry} entry
 */
export const needsDecision = ({ state, disputes }) =>
  state === "withdrawn" || (state === "conflict" && disputes.some(({ decided }) => !decided));

/**
 * The entry, ready to be sent; null if there is nothing to send.
 * @param {Entry} entry
 * @param {number} now milliseconds
 * @returns {Entry | null}
 */
export function queued(entry, now) {
  const attempt = nextAttempt(entry);
  if (!attempt || (!entry.base && isEqualJson(attempt.body, {}))) return null;
  return { ...entry, attempt, state: "queued", order: now, disputes: [], reason: "", field: "" };
}

/**
 * @param {Entry} entry
 * @returns {Attempt | null}
 */
function nextAttempt({ base, draft, attempt, feed }) {
  const body = base ? changeOf(draftOf(base), draft) : filledMembers(draft);
  if (attempt) {
    // What names a waiting picture was never sent.
    const others = attempt.tried.filter((each) => !isEqualJson(each, body) && !hasWaiting(each.media));
    return { ...attempt, body, tried: [...others, body] };
  }
  if (base && isEqualJson(body, {})) return null;
  const path = `/v1/feeds/${feed}/posts`;
  const made = { key: newIdempotencyKey(), body, tried: [body] };
  if (!base) return { ...made, method: "POST", path };
  return { ...made, method: "PATCH", path: `${path}/${base.id}`, rev: base.rev };
}

/**
 * The patch of a post. A post always has a time: a draft without one leaves it as it is.
 * @param {Draft} before
 * @param {Draft} draft
 */
const changeOf = (before, draft) =>
  mergePatch(before, { ...draft, published_at: draft.published_at ?? before.published_at });

/**
 * The entry after an answer that settles its attempt.
 * @param {Entry} entry
 * @param {Answer} answer
 * @returns {Entry}
 */
export function settled(entry, { status, body }) {
  const open = { ...entry, attempt: null };
  if (status === 200 || status === 201) {
    // A withdrawn post has no time: it had arrived, and was withdrawn since.
    if (!body.post.published_at) return withdrawn(open);
    return { ...open, state: "out", base: body.post, postId: body.post.id };
  }
  if (status === 412 && body?.current) return rebased(open, body.current);
  if (entry.base && (status === 410 || status === 404)) return withdrawn(open);
  const reason = body?.detail ? `${body.detail}.` : `the server answered with status ${status}.`;
  return { ...open, state: "refused", reason, field: body?.field ?? "" };
}

/**
 * The entry after an answer, as it is by then: the editor may have taken it back, and
 * changed it, while it was under way.
 * @param {Entry} entry
 * @param {Answer} answer
 * @param {import("./repeat_request_until_outcome.js").Attempt} sent what is answered
 * @returns {Entry}
 */
export function answered(entry, answer, sent) {
  const { attempt, state } = entry;
  if (attempt?.key !== sent.key) return entry;
  if (state === "queued" && !isEqualJson(attempt.body, sent.body)) {
    // Sent again with another text: what arrived is not this one, which goes out next.
    const isThere = answer.status === 200 || answer.status === 201;
    return isThere ? arrivedEarlier(entry, answer.body.post) : entry;
  }
  const after = settled(entry, answer);
  // What was taken back stays with the editor; if it is out, it is a change to its post.
  return state !== "queued" && after.state === "out" ? { ...after, state: "draft" } : after;
}

/**
 * The entry on top of the post as someone else changed it. Queued again if both changes
 * go together; else in conflict.
 * @param {Entry} entry
 * @param {any} theirs
 * @returns {Entry}
 */
export function rebased(entry, theirs) {
  const { draft, conflicts } = rebase(draftOf(entry.base), entry.draft, draftOf(theirs));
  const before = draftOf(entry.base);
  const current = draftOf(theirs);
  const moved = { ...entry, draft, base: theirs, attempt: null };
  if (!conflicts.length) {
    if (entry.state !== "queued") return moved;
    // Both made the same change: nothing is left to send.
    return queued(moved, entry.order) ?? { ...moved, state: "out", postId: theirs.id };
  }
  const disputes = conflicts.map((name) => ({
    name,
    before: before[name],
    other: current[name],
    whose: /** @type {const} */ ("theirs"),
    decided: false,
  }));
  return { ...moved, state: "conflict", disputes };
}

/**
 * The post is gone: only the editor may put its text out again.
 * @param {Entry} entry
 * @returns {Entry}
 */
export const withdrawn = (entry) => ({
  ...entry,
  state: "withdrawn",
  attempt: null,
  disputes: [],
});

/**
 * Whether some of the media wait for their upload.
 * @param {{url?: string}[]} [media]
 */
export const hasWaiting = (media = []) => media.some(({ url }) => waitingId(url));

/**
 * The entry with pictures that were uploaded, by the addresses under which they waited.
 * @param {Entry} entry
 * @param {Map<string | undefined, {url: string, width: number, height: number}>} uploaded
 * @returns {Entry}
 */
export function withPictures(entry, uploaded) {
  const media = entry.draft.media.map((medium) => ({ ...medium, ...uploaded.get(medium.url) }));
  const changed = { ...entry, draft: { ...entry.draft, media } };
  return entry.state === "queued" ? (queued(changed, entry.order) ?? changed) : changed;
}

/**
 * The entry after a picture of it was refused: nothing of it was sent.
 * @param {Entry} entry
 * @param {number} index
 * @param {Answer} answer
 * @returns {Entry}
 */
export function pictureRefused(entry, index, { status, body }) {
  const field = `media[${index}].alt`;
  const reason = `the picture ${index + 1} can't be taken: ${body?.detail ?? `status ${status}`}.`;
  const sent = entry.attempt?.tried.filter((each) => !hasWaiting(each.media)) ?? [];
  const attempt = entry.attempt && sent.length ? { ...entry.attempt, tried: sent } : null;
  return { ...entry, state: "refused", attempt, reason, field };
}

/**
 * The draft as a new post, after the one that it changed was withdrawn.
 * @param {Entry} entry
 * @returns {Entry}
 */
export const asNewPost = (entry) => ({
  ...entry,
  state: "draft",
  base: null,
  postId: "",
  attempt: null,
  disputes: [],
});

/**
 * An earlier attempt under the same key had arrived: the text is a change to that post.
 * @param {Entry} entry
 * @param {any} post
 * @returns {Entry}
 */
export function arrivedEarlier(entry, post) {
  if (!post.published_at) return withdrawn(entry);
  const change = { ...entry, base: post, postId: post.id, attempt: null };
  if (entry.state !== "queued") return change;
  return queued(change, entry.order) ?? { ...change, state: "out" };
}

/**
 * What is left to write of an entry that is open here and changed elsewhere: what is known
 * of its post is the other's, the text is this tab's. null: just this text was sent.
 * @param {Entry} entry as another tab, or the outbox, left it
 * @param {Draft} draft as it is in this tab
 * @returns {Entry | null}
 */
export function withOwnText(entry, draft) {
  const { person, feed, state, base, notes } = entry;
  const isSent = state === "queued" || state === "out";
  if (isSent && isEqualJson(entry.draft, draft)) return null;
  // Another tab sent another text of it: neither takes the place of the other.
  if (state === "queued") return newEntry(person, feed, base, draft, notes);
  return { ...entry, draft, state: isSent ? "draft" : state };
}

/**
 * The headline, else the start of the text.
 * @param {Entry} entry
 */
export function entryTitle({ draft }) {
  const text = draft.headline || draft.body.trim().replace(/\s+/g, " ");
  const start = [...text].slice(0, 80).join("");
  if (start) return start.length < text.length ? `${start.trimEnd()}…` : start;
  return draft.media[0]?.type ?? "(empty)";
}
