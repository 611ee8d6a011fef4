/** What a buyer may still do with what is booked: come at another time, hand it on, or give it up with what comes back shown beforehand. */

import { get } from "../client/http.js";
import { formatMoney } from "../client/money.js";
import { resource } from "../client/resources.js";
import { make } from "../elements/make.js";
import { notify } from "../elements/notices.js";
import { isSandbox, tell } from "./shell.js";
import { fieldOf, momentOf } from "./time-fields.js";

const FORMAT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** @param {{refund: object, percent: number, until: string | null}} terms @returns {string} */
export function refundWords({ refund, percent, until }) {
  const back = refund.amount === 0 ? "Nothing goes back to you" : `${formatMoney(refund)} goes back to you (${percent} %)`;
  return until ? `${back}, if you cancel before ${FORMAT.format(new Date(until))}.` : `${back}.`;
}

export class BookingMore {
  #box;
  #session;
  #path;
  #shown = "";
  #items = [];

  /** @param {HTMLElement} box @param {Session} session @param {string} path of the booking */
  constructor(box, session, path) {
    this.#box = box;
    this.#session = session;
    this.#path = path;
  }

  /** Only what is booked and yet to come can be given away or up; drawn anew when that changes, not while somebody is at it. */
  show({ status, payment_status: payment, items }) {
    const open = status === "confirmed" && payment !== "disputed";
    const shown = JSON.stringify([open, items.map(({ range }) => range)]);
    if (this.#shown === shown) return;
    this.#shown = shown;
    this.#items = items;
    this.#box.hidden = !open;
    if (open) this.#draw();
  }

  #draw() {
    const out = make("div.outcome", { role: "status" });
    const hand = make("button.secondary", { type: "button", onclick: ({ currentTarget }) => this.#once(currentTarget, () => this.#offer(out)) }, "Give it to somebody else");
    const up = make("button.secondary", { type: "button", onclick: ({ currentTarget }) => this.#once(currentTarget, () => this.#ask(out)) }, "Cancel this booking");
    const isTime = this.#items.length === 1 && this.#items[0].range;
    const move = isTime && make("button.secondary", { type: "button", onclick: ({ currentTarget }) => this.#once(currentTarget, () => this.#askWhen(out)) }, "Come at another time");
    this.#box.replaceChildren(make("h2", {}, "Plans have changed?"), make("div.actions", {}, move, hand, up), out);
  }

  /** Times are those of the place's clocks, wherever its driver is. */
  async #askWhen(out) {
    const { resource: name, range } = this.#items[0];
    const { time_zone: zone, grid } = await resource(name);
    const field = (id, label, moment) => {
      const input = make("input", { id, type: "datetime-local", required: true, step: grid.step_minutes * 60, value: fieldOf(moment, zone) });
      return make("div.field", {}, make("label", { for: id }, label), input);
    };
    const words = `By the clocks of ${zone}. If it costs more, you pay the difference first; if it costs less, the rest comes back. Until then your time stays yours.`;
    const form = make("form.hours", {}, field("new-start", "From", range[0]), field("new-end", "Until", range[1]), make("p.hint", {}, words), make("button.primary", { type: "submit" }, "Change it"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const wanted = [...form.querySelectorAll("input")].map(({ value }) => momentOf(value, zone));
      this.#once(form.querySelector("button"), () => this.#move(out, wanted));
    });
    out.replaceChildren(form);
    form.querySelector("input").focus();
  }

  async #move(out, range) {
    const { booking, payment } = await this.#session.change("PATCH", this.#path, { range });
    if (payment && booking.change) {
      location.assign(isSandbox ? payment.redirect_url : `/bookings/${encodeURIComponent(booking.change)}/pay`);
      return;
    }
    out.replaceChildren();
    notify("It is changed.", "good");
  }

  async #ask(out) {
    const terms = await get(`${this.#path}/cancellation`);
    const yes = make("button.danger", { type: "button", onclick: ({ currentTarget }) => this.#once(currentTarget, () => this.#cancel()) }, "Cancel it now");
    const no = make("button.quiet", { type: "button", onclick: () => out.replaceChildren() }, "Keep it");
    out.replaceChildren(make("p", {}, refundWords(terms)), make("div.actions", {}, yes, no));
  }

  async #cancel() {
    await this.#session.change("PUT", `${this.#path}/cancel`, {});
    notify("It is cancelled.", "good");
  }

  /** The link is a secret: who has it and is signed in can take the booking over. */
  async #offer(out) {
    const { transfer } = await this.#session.change("POST", `${this.#path}/transfer`, {});
    const address = new URL(transfer.url, location.origin).href;
    const field = make("input", { id: "transfer-link", readOnly: true, value: address, onfocus: ({ target }) => target.select() });
    const back = make("button.quiet", { type: "button", onclick: ({ currentTarget }) => this.#once(currentTarget, () => this.#withdraw(out)) }, "Take the offer back");
    const words = `Send this link to one person you trust; it holds until ${FORMAT.format(new Date(transfer.expires_at))}. Until they accept, the booking is yours.`;
    out.replaceChildren(make("div.field", {}, make("label", { for: "transfer-link" }, "Link"), field, make("p.hint", {}, words)), back);
    field.focus();
  }

  async #withdraw(out) {
    await this.#session.change("DELETE", `${this.#path}/transfer`, {});
    out.replaceChildren(make("p", {}, "The offer is taken back; the link is of no use any more."));
  }

  async #once(button, task) {
    if (button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    try {
      await task();
    } catch (refusal) {
      tell(refusal);
    } finally {
      button.ariaBusy = "false";
    }
  }
}
