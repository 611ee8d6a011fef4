/** What a buyer may still do with what is booked: hand it on, or give it up, with what comes back shown beforehand. */

import { get } from "../client/http.js";
import { formatMoney } from "../client/money.js";
import { make } from "../elements/make.js";
import { notify } from "../elements/notices.js";
import { tell } from "./shell.js";

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

  /** @param {HTMLElement} box @param {Session} session @param {string} path of the booking */
  constructor(box, session, path) {
    this.#box = box;
    this.#session = session;
    this.#path = path;
  }

  /** Only what is booked and yet to come can be given away or up; drawn anew when that changes, not while somebody is at it. */
  show({ status, payment_status: payment }) {
    const open = status === "confirmed" && payment !== "disputed";
    if (this.#shown === `${open}`) return;
    this.#shown = `${open}`;
    this.#box.hidden = !open;
    if (open) this.#draw();
  }

  #draw() {
    const out = make("div.outcome", { role: "status" });
    const hand = make("button.secondary", { type: "button", onclick: ({ currentTarget }) => this.#once(currentTarget, () => this.#offer(out)) }, "Give it to somebody else");
    const up = make("button.secondary", { type: "button", onclick: ({ currentTarget }) => this.#once(currentTarget, () => this.#ask(out)) }, "Cancel this booking");
    this.#box.replaceChildren(make("h2", {}, "Plans have changed?"), make("div.actions", {}, hand, up), out);
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
