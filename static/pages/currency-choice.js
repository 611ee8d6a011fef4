/** The currency in which a cart is paid: what is offered, what the cart costs in it, and at which rate that stands. */

import { get } from "../client/http.js";
import { formatMoney } from "../client/money.js";
import { make } from "../elements/make.js";
import { currencyTitle, offersChoice, rateWords } from "./quote-words.js";
import { tell } from "./shell.js";

export class CurrencyChoice {
  #element;
  #session;
  #quote = null;
  #select = make("select", { id: "pay-in", onchange: () => this.#choose() });
  #sum = make("b");
  #rate = make("p.small");
  #turn = 0;

  /** @param {HTMLElement} element where it is shown @param {Session} session */
  constructor(element, session) {
    this.#element = element;
    this.#session = session;
    const label = make("label", { for: "pay-in" }, "Pay in");
    const total = make("p.total", { role: "status" }, make("span", {}, "You pay"), this.#sum);
    element.append(make("div.field", {}, label, this.#select), total, this.#rate);
  }

  /** @returns {string | undefined} what the booking is to be paid in; undefined where there is no choice */
  get currency() {
    return offersChoice(this.#quote) ? this.#quote.currency : undefined;
  }

  /** Asks for the cart's price as it stands now. A cart that ends meanwhile has none. */
  async refresh() {
    await this.#take(() => get("/api/cart/quote"));
  }

  async #choose() {
    this.#select.ariaBusy = "true";
    await this.#take(() => this.#session.change("POST", "/api/cart/quote", { currency: this.#select.value }), tell);
    this.#select.ariaBusy = "false";
  }

  /** A later question overtakes an earlier one. */
  async #take(ask, onrefusal = () => null) {
    this.#turn += 1;
    const turn = this.#turn;
    try {
      const { quote } = await ask();
      if (turn === this.#turn) this.#quote = quote;
    } catch (refusal) {
      if (refusal.name !== "Refusal") throw refusal;
      onrefusal(refusal);
    }
    if (turn === this.#turn) this.#draw();
  }

  #draw() {
    this.#element.hidden = !offersChoice(this.#quote);
    if (this.#element.hidden) return;
    const { currency, supported, total } = this.#quote;
    this.#select.replaceChildren(...supported.map((code) => make("option", { value: code, selected: code === currency }, currencyTitle(code))));
    this.#sum.textContent = formatMoney(total);
    this.#rate.textContent = rateWords(this.#quote);
  }
}
