// Editors with tabs in a drawn world (drawn_world.mjs): each does with the desk's own outbox,
// store of entries and locks what the composer does, and a ledger says what must be true.
//
// Rules of the ledger: a word is safe once the browser has it on its disk. Words leave by an
// act of an editor alone (throwing away, replacing, deciding). At the end, on a healed world:
// no safe word is lost, none is public that nobody sent, none is in two live posts.
import assert from "node:assert/strict";

import { deskModule } from "./desk_modules.mjs";
import { Browser, Tab, World, replaceGlobals } from "./drawn_world.mjs";

replaceGlobals();
const { EntryStore } = await deskModule("entry_store.js");
const { EntryLock } = await deskModule("one_tab_per_entry.js");
const { Outbox } = await deskModule("outbox.js");
const { asNewPost, isUntouched, needsDecision, newEntry, queued, rebased, withOwnText, withdrawn } = await deskModule("outbox_entry.js");
const { isEqualJson } = await deskModule("draft_patch_and_three_way_merge.js");
const { sendOnce } = await deskModule("repeat_request_until_outcome.js");

const FEED = "x";
const WORDS = /w\d+/g;
const wordsOf = (value) => JSON.stringify(value ?? null).match(WORDS) ?? [];

class Ledger {
  constructor() {
    this.count = 0;
    this.safe = new Set();
    this.gone = new Set();
    this.sent = new Set();
    this.log = [];
  }

  word() {
    return `w${++this.count}`;
  }

  /** An editor took these words away on purpose, but for those that stay. */
  remove(before, after = null) {
    const kept = new Set(wordsOf(after));
    for (const word of wordsOf(before)) if (!kept.has(word)) this.gone.add(word);
  }
}

/** One tab: the composer's rules, without its screen. */
class Editor {
  constructor(world, ledger, browser, person) {
    Object.assign(this, { world, ledger, person, isOpen: false });
    this.tab = new Tab(browser, person);
  }

  start() {
    return this.tab.act(async () => {
      this.store = new EntryStore(this.person);
      this.outbox = new Outbox(this.store);
      this.lock = new EntryLock(() => this.begin());
      this.begin();
      this.tab.onSend = (key) => this.checkSent(key);
      await this.store.open();
      this.store.onChange((id, isOther) => {
        if (id === this.entry.id && !this.isPutting) this.othersChange(isOther);
      });
      this.outbox.start();
      this.isOpen = true;
    });
  }

  begin() {
    this.entry = newEntry(this.person, FEED);
    this.lock.take(this.entry.id);
  }

  /** What leaves this tab's outbox is queued, as far as this tab knows. */
  checkSent(key) {
    const entry = this.store.all().find(({ attempt }) => attempt?.key === key);
    if (!entry) return;
    assert.equal(entry.state, "queued", `sent without being asked: ${JSON.stringify(entry)}`);
  }

  async put(entry) {
    this.isPutting = true;
    const written = this.store.put(entry);
    this.isPutting = false;
    await written;
    if (this.tab.isAlive && this.store.isKept) for (const word of wordsOf(entry.draft)) this.ledger.safe.add(word);
  }

  /** As the composer's: the text is this tab's, what is known of its post is the outbox'. */
  othersChange(isOther) {
    const entry = this.store.get(this.entry.id);
    if (!entry || entry === this.entry) return;
    const { attempt, state } = this.entry;
    if (isOther && entry.state === state && isEqualJson(entry.attempt, attempt)) return;
    const known = withOwnText(entry, this.entry.draft);
    if (!known) return this.begin();
    this.entry = known;
    this.put(known);
    if (known.id !== entry.id) this.lock.take(known.id);
  }

  change(draft) {
    this.entry = { ...this.entry, draft };
    if (isUntouched(this.entry)) this.store.remove(this.entry.id);
    else return this.put(this.entry);
  }

  write() {
    const { draft } = this.entry;
    const word = this.ledger.word();
    if (this.world.chance(0.3)) {
      this.ledger.remove(draft.headline);
      return this.change({ ...draft, headline: word });
    }
    const lines = draft.body ? draft.body.split("\n\n") : [];
    lines.splice(Math.floor(this.world.random() * (lines.length + 1)), 0, word);
    return this.change({ ...draft, body: lines.join("\n\n") });
  }

