/**
 * The form in which a card is entered: Stripe's Payment Element. Card numbers are typed into a frame of Stripe's and never
 * come near this page. Knows Stripe.js and nothing of bookings.
 */

import { outcomeOf } from "./payment-outcome.js";
import { loadStripe } from "./stripe-script.js";

const PATIENCE = 20_000;
const DARK = "(prefers-color-scheme: dark)";

/** The form could not be had; nothing is known to be wrong with the payment. */
export class FormUnreachable extends Error {
  name = "FormUnreachable";
}

export class PaymentForm {
  #box;
  #key;
  #script;
  #stripe = null;
  #elements = null;
  #element = null;
  #secret = null;

  /** @param {HTMLElement} box @param {{key: string, script: string}} stripe the publishable key, and where its script is */
  constructor(box, { key, script }) {
    this.#box = box;
    this.#key = key;
    this.#script = script;
    matchMedia(DARK).addEventListener("change", () => this.#elements?.update({ appearance: appearance() }));
  }

  /** Shows the form of a payment; an attempt whose form stands already keeps what was typed. @throws {FormUnreachable} */
  async show(clientSecret) {
    if (this.shows(clientSecret)) return;
    this.close();
    const stripe = await this.#ask();
    this.#elements = stripe.elements({ clientSecret, appearance: appearance() });
    this.#element = this.#elements.create("payment", { layout: "tabs" });
    await mounted(this.#element, this.#box);
    this.#secret = clientSecret;
  }

  /** @returns {boolean} whether this payment's form stands already */
  shows(clientSecret) {
    return clientSecret === this.#secret;
  }

  close() {
    this.#element?.destroy();
    this.#element = null;
    this.#elements = null;
    this.#secret = null;
  }

  /** How the payment stands at Stripe: after a reload it may have arrived, or wait for its bank. @throws {FormUnreachable} */
  async standing(clientSecret) {
    const stripe = await this.#ask();
    const answer = await stripe.retrievePaymentIntent(clientSecret);
    return { status: answer.paymentIntent?.status ?? null, ...outcomeOf(answer) };
  }

  /** Takes up a confirmation by the bank that was begun before a reload. @returns {Promise<{outcome: string, reason: string}>} */
  async resume(clientSecret) {
    return outcomeOf(await this.#stripe.handleNextAction({ clientSecret }));
  }

  /** @param {string} returnUrl where a bank's own page leads back to @returns {Promise<{outcome: string, reason: string}>} */
  async pay(returnUrl) {
    const { error } = await this.#elements.submit();
    if (error) return outcomeOf({ error });
    const confirmation = { elements: this.#elements, confirmParams: { return_url: returnUrl }, redirect: "if_required" };
    return outcomeOf(await this.#stripe.confirmPayment(confirmation));
  }

  async #ask() {
    try {
      this.#stripe ??= (await loadStripe(this.#script))(this.#key);
    } catch (error) {
      throw new FormUnreachable(error.message);
    }
    return this.#stripe;
  }
}

function mounted(element, box) {
  return new Promise((resolve, reject) => {
    const fail = () => {
      element.destroy();
      reject(new FormUnreachable("the payment form did not open"));
    };
    const late = setTimeout(fail, PATIENCE);
    element.on("ready", () => {
      clearTimeout(late);
      resolve();
    });
    element.on("loaderror", () => {
      clearTimeout(late);
      fail();
    });
    element.mount(box);
  });
}

/** Our own colours and type, so that the frame looks like a part of the page. */
function appearance() {
  const style = getComputedStyle(document.documentElement);
  const token = (name) => style.getPropertyValue(name).trim();
  return {
    theme: matchMedia(DARK).matches ? "night" : "stripe",
    variables: {
      colorPrimary: token("--accent"),
      colorBackground: token("--surface"),
      colorText: token("--ink"),
      colorTextSecondary: token("--ink-soft"),
      colorDanger: token("--danger"),
      fontFamily: token("--font"),
      borderRadius: "11px",
    },
  };
}
