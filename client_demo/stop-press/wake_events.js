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
  const tell = (/** @type {{type: string}} */ { type }) => {
    const online = type === "online";
    if (online || !document?.hidden) woken(online);
  };
  const signals = /** @type {[any, string][]} */ ([
    [env, "online"],
    [env, "pageshow"],
    [env, "focus"],
    [document, "visibilitychange"],
  ]);
  for (const [target, name] of signals) target?.addEventListener?.(name, tell);
  return () => {
    for (const [target, name] of signals) target?.removeEventListener?.(name, tell);
  };
}
