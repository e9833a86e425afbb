/**
 * Seals what a person wrote in this browser once the session has ended, and opens it for
 * that person alone.
 *
 * Rules:
 * - It is sealed with a public key of the person, which the browser keeps. The private key
 *   comes from the server, to a session of the person, and is kept nowhere.
 * - A text is removed only after its sealed form is on the disk, and only as it was sealed;
 *   a sealed form only after its text is. What is written since goes before what was sealed.
 * - A browser without WebCrypto (pages over plain HTTP) leaves the texts as they are.
 * @module
 */

import { ENTRIES, PICTURES, SEALED, act } from "./browser_database.js";
import { withFormer } from "./unsent_lists_in_local_storage.js";
import { completed } from "./outbox_entry.js";
import { waitingId } from "./picture_store.js";
import { RepeatedRequest } from "./repeat_request_until_outcome.js";
import { isEqualJson } from "./draft_patch_and_three_way_merge.js";

/**
 * @typedef {import("./outbox_entry.js").Entry} Entry
 * @typedef {{id: string, person: string, key: any, iv: Uint8Array, data: ArrayBuffer}} Sealed
 *   `key`: the public half of the pair that was made to seal it
 * @typedef {{entry?: Entry, picture?: {id: string, name: string, type: string},
 *   item?: [name: string, value: string]}} Head what is sealed; the file of a picture follows it
 */

const KEY = "stop-press-key:";
const CURVE = { name: "ECDH", namedCurve: "P-256" };
const ROUNDS = 5;

const { subtle } = globalThis.crypto ?? {};

/**
 * Seal the texts of all people but this one; how many lie sealed here then.
 * @param {string} person "": of all
 */
export async function sealTextsOfOthers(person) {
  try {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(KEY));
    for (const name of names) if (name !== KEY + person) await sealTexts(name.slice(KEY.length));
    return await act(SEALED, "readonly", (records) => records.count());
  } catch {
    return 0; // The browser keeps nothing.
  }
}

/**
 * Seal what this person wrote; whether nothing is left unsealed.
 * @param {string} person
 * @returns {Promise<boolean>}
 */
export async function sealTexts(person) {
  try {
    const key = JSON.parse(localStorage.getItem(KEY + person) ?? "null");
    if (!key || !subtle || !navigator.locks) return false;
    return await navigator.locks.request(lockOf(person), async () => {
      // Another tab may write until it has learnt that the session ended.
      for (let round = 0; round < ROUNDS; round++) if (await sealOnce(person, key)) return true;
      return false;
    });
  } catch {
    return false;
  }
}

/** @param {string} person */
const lockOf = (person) => `stop-press-seal:${person}`;

/**
 * @param {string} person
 * @param {JsonWebKey} key
 */
async function sealOnce(person, key) {
  /** @type {Entry[]} */
  const all = await act(ENTRIES, "readonly", (records) => records.getAll());
  const entries = all.filter((entry) => entry.person === person);
  const names = itemsOf(person);
  const waiting = entries.flatMap(({ draft }) => (draft.media ?? []).map(({ url }) => waitingId(url))).filter(Boolean);
  if (!entries.length && !names.length) return true;
  const seal = await sealer(person, key);
  /** @type {Promise<Sealed>[]} */
  const made = entries.map((entry) => seal(`text ${entry.id}`, { entry }));
  for (const name of names) made.push(seal(`item ${name}`, { item: [name, localStorage.getItem(name) ?? ""] }));
  for (const id of waiting) {
    const kept = await act(PICTURES, "readonly", (records) => records.get(id));
    if (!kept) continue;
    const picture = { id, name: kept.name, type: kept.blob.type };
    made.push(seal(`picture ${id}`, { picture }, kept.blob));
  }
  const sealed = await Promise.all(made);
  await act(SEALED, "readwrite", (records) => {
    for (const each of sealed) records.put(each);
  });
  /** @type {string[]} */ const gone = [];
  let isAll = true;
  await act(ENTRIES, "readwrite", (records) => {
    for (const entry of entries) {
      const request = records.get(entry.id);
      request.onsuccess = () => {
        if (!request.result) gone.push(entry.id);
        else if (isEqualJson(request.result, entry)) records.delete(entry.id);
        else isAll = false;
      };
    }
  });
  await act(SEALED, "readwrite", (records) => {
    for (const id of gone) records.delete(`text ${id}`);
  });
  if (!isAll) return false;
  await act(PICTURES, "readwrite", (records) => {
    for (const id of waiting) records.delete(id);
  });
  for (const name of names) localStorage.removeItem(name);
  return true;
}

/**
 * The names under which localStorage keeps something of this person, but for the key.
 * @param {string} person
 */
