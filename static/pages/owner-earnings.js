/** What came in, month by month. */

import { formatMoney } from "../client/money.js";
import { make } from "../elements/make.js";

/** @param {{month: string, bookings: number, taken: object, refunded: object, kept: object}[]} months the latest first */
export function showEarnings(box, months) {
  if (months.length === 0) {
    box.replaceChildren(make("p", {}, "Nothing has come in yet."));
    return;
  }
  const head = make("tr", {}, ...["Month", "Bookings", "Taken", "Given back", "Yours"].map((name) => make("th", { scope: "col" }, name)));
  box.replaceChildren(make("table", {}, make("caption.hush", {}, "Earnings by month"), make("thead", {}, head), make("tbody", {}, ...months.map(row))));
}

function row({ month, bookings, taken, refunded, kept }) {
  const cells = [String(bookings), formatMoney(taken), formatMoney(refunded), formatMoney(kept)];
  return make("tr", {}, make("th", { scope: "row" }, monthName(month)), ...cells.map((text) => make("td", {}, text)));
}

/** @param {string} month as 2026-11 @returns {string} such as `November 2026` */
export function monthName(month) {
  return new Intl.DateTimeFormat(undefined, { month: "long", year: "numeric", timeZone: "UTC" }).format(new Date(`${month}-01T00:00:00Z`));
}
