/**
 * Clock times of a feed's zone, as `<input type="datetime-local">` has them. Pure.
 * @module
 */

import { localTime } from "../stop-press/localization.js";

/**
 * The instant as day and clock in the zone, to the minute: "2026-11-28T15:00".
 * @param {string} at RFC 3339
 * @param {string} zone
 */
export function clockOf(at, zone) {
  // What was never an instant is shown as it was written (`instantOf`).
  if (Number.isNaN(Date.parse(at))) return at.replace(/Z$/, "");
  const { day, clock } = localTime(at, zone);
  return `${day.replace(/^\d+/, (year) => year.padStart(4, "0"))}T${clock}`;
}

/**
 * The instant of a day and clock in the zone, in RFC 3339. A clock time that the zone
 * skips is the moment after; of one that it has twice, the first. A year that is typed half
 * or has five digits gives what the server refuses, in words.
 * @param {string} clock such as "2026-11-28T15:00"
 * @param {string} zone
 * @returns {string}
 */
export function instantOf(clock, zone) {
  const asUtc = Date.parse(`${clock}Z`);
  if (Number.isNaN(asUtc)) return `${clock}Z`;
  /** @param {number} ms */
  const offset = (ms) => Date.parse(`${clockOf(new Date(ms).toISOString(), zone)}Z`) - ms + (ms % 60_000) || 0;
  // The offsets of a day before and after are those around any change of the clock.
  const offsets = [offset(asUtc - 86_400_000), offset(asUtc + 86_400_000)];
  const exact = offsets.map((each) => asUtc - each).filter((ms) => asUtc - ms === offset(ms));
  const ms = exact.length ? Math.min(...exact) : asUtc - Math.min(...offsets);
  return new Date(ms).toISOString();
}

/**
 * Why a clock time is not what it says: "" if the zone has it.
 * @param {string} clock
 * @param {string} zone
 */
export function skippedTime(clock, zone) {
  const meant = clock && clockOf(instantOf(clock, zone), zone);
  return meant === clock ? "" : `the clocks of ${zone} skip this time: it would be ${meant.replace("T", " ")}`;
}
