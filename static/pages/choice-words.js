/** What a driver is told of the time they are choosing. Pure. */

import { lengthWords, rangeOf, rangeWords, stepOf } from "../client/grid.js";
import { formatMoney } from "../client/money.js";

/** @returns {{when: string, length: string}} a range of steps in words */
export function chosenWords(resource, range) {
  const minutes = (range.end - range.start) * (stepOf(resource) / 60_000);
  return { when: rangeWords(rangeOf(resource, range), resource.time_zone), length: lengthWords(minutes) };
}

/** @param {{amount: number, currency: string} | null} price @returns {string} what a quick length is called, such as `2 h · €5.00` */
export function lengthLabel(minutes, price) {
  return price ? `${lengthWords(minutes)} · ${formatMoney(price)}` : lengthWords(minutes);
}

/** @returns {string} the sentence of the page before anything is chosen */
export function rulesWords({ grid }) {
  const { min_minutes: least, max_minutes: most, step_minutes: step, notice_minutes: notice } = grid;
  const between = least > step ? `${lengthWords(least)} to ${lengthWords(most)}` : `Up to ${lengthWords(most)}`;
  const early = notice > 0 ? `, at least ${lengthWords(notice)} ahead` : "";
  return `${between} at once${early}.`;
}

/**
 * The range that an address asks for: `?start=…&end=…`, moments with an offset.
 * @param {string} search @returns {[string, string] | null}
 */
export function askedRange(search) {
  const asked = new URLSearchParams(search);
  const moments = ["start", "end"].map((name) => Date.parse(withOffset(asked.get(name) ?? "")));
  return moments.every(Number.isFinite) && moments[0] < moments[1] ? moments.map((moment) => new Date(moment).toISOString()) : null;
}

/** A plus in a query is a space unless it was escaped; what has no offset at all is nobody's time. */
function withOffset(text) {
  return /(Z|[+ -]\d\d:\d\d)$/i.test(text) && text.includes("T") ? text.replace(" ", "+") : "";
}