const itemsOf = (person) =>
  Object.keys(localStorage).filter(
    (name) => name.startsWith("stop-press-") && name.endsWith(`:${person}`) && !name.startsWith(KEY),
  );

/**
 * A function that seals for the person, with a pair made for the purpose.
 * @param {string} person
 * @param {JsonWebKey} key
 * @returns {Promise<(id: string, head: Head, file?: Blob) => Promise<Sealed>>}
 */
async function sealer(person, key) {
  const pair = /** @type {CryptoKeyPair} */ (await subtle.generateKey(CURVE, false, ["deriveKey"]));
  const shared = await sharedKey(pair.privateKey, key, "encrypt");
  const ours = await subtle.exportKey("jwk", pair.publicKey);
  return async (id, head, file) => {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const text = await new Blob([`${JSON.stringify(head)}\n`, file ?? ""]).arrayBuffer();
    return { id, person, key: ours, iv, data: await subtle.encrypt({ name: "AES-GCM", iv }, shared, text) };
  };
}

/**
 * The key that both pairs give.
 * @param {CryptoKey} own the private half of one
 * @param {JsonWebKey} other the public half of the other
 * @param {KeyUsage} usage
 */
async function sharedKey(own, { kty, crv, x, y }, usage) {
  const key = await subtle.importKey("jwk", { kty, crv, x, y }, CURVE, false, []);
  return subtle.deriveKey({ name: "ECDH", public: key }, own, { name: "AES-GCM", length: 256 }, false, [usage]);
}

/**
 * Ask the server for the person's keys, and open what is sealed. Resolves once it is open,
 * or can't be opened yet: then it is when the server answers.
 * @param {import("./entry_store.js").EntryStore} store
 * @param {(failed: number) => void} opened called once something is, with the number of
 *   those that can't be opened
 * @returns {Promise<void>}
 */
export function openSealedTexts(store, opened) {
  const { person } = store;
  return new Promise((resolve) => {
    const asked = new RepeatedRequest({ method: "GET", path: "/desk/text-key", person, key: "" }, () => resolve());
    asked.run().then(async (answer) => {
      if (answer?.status === 200) await takeKeys(store, answer.body, opened).catch(() => {});
      resolve();
    });
    sealedOf(person).then(({ length }) => length || resolve(), () => resolve());
  });
}

/**
 * @param {string} person
 * @returns {Promise<Sealed[]>}
 */
async function sealedOf(person) {
  /** @type {Sealed[]} */
  const all = await act(SEALED, "readonly", (records) => records.getAll());
  return all.filter((each) => each.person === person);
}

/**
 * Keep the public key, and open what is sealed.
 * @param {import("./entry_store.js").EntryStore} store
 * @param {JsonWebKey} pair
 * @param {(failed: number) => void} opened as above
 */
async function takeKeys(store, pair, opened) {
  const { person } = store;
  if (!subtle || !navigator.locks) return;
  const { d, ...open } = pair;
  try {
    localStorage.setItem(KEY + person, JSON.stringify(open));
  } catch {
    // It is full: nothing can be sealed later, and what is sealed opens all the same.
  }
  await navigator.locks.request(lockOf(person), async () => {
    const sealed = await sealedOf(person);
    const own = await subtle.importKey("jwk", pair, CURVE, false, ["deriveKey"]);
    let failed = 0;
    // Pictures before the texts that show them, by their ids.
    for (const each of sealed) {
      const opened = await unseal(each, own).catch(() => null);
      if (!opened) failed++;
      else if (await putBack(store, opened).catch(() => false)) await act(SEALED, "readwrite", (records) => records.delete(each.id));
    }
    if (sealed.length) opened(failed);
  });
}

/**
 * @param {Sealed} sealed
 * @param {CryptoKey} own
 * @returns {Promise<{head: Head, file: Uint8Array}>}
 */
async function unseal({ key, iv, data }, own) {
  const shared = await sharedKey(own, key, "decrypt");
  const bytes = new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv }, shared, data));
  const end = bytes.indexOf(10);
  return { head: JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))), file: bytes.slice(end + 1) };
}

/**
 * Keep again what was sealed; whether it is on the disk.
 * @param {import("./entry_store.js").EntryStore} store
 * @param {{head: Head, file: Uint8Array}} opened
 */
async function putBack(store, { head: { entry, picture, item }, file }) {
  if (entry && !(await store.fresh(entry.id))) await store.put(completed(entry));
  if (picture) {
    const { id, name, type } = picture;
    const kept = { id, name, blob: new Blob([file], { type }) };
    await act(PICTURES, "readwrite", (records) => records.put(kept));
  }
  if (item) localStorage.setItem(item[0], withFormer(localStorage.getItem(item[0]), item[1]));
  return store.isKept;
}
