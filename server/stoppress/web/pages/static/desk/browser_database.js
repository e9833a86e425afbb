/**
 * The desk's databases in the browser (IndexedDB): each holds records in one store, by their ids.
 *
 * Rule: every call rejects where the browser refuses storage.
 * @module
 */

/** @typedef {{database: string, records: string}} Place */

/** @type {Place} */
export const ENTRIES = { database: "stop-press-desk", records: "entries" };
/** @type {Place} */
export const PICTURES = { database: "stop-press-pictures", records: "pictures" };
/** @type {Place} */
export const SEALED = { database: "stop-press-sealed", records: "texts" };

/**
 * @param {Place} place
 * @returns {Promise<IDBDatabase>}
 */
export function openDatabase({ database, records }) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(database, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(records, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another tab holds an older version open"));
  });
}

/**
 * Resolves once the transaction is on the disk.
 * @param {IDBTransaction} transaction
 * @returns {Promise<void>}
 */
export function ended(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

/**
 * Act on the records in one transaction; the result of the request that `step` made.
 * @param {Place} place
 * @param {IDBTransactionMode} mode
 * @param {(records: IDBObjectStore) => IDBRequest | void} step
 * @returns {Promise<any>}
 */
export async function act(place, mode, step) {
  const database = await openDatabase(place);
  try {
    const transaction = database.transaction(place.records, mode);
    const request = step(transaction.objectStore(place.records));
    await ended(transaction);
    return request?.result;
  } finally {
    database.close();
  }
}
