/**
 * The desk's service worker: the desk opens without a connection, with its outbox.
 *
 * Rules:
 * - It keeps the desk's page as this person last got it, and the files of that version.
 *   Signing out, and the sign-in form in the page's place, remove the page.
 * - The network is asked first; the kept page is the answer only if none comes.
 * - It touches nothing else: requests to the API pass.
 *
 * The server puts `self.DESK` in front (`desk_files.py`).
 * @module
 */

const scope = /** @type {any} */ (self);
/** @type {{version: string, root: string, files: string[]}} */
const { version: VERSION, root: ROOT, files: FILES } = scope.DESK;
const PAGE = `${ROOT}/desk`;
const NETWORK_MS = 4000;

scope.addEventListener("install", (/** @type {any} */ event) => {
  // A browser that can be told so does not start a worker that has ended for a request to
  // the API: a text that is sent would wait for it.
  event.addRoutes?.({ condition: { urlPattern: { pathname: `${ROOT}/v1/*` } }, source: "network" })?.catch(() => {});
  event.waitUntil(
    caches
      .open(VERSION)
      .then((cache) => cache.addAll(FILES))
      // The page that registers this worker was loaded before it.
      .then(() => page(new Request(PAGE)))
      .then(() => scope.skipWaiting()),
  );
});

scope.addEventListener("activate", (/** @type {any} */ event) => {
  const former = caches.keys().then((names) => names.filter((name) => isOurs(name) && name !== VERSION));
  // The page of the former version asks for its files: both go.
  event.waitUntil(
    former.then((names) => Promise.all(names.map((name) => caches.delete(name)))).then(() => scope.clients.claim()),
  );
});

scope.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const { pathname } = new URL(request.url);
  if (pathname === PAGE && request.mode === "navigate") event.respondWith(page(request));
  else if (pathname === `${PAGE}/sign-out`) event.waitUntil(forgetPage());
  else if (request.method === "GET" && FILES.includes(pathname)) event.respondWith(file(request));
});

/** @param {string} name */
const isOurs = (name) => name.startsWith("stop-press-desk ");

const forgetPage = () => caches.open(VERSION).then((cache) => cache.delete(PAGE));

/** @param {Request} request */
async function page(request) {
  const cache = await caches.open(VERSION);
  try {
    const answer = await fetch(request, { signal: scope.AbortSignal.timeout(NETWORK_MS) });
    if (answer.status === 200 && answer.headers.has("stop-press-desk")) await cache.put(PAGE, answer.clone());
    else if (answer.status < 500) await cache.delete(PAGE);
    if (answer.status < 500) return answer;
    return (await cache.match(PAGE)) ?? answer;
  } catch (error) {
    const kept = await cache.match(PAGE);
    if (!kept) throw error;
    return kept;
  }
}

/** @param {Request} request */
async function file(request) {
  const kept = await caches.match(request);
  return kept ?? fetch(request);
}
