/** Bookings that wait for their owner's word: yes or no in one touch. */

import { formatMoney } from "../client/money.js";
import { sentence } from "../client/wording.js";
import { make } from "../elements/make.js";
import { notify } from "../elements/notices.js";
import { settle, settleOf } from "../elements/settle.js";
import { beginOf } from "./bookings-words.js";

/** @returns {object[]} those that wait, the most urgent first */
export function awaited(bookings) {
  const waiting = bookings.filter(({ status, approval }) => status === "pending" && approval?.state === "awaited");
  return waiting.toSorted((one, other) => Date.parse(one.approval.expires_at) - Date.parse(other.approval.expires_at));
}

export class Requests {
  #list;
  #session;
  #titleOf;
  #changed;

  /** @param {{session: Session, titleOf: (id: string) => string, changed: (booking: object) => void}} needs */
  constructor(list, { session, titleOf, changed }) {
    this.#list = list;
    this.#session = session;
    this.#titleOf = titleOf;
    this.#changed = changed;
  }

  show(bookings) {
    const waiting = awaited(bookings);
    const focused = this.#list.contains(document.activeElement);
    const drawn = ({ id, items, customer, total, reference, special_requests: wishes, approval }) => [id, items, customer, total, reference, wishes, approval, this.#titles(items)];
    settleOf(this.#list, waiting, drawn, (booking) => this.#entry(booking));
    if (waiting.length === 0) settle(this.#list, [make("li", {}, "Nobody is waiting.")]);
    if (focused && !this.#list.contains(document.activeElement)) document.getElementById("requests-title").focus();
  }

  #titles(items) {
    return [...new Set(items.map(({ resource }) => this.#titleOf(resource)))].filter(Boolean).join(", ");
  }

  #entry(booking) {
    const { items, customer, total, reference, special_requests: wishes, approval } = booking;
    const title = this.#titles(items) || reference;
    const places = items.map(({ label }) => label).join(", ");
    const until = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(Date.parse(approval.expires_at));
    const words = make(
      "div.words",
      {},
      make("b", {}, title),
      make("span", {}, places),
      make("span", {}, `${customer.name} · ${formatMoney(total)} · ${reference}`),
      wishes && make("span", {}, `“${wishes}”`),
      make("span", {}, `Your word until ${until}; silence is a no.`),
    );
    const name = `${customer.name}, ${places}`;
    const yes = make("button.primary", { type: "button", "aria-label": `Approve ${name}` }, "Approve");
    const no = make("button.danger", { type: "button", "aria-label": `Decline ${name}` }, "Decline");
    yes.addEventListener("click", () => this.#say(booking, "confirm", [yes, no]));
    no.addEventListener("click", () => this.#say(booking, "cancel", [no, yes]));
    return make("li.entry", { "data-begins": beginOf(booking) }, make("div.row", {}, words, make("div.choices", {}, yes, no)));
  }

  async #say({ id }, word, buttons) {
    if (buttons.some(({ ariaBusy }) => ariaBusy === "true")) return;
    for (const button of buttons) button.ariaBusy = "true";
    try {
      const { booking } = await this.#session.change("PUT", `/api/bookings/${encodeURIComponent(id)}/${word}`, {});
      notify(word === "confirm" ? "Approved. The driver knows at once." : "Declined. Nothing is charged.", "good");
      this.#changed(booking);
    } catch (refusal) {
      if (refusal.name !== "Refusal") throw refusal;
      notify(sentence(refusal), "problem");
    } finally {
      for (const button of buttons) button.ariaBusy = "false";
    }
  }
}
