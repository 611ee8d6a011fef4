/**
 * <cart-panel>: what is held, what it costs and how long it is held.
 *
 *     panel.show({ lines: [{ key, title, detail, quantity, price, onremove? }], total, expiresAt, paying, checkout: "/booking" });
 *
 * Fires `renew` (from its timer). `panel.clock` is a ServerClock. Titles are written as text.
 */

import { formatMoney } from "../client/money.js";
import "./hold-timer.js";
import { icon, make } from "./make.js";
import { settle, settleOf } from "./settle.js";

const CROSS = "M6 6l12 12M18 6L6 18";
const UNKNOWN = "…";

export class CartPanel extends HTMLElement {
  #heading = make("h2", { tabIndex: -1 }, "Your places");
  #timer = make("hold-timer", { hidden: true });
  #lines = make("ul.lines");
  #foot = make("div.foot");
  #empty = make("p.empty");
  #sum = make("b");
  #total = make("p.total", {}, make("span", {}, "Total"), this.#sum);
  #out = make("a.primary.wide", {}, "Check out");
  #paying = make("p.paying", { hidden: true });
  #waiting = make("span");
  #on = make("a", {}, "Continue");
  #acts = new Map();

  connectedCallback() {
    if (this.#paying.childElementCount === 0) this.#paying.append(this.#waiting, " ", this.#on);
    if (this.childElementCount === 0) this.append(make("header", {}, this.#heading, this.#timer), this.#paying, this.#lines, this.#foot);
  }

  set clock(clock) {
    this.#timer.clock = clock;
  }

  /** @param {object} cart see above; `paying` is `{text, href}` or null, `checkout` an address or null */
  show({ lines, total, expiresAt, paying = null, checkout = null, empty = "" }) {
    const focused = this.#focusedKey();
    this.#timer.expiresAt = expiresAt;
    this.#acts = new Map(lines.map(({ key, onremove }) => [key, onremove]));
    settleOf(this.#lines, lines, ({ hold, slot, onremove, ...line }) => [line, Boolean(onremove)], (line) => this.#line(line));
    this.#showFoot(lines, total, checkout, empty);
    this.#showPaying(paying);
    if (focused) this.#refocus(focused);
  }

  #focusedKey() {
    const active = this.getRootNode().activeElement;
    return this.contains(active) ? active.dataset.key : undefined;
  }

  /** Whoever removed a line by keyboard stays in the list. */
  #refocus(key) {
    const buttons = [...this.#lines.querySelectorAll("button")];
    (buttons.find((button) => button.dataset.key === key) ?? buttons[0] ?? this.#heading).focus();
  }

  #line({ key, title, detail, quantity, price, onremove, waiting }) {
    const count = quantity > 1 ? `${quantity} × ` : "";
    const remove = onremove && make("button.remove", { type: "button", "data-key": key, "aria-label": `Remove ${title}`, onclick: () => this.#acts.get(key)?.() }, icon(CROSS));
    const words = make("div.words", {}, make("b", {}, `${count}${title}`), detail && make("span", {}, detail));
    return make("li", { "data-waiting": waiting ? "" : null }, words, make("span.price", {}, price ? formatMoney(price) : UNKNOWN), remove);
  }

  #showFoot(lines, total, checkout, empty) {
    this.#empty.textContent = empty;
    this.#sum.textContent = total ? formatMoney(total) : UNKNOWN;
    if (checkout) this.#out.href = checkout;
    if (lines.length === 0) settle(this.#foot, [this.#empty]);
    else settle(this.#foot, checkout ? [this.#total, this.#out] : [this.#total]);
  }

  #showPaying(paying) {
    this.#paying.hidden = paying === null;
    if (paying === null) return;
    this.#waiting.textContent = paying.text;
    this.#on.href = paying.href;
  }
}

customElements.define("cart-panel", CartPanel);
