/** The form that asks for the best places instead of naming them. */

import { shortMoney } from "../client/money.js";
import { sentence } from "../client/wording.js";
import { make } from "../elements/make.js";
import { categoriesOf } from "../elements/seat-map/categories.js";
import { find } from "./shell.js";

const MOST = 10;

export class BestForm {
  #form;
  #ask;

  /** @param {HTMLFormElement} form @param {(wish: object) => Promise<void>} ask takes the hold */
  constructor(form, ask) {
    this.#form = form;
    this.#ask = ask;
    form.addEventListener("submit", (event) => this.#submit(event));
    const quantities = Array.from({ length: MOST }, (_, place) => make("option", { value: String(place + 1) }, String(place + 1)));
    find("best-quantity").append(...quantities);
    find("best-quantity").value = "2";
  }

  /** Only seats have neighbours; start times are chosen one by one. */
  show(resource) {
    this.#form.hidden = resource.kind !== "seats";
    if (this.#form.hidden) return;
    const categories = categoriesOf(resource.slots, resource.categories);
    const options = categories.filter(({ name }) => name).map(({ name, price }) => make("option", { value: name }, `${name} · ${shortMoney(price)}`));
    find("best-category").replaceChildren(make("option", { value: "" }, "Any"), ...options);
  }

  async #submit(event) {
    event.preventDefault();
    const button = this.#form.querySelector("button");
    if (button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    find("best-problem").textContent = "";
    try {
      await this.#ask(this.#wish());
    } catch (refusal) {
      if (refusal.name !== "Refusal") throw refusal;
      find("best-problem").textContent = this.#explain(refusal);
    } finally {
      button.ariaBusy = "false";
    }
  }

  #wish() {
    const category = find("best-category").value;
    const wish = { quantity: Number(find("best-quantity").value), adjacent: find("best-together").checked };
    return category ? { ...wish, category } : wish;
  }

  #explain(refusal) {
    if (refusal.code !== "slot_taken") return sentence(refusal);
    const together = find("best-together").checked ? " next to each other" : "";
    return `There are no ${find("best-quantity").value} places${together} left there.`;
  }
}
