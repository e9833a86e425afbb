/**
 * How long ago the times of a list of feeds were: "5 min. ago", for the last day.
 * @module
 */

const AGE_TICK_MS = 30_000;

/** Write it beside each `time` that asks for it (`data-age`), and keep it current. */
export function showAges() {
  const times = /** @type {NodeListOf<HTMLTimeElement>} */ (document.querySelectorAll("time[data-age]"));
  if (!times.length) return;
  const draw = () => {
    for (const time of times) {
      const minutes = Math.floor((Date.now() - Date.parse(time.dateTime)) / 60_000);
      if (minutes >= 1440 || minutes < 0) continue;
      const language = time.closest("[lang]")?.getAttribute("lang") ?? "en";
      const format = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
      const hours = Math.round(minutes / 60);
      if (minutes >= 60) time.textContent = format.format(-hours, "hour");
      else time.textContent = minutes ? format.format(-minutes, "minute") : format.format(0, "second");
    }
  };
  draw();
  setInterval(draw, AGE_TICK_MS);
}
