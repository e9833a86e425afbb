/**
 * What moves in view slides to its new place: measured before and after a change, put back
 * by a transform, and let go.
 *
 * Rules: nothing slides out of view, in a hidden tab, or where the reader wants less
 * motion. While something slides the next change waits; a change that the reader asked for
 * does not, and goes on from where things are.
 * @module
 */

const SLIDE_MS = 240;

/**
 * @param {HTMLElement} root
 * @param {Set<Element>} nearView Articles in view, or nearly so.
 * @param {() => void} onEnd Called when what slid has arrived, if that was waited for.
 */
export function createSlides(root, nearView, onEnd) {
  /** @type {Animation[]} */
  let running = [];
  /** Whether a change waits for what slides. */
  let isAwaited = false;
  const [head, side, main] = root.children;
  /** What moves as a whole, outer before inner, without the articles. */
  const blocks = () => [...head.children, ...side.querySelectorAll("nav, aside, li"), main, ...main.children];
  const stop = () => {
    for (const animation of running) animation.cancel();
    running = [];
  };

  return {
    stop,

    /** Whether something slides: then `onEnd` says when it has arrived. */
    isRunning: () => (isAwaited = running.length > 0),

    /**
     * Make a change, and let what it moves slide.
     * @template Result
     * @param {boolean} atTop Else scrolling keeps the place of what is read, which moves
     *   what is around it, and only posts can move in view.
     * @param {import("./scroll_anchoring.js").VisibleArea} area
     * @param {() => Result} change
     * @returns {Result}
     */
    around(atTop, area, change) {
      if (document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches) return change();
      const before = new Map();
      for (const element of [...(atTop ? blocks() : []), ...nearView]) {
        const box = element.getBoundingClientRect();
        if (box.height) before.set(element, box);
      }
      stop();
      const result = change();
      /** @type {Map<Element, number>} How far each slides, what is around it included. */
      const moved = new Map();
      const isSeen = (/** @type {DOMRect} */ { top, bottom }) => bottom > area.top && top < area.bottom;
      for (const [element, old] of before) {
        if (!element.isConnected) continue;
        const box = element.getBoundingClientRect();
        if (!isSeen(old) && !isSeen(box)) continue;
        let around = element.parentElement;
        while (around && around !== root && !moved.has(around)) around = around.parentElement;
        const outer = moved.get(around) ?? 0;
        const by = old.top - box.top - outer;
        moved.set(element, by + outer);
        if (Math.abs(by) < 1) continue;
        const from = { transform: `translateY(${by}px)` };
        running.push(element.animate([from, { transform: "none" }], { duration: SLIDE_MS, easing: "ease-out" }));
      }
      running[0]?.addEventListener("finish", () => {
        running = [];
        if (isAwaited) onEnd();
      });
      return result;
    },
  };
}