  submit() {
    if (needsDecision(this.entry)) return;
    const ready = queued(this.entry, this.world.now);
    if (!ready) return;
    for (const word of wordsOf(ready.draft)) this.ledger.sent.add(word);
    this.begin();
    this.put(ready);
  }

  async openEntry(id) {
    if ((await this.lock.take(id)) === false) {
      if (this.world.chance(0.5)) return;
      await this.lock.take(id, true);
    }
    const entry = await this.store.fresh(id);
    if (!entry || entry.state === "out" || !this.lock.holds(id)) return;
    const isBack = entry.state === "queued" || entry.state === "refused";
    this.entry = isBack ? { ...entry, state: "draft" } : entry;
    if (entry.state === "queued") this.put(this.entry);
  }

  async edit(id) {
    const mine = this.store.all(FEED).find(({ postId, state }) => postId === id && state !== "out");
    const before = this.entry;
    const { status, body } = await sendOnce({ method: "GET", path: `/v1/feeds/${FEED}/posts/${id}` });
    if (this.entry !== before) return;
    if (mine) {
      await this.openEntry(mine.id);
      const { entry } = this;
      if (status === 200 && entry.id === mine.id && !entry.attempt && entry.base.rev < body.rev) {
        this.entry = rebased(entry, body);
        this.put(this.entry);
      }
    } else if (status === 200) {
      this.entry = newEntry(this.person, FEED, body);
      await this.lock.take(this.entry.id);
    }
  }

  /** The line says that a post was withdrawn. */
  noteWithdrawal() {
    const { base, state, attempt } = this.entry;
    if (!base || attempt || state === "withdrawn" || !this.world.server.posts.get(base.id)?.isWithdrawn) return;
    if (isUntouched(this.entry)) return this.begin();
    this.entry = withdrawn(this.entry);
    this.put(this.entry);
  }

  decide() {
    const { entry, ledger } = this;
    if (entry.state === "withdrawn") {
      this.entry = asNewPost(entry);
      return this.put(this.entry);
    }
    if (entry.state !== "conflict") return;
    const draft = { ...entry.draft };
    const disputes = entry.disputes.map((dispute) => {
      const { name, other } = dispute;
      if (this.world.chance(0.5)) {
        ledger.remove(other, draft[name]);
        return { ...dispute, decided: true };
      }
      const mine = draft[name];
      ledger.remove(mine, other);
      draft[name] = other;
      return { ...dispute, other: mine, whose: "mine", decided: true };
    });
    this.entry = { ...entry, draft, disputes };
    this.put(this.entry);
  }

  async discard() {
    if (this.entry.attempt || isUntouched(this.entry)) return;
    // Words that are out stay out.
    this.ledger.remove(this.entry.draft, this.entry.base);
    await this.store.remove(this.entry.id);
    this.begin();
  }

  withdraw(post) {
    return sendOnce({ method: "DELETE", path: `/v1/feeds/${FEED}/posts/${post.id}`, rev: post.rev });
  }

  /** One thing that an editor does. */
  act() {
    const { world } = this;
    const posts = [...world.server.posts.values()].filter(({ isWithdrawn }) => !isWithdrawn);
    const entries = this.store.all(FEED).filter(({ state }) => state !== "out");
    const drawn = world.random();
    if (drawn < 0.34) return this.write();
    if (drawn < 0.56) return this.submit();
    if (drawn < 0.7) return posts.length && this.edit(world.pick(posts).id);
    if (drawn < 0.8) return entries.length && this.openEntry(world.pick(entries).id);
    if (drawn < 0.88) return this.decide();
    if (drawn < 0.92) return this.noteWithdrawal();
    if (drawn < 0.95) return this.discard();
    if (drawn < 0.97) return this.begin();
    return posts.length && this.withdraw(world.pick(posts));
  }
}

