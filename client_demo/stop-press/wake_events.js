/**
 * When a tab is looked at again, or its network is back.
 * @module
 */

/**
 * Be told from now on. Returns what ends it.
 * @param {any} env
 * @param {(online: boolean) => void} woken
 * @returns {() => void}
 */
export function onWaking(env, woken) {
  const { document } = env;
  const control = new AbortController();
  const tell = (/** @type {{type: string}} */ { type }) => {
    const online = type === "online";
    if (online || !document?.hidden) woken(online);
  };
  for (const name of ["online", "pageshow", "focus"]) env.addEventListener?.(name, tell, control);
  document?.addEventListener("visibilitychange", tell, control);
  return () => control.abort();
}
