/**
 * The events after which a line is checked: the tab is shown again, or the network is back.
 * @module
 */

/**
 * Call `onWake` at each of these events. Returns what ends that.
 * @param {any} env
 * @param {(online: boolean) => void} onWake `online`: the network is back.
 * @returns {() => void}
 */
export function listenForWake(env, onWake) {
  const { document } = env;
  const control = new AbortController();
  const listener = (/** @type {{type: string}} */ { type }) => {
    const online = type === "online";
    if (online || !document?.hidden) onWake(online);
  };
  for (const name of ["online", "pageshow", "focus"]) env.addEventListener?.(name, listener, control);
  document?.addEventListener("visibilitychange", listener, control);
  return () => control.abort();
}