/** Play one drawn interleaving, and check it. Throws with what is wrong. */
export async function play(seed, steps = 200) {
  const world = new World(seed);
  const ledger = new Ledger();
  const editors = [];
  const open = (browser, person) => {
    const editor = new Editor(world, ledger, browser, person);
    editors.push(editor);
    return editor.start();
  };
  // Two to four editors; the first two may share a browser, the others have one each.
  const persons = ["a", "b", "c", "d"].slice(0, 2 + Math.floor(world.random() * 3));
  const isShared = world.chance(0.3);
  const browsers = persons.map((_, number) => new Browser(number));
  const homes = new Map(persons.map((person, index) => [person, browsers[isShared && index === 1 ? 0 : index]]));
  for (const [person, browser] of homes) {
    browser.person = person;
    await open(browser, person);
  }
  const living = () => editors.filter(({ tab, isOpen }) => tab.isAlive && isOpen);
  for (let step = 0; step < steps; step++) {
    const drawn = world.random();
    const [person, browser] = world.pick([...homes]);
    if (drawn < 0.45) await world.step();
    else if (drawn < 0.85) {
      const able = living();
      const editor = able.length ? world.pick(able) : null;
      await editor?.tab.act(() => editor.act());
    } else if (drawn < 0.88) await world.pass();
    else if (drawn < 0.91) {
      if (editors.filter(({ tab }) => tab.isAlive).length < 8) await open(browser, person);
    } else if (drawn < 0.94) {
      const all = living();
      if (all.length) world.pick(all).tab.kill();
    } else if (drawn < 0.97) browser.isOnline = !browser.isOnline;
    else browser.person = world.chance(0.4) ? "" : person;
  }
  await heal(world, homes, open, living);
  check(world, ledger, new Set(homes.values()));
  return { words: ledger.count, posts: world.server.posts.size };
}

/** Connections and sessions are back; each person has a tab; everything under way ends. */
async function heal(world, homes, open, living) {
  world.faults = false;
  const left = new Map(homes);
  while (left.size) {
    // Of persons who share a browser one is signed in at a time.
    const signedIn = new Map([...left].map(([person, browser]) => [browser, person]));
    for (const [browser, person] of signedIn) {
      Object.assign(browser, { isOnline: true, person });
      left.delete(person);
      await open(browser, person);
    }
    // A tab that was killed as it took a text back may have told the others, and not the disk.
    const isTakenBack = ({ id, person }) =>
      living().some((each) => each.person === person && (each.store.get(id)?.state ?? "queued") !== "queued");
    const isWaiting = (entry) =>
      entry.state === "queued" && [...signedIn.values()].includes(entry.person) && !isTakenBack(entry);
    const waiting = () => [...signedIn.keys()].flatMap(({ disk }) => [...disk.values()]).filter(isWaiting);
    const isQuiet = () => !waiting().length && !living().some(({ store }) => store.all().some(isWaiting));
    for (let turn = 0; turn < 6000; turn++) {
      if (await world.step()) continue;
      if (isQuiet()) break;
      await world.pass();
    }
assert.deepEqual(waiting(), [], `what is queued is never sent: ${waiting().map(({ id, draft }) => id.slice(0, 4) + JSON.stringify(draft.body))}`);
  }
}

function check(world, ledger, browsers) {
  const posts = [...world.server.posts.values()];
  const kept = [...browsers].flatMap(({ disk }) => [...disk.values()]);
  const somewhere = new Set(wordsOf([posts.map(({ history }) => history), kept]));
  for (const word of ledger.safe) {
    assert.ok(somewhere.has(word) || ledger.gone.has(word), `${word} is lost`);
  }
  for (const { id, history, isWithdrawn } of posts) {
    for (const word of wordsOf(history)) assert.ok(ledger.sent.has(word), `${word} is public unasked, in ${id}`);
    if (isWithdrawn) continue;
    const now = new Set(wordsOf(history.at(-1)));
    for (const word of wordsOf(history)) {
      assert.ok(now.has(word) || ledger.gone.has(word), `${word} was taken out of ${id} by nobody`);
    }
  }
  const places = new Map();
  for (const { id, history, isWithdrawn } of posts) {
    if (isWithdrawn) continue;
    for (const word of new Set(wordsOf(history.at(-1)))) {
      assert.ok(!places.has(word), `${word} is out twice, in ${places.get(word)} and ${id}`);
      places.set(word, id);
    }
  }
}
