/**
 * Where a payment is made: the card form, what became of a try, and what to do while nobody answers. Both pages that take
 * cards have one; what is paid and who pays is theirs.
 */

import { formatMoney } from "../client/money.js";
import { awayWords, isAway, waitBefore } from "./away-words.js";
import { PaymentForm } from "./payment-form.js";
import { outcomeWords } from "./payment-outcome.js";
import { find } from "./shell.js";

const RENEWED = new Set(["declined", "closed", "unanswered"]);

/**
 * @returns {{key: string, script: string, checkout: boolean}} what Stripe.js needs; the key is empty where no card form is
 *   served, and `checkout` says whether Stripe's own page is there as well
 */
export function stripeOfPage() {
  const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";
  return { key: meta("stripe-key"), script: meta("stripe-js"), checkout: meta("stripe-checkout") === "served" };
}

export class PayDesk {
  #page;
  #form;
  #payment = null;
  #busy = false;
  #unfinished = false;
  #turn = 0;
  #tries = 0;
  #timer = null;
  #closed = false;

  /**
   * @param {object} page
   * @param {() => Promise<object | null>} page.attempt the payment to be made; null when there is nothing left to pay
   * @param {() => Promise<void>} page.check has the server look at its provider
   * @param {() => void} page.arrived goes on once the money has arrived
   * @param {(refusal: Error) => void} page.refused says what the server would not do
   * @param {() => string} page.until the deadline in words
   * @param {string} page.returnUrl where a bank's own page leads back to
   * @param {(payment: object) => string} [page.hosted] the address of the provider's own page
   */
  constructor(page) {
    this.#page = page;
    this.#form = new PaymentForm(find("card"), stripeOfPage());
    find("desk").addEventListener("submit", (event) => this.#submit(event));
    find("again").addEventListener("click", () => this.open());
    addEventListener("online", () => find("away").hidden || this.open());
  }

  get busy() {
    return this.#busy;
  }

  /** Gets the payment and its form; called again it looks anew. A later call overtakes an earlier one. */
  async open() {
    this.#turn += 1;
    const turn = this.#turn;
    clearTimeout(this.#timer);
    try {
      const payment = await this.#page.attempt();
      if (turn === this.#turn && payment && !this.#closed) await this.#show(payment, turn);
    } catch (refusal) {
      if (turn === this.#turn) this.#failed(refusal);
    }
  }

  /** The time is over: nothing can be paid here any more. */
  close() {
    this.#closed = true;
    this.#turn += 1;
    clearTimeout(this.#timer);
    find("desk").hidden = true;
  }

  say(text) {
    find("problem").textContent = text;
    if (text) find("problem").focus();
  }

  async #show(payment, turn) {
    this.#payment = payment;
    const { client_secret: secret } = payment;
    find("card").hidden = !secret;
    find("desk").hidden = false;
    find("away").hidden = true;
    this.#setOpening(!this.#form.shows(secret));
    if (secret) await this.#showForm(secret, turn);
    if (turn !== this.#turn) return;
    this.#tries = 0;
    this.#setOpening(false);
  }

  async #showForm(secret, turn) {
    const [standing] = await Promise.all([this.#form.standing(secret), this.#form.show(secret)]);
    if (turn !== this.#turn) return;
    if (standing.outcome === "arrived") await this.#after(standing);
    this.#unfinished = standing.status === "requires_action";
    if (this.#unfinished) this.say(outcomeWords({ outcome: "unfinished" }));
  }

  #failed(refusal) {
    if (!isAway(refusal)) {
      this.#page.refused(refusal);
      return;
    }
    find("desk").hidden = true;
    find("away").hidden = false;
    find("away-text").textContent = awayWords(this.#page.until(), navigator.onLine);
    this.#timer = setTimeout(() => this.open(), waitBefore(this.#tries, refusal.retryAfter));
    this.#tries += 1;
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#busy || !this.#payment) return;
    this.#setBusy(true);
    this.say("");
    if (!this.#payment.client_secret) {
      location.assign(this.#page.hosted?.(this.#payment) ?? this.#payment.redirect_url);
      return;
    }
    const outcome = await this.#try();
    await this.#after(outcome);
    this.#setBusy(false);
  }

  async #try() {
    try {
      return await (this.#unfinished ? this.#form.resume(this.#payment.client_secret) : this.#form.pay(this.#page.returnUrl));
    } catch {
      return { outcome: "broken", reason: "" };
    }
  }

  /** A declined attempt is over; the next one has a form of its own. */
  async #after(outcome) {
    if (outcome.outcome === "arrived") {
      await this.#check();
      this.#page.arrived();
      return;
    }
    this.#unfinished = outcome.outcome === "unfinished";
    this.say(outcomeWords(outcome));
    if (!RENEWED.has(outcome.outcome)) return;
    await this.#check();
    await this.open();
  }

  /** The provider tells the server as well; asking it is only quicker. */
  async #check() {
    try {
      await this.#page.check();
    } catch (refusal) {
      if (refusal.name !== "Refusal") throw refusal;
    }
  }

  /** The form of Stripe's needs its place on the page before it comes. */
  #setOpening(now) {
    find("desk").setAttribute("aria-busy", String(now));
    find("pay").disabled = now;
    this.#label();
  }

  #setBusy(now) {
    this.#busy = now;
    find("pay").setAttribute("aria-busy", String(now));
    for (const button of document.querySelectorAll("[data-rests]")) button.disabled = now;
    this.#label();
  }

  #label() {
    if (!this.#payment) return;
    find("pay").textContent = this.#busy ? "One moment…" : `Pay ${formatMoney(this.#payment.amount)}`;
  }

  /** Back from the provider's page by the browser's own button: nothing is under way any more. */
  wake() {
    this.#setBusy(false);
    this.open();
  }
}
