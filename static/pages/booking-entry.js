/** A booking as one line of a list. */

import { formatMoney } from "../client/money.js";
import { make } from "../elements/make.js";
import { standing } from "./bookings-words.js";

/** @param {(resource: string) => string} titleOf what a resource is called, once that is known @returns {HTMLElement} */
export function bookingEntry(booking, titleOf) {
  const { id, reference, items, total } = booking;
  const { tone, text } = standing(booking);
  const title = [...new Set(items.map(({ resource }) => titleOf(resource)))].filter(Boolean).join(", ") || reference;
  const places = items.map(({ label, quantity }) => (quantity > 1 ? `${quantity} × ${label}` : label)).join(", ");
  const words = make("div.words", {}, make("b", {}, title), make("span", {}, places), make("span", {}, `${reference} · ${formatMoney(total)}`));
  return make("li.entry", {}, make("a", { href: `/bookings/${encodeURIComponent(id)}` }, words, make("span.badge", { "data-tone": tone }, text)));
}
