/**
 * What the server's own pages have besides the widget: the viewer of pictures, older posts
 * that load as one scrolls, buttons that go to the newest post, and other live feeds.
 *
 * Built into one script (`server/bundle_widget.py`). The widget says with an event,
 * `stoppress:extras`, that its second script is there, and what of it may be used here: a
 * contract of these two scripts alone. Without it the page's own links do all of this.
 * @module
 */

import { showAges } from "./ages.js";
import { createJumpButtons } from "./arrival_count_and_jump_buttons.js";
import { followIndex } from "./follow_feeds_on_index.js";
import { loadOlderOnScroll } from "./load_older_on_scroll.js";
import { createOtherFeeds } from "./other_feeds.js";
import { openPicturesOnClick } from "./picture_viewer.js";
import { countInTitle } from "./title_count.js";

/**
 * @typedef {{reader: any, ctx: any, countText: (words: any, what: string, n: number) => string,
 *   fragment: (html: string, base: string) => DocumentFragment,
 *   headlineOf: (post: any, words: any) => string,
 *   labelDays: (list: Element, ctx: any) => void,
 *   time: (at: string, ctx: any) => HTMLElement}} Widget The widget's reader and context, and
 *   what it draws with.
 */

showAges();
openPicturesOnClick();
countInTitle();
followIndex();

/** Ends what the widget's former start had begun. */
let stop = () => {};

document.addEventListener("stoppress:extras", (event) => {
  stop();
  const { detail, target } = /** @type {{detail: Widget, target: any}} */ (/** @type {unknown} */ (event));
  const stops = [
    createJumpButtons(target, detail),
    loadOlderOnScroll(target),
    createOtherFeeds(target, detail),
  ];
  stop = () => stops.forEach((one) => one());
});
