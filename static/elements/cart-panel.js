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

const CROSS = "M6 6l12 12M18 6L6 18";
const UNKNOWN = "…";

export class CartPanel extends HTMLElement {
  #heading = make("h2", { tabIndex: -1 }, "Your places");
  #timer = make("hold-timer", { hidden: true });
  #lines = make("ul.lines");
  #foot = make("div.foot");
  #paying = make("p.paying", { hidden: true });

  connectedCallback() {
    if (this.childElementCount === 0) this.append(make("header", {}, this.#heading, this.#timer), this.#paying, this.#lines, this.#foot);
  }

  set clock(clock) {
    this.#timer.clock = clock;
  }

  /** @param {object} cart see above; `paying` is `{text, href}` or null, `checkout` an address or null */
  show({ lines, total, expiresAt, paying = null, checkout = null, empty = "" }) {
    const focused = this.#focusedKey();
    this.#timer.expiresAt = expiresAt;
    this.#lines.replaceChildren(...lines.map((line) => this.#line(line)));
    this.#foot.replaceChildren(...this.#footing(lines, total, checkout, empty));
    this.#showPaying(paying);
    if (focused) this.#refocus(focused);
  }

  #focusedKey() {
    const active = this.getRootNode().activeElement;
    return this.contains(active) ? active.dataset.key : undefined;
  }

  /** Whoever is here by keyboard stays where they are, and in the list when they have removed a line. */
  #refocus(key) {
    const same = [...this.querySelectorAll("[data-key]")].find(({ dataset }) => dataset.key === key);
    (same ?? this.#lines.querySelector("button") ?? this.#heading).focus();
  }

  #line({ key, title, detail, quantity, price, onremove, waiting }) {
    const count = quantity > 1 ? `${quantity} × ` : "";
    const remove = onremove && make("button.remove", { type: "button", "data-key": key, "aria-label": `Remove ${title}`, onclick: onremove }, icon(CROSS));
    const words = make("div.words", {}, make("b", {}, `${count}${title}`), detail && make("span", {}, detail));
    return make("li", { "data-waiting": waiting ? "" : null }, words, make("span.price", {}, price ? formatMoney(price) : UNKNOWN), remove);
  }

  #footing(lines, total, checkout, empty) {
    if (lines.length === 0) return [make("p.empty", {}, empty)];
    const sum = make("p.total", {}, make("span", {}, "Total"), make("b", {}, total ? formatMoney(total) : UNKNOWN));
    return [sum, ...(checkout ? [make("a.primary.wide", { href: checkout, "data-key": "checkout" }, "Check out")] : [])];
  }

  #showPaying(paying) {
    this.#paying.hidden = paying === null;
    this.#paying.replaceChildren();
    if (paying === null) return;
    this.#paying.append(`${paying.text} `, paying.href ? make("a", { href: paying.href, "data-key": "paying" }, "Continue") : "");
  }
}

customElements.define("cart-panel", CartPanel);
