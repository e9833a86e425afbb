/**
 * How many read the feed, over the last hour: a line beside the count.
 *
 * Rules: one value a minute, the highest; the hour begins when the desk is opened, as the
 * server keeps no history of readers.
 * @module
 */

const MINUTES = 60;
const [WIDTH, HEIGHT] = [60, 16];
const SVG = "http://www.w3.org/2000/svg";

export class ReaderChart {
  /** @param {HTMLElement} place */
  constructor(place) {
    const chart = document.createElementNS(SVG, "svg");
    chart.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    chart.setAttribute("aria-hidden", "true");
    this.#line = document.createElementNS(SVG, "polyline");
    chart.append(this.#line);
    place.append(chart);
    this.#chart = chart;
    this.clear();
  }

  #chart;
  #line;
  /** @type {{minute: number, count: number}[]} */ #values = [];

  /** Another feed is open. */
  clear() {
    this.#values = [];
    this.#chart.toggleAttribute("hidden", true);
  }

  /**
   * @param {number} count
   * @param {number} [now] milliseconds
   */
  add(count, now = Date.now()) {
    const minute = Math.floor(now / 60_000);
    const last = this.#values.at(-1);
    if (last?.minute === minute) last.count = Math.max(last.count, count);
    else this.#values.push({ minute, count });
    this.#values = this.#values.filter((value) => value.minute > minute - MINUTES);
    this.#chart.toggleAttribute("hidden", this.#values.length < 2);
    this.#line.setAttribute("points", pointsOf(this.#values, minute));
  }
}

/**
 * @param {{minute: number, count: number}[]} values
 * @param {number} now the minute at the line's end
 */
export function pointsOf(values, now) {
  const most = Math.max(1, ...values.map(({ count }) => count));
  return values
    .map(({ minute, count }) => {
      const x = WIDTH - ((now - minute) / (MINUTES - 1)) * WIDTH;
      const y = HEIGHT - 1 - (count / most) * (HEIGHT - 2);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}
