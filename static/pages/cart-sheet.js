/** The cart as a sheet at the foot of a phone's screen: a bar that says the sum, and opens. */

import { formatMoney } from "../client/money.js";
import { find } from "./shell.js";

export class CartSheet {
  #side;
  #places = 0;
  #total = null;
  #choice = null;
  #invitation = "Your places";

  /** The page has it disabled: until this has run nobody would answer. */
  constructor(side) {
    this.#side = side;
    find("grip").addEventListener("click", () => this.#toggle());
    find("grip").disabled = false;
  }

  /** @param {string} invitation what the bar says while nothing is held */
  invite(invitation) {
    this.#invitation = invitation;
    this.#draw();
  }

  show(lines, total) {
    this.#places = lines.reduce((sum, { quantity }) => sum + quantity, 0);
    this.#total = total;
    this.#draw();
  }

  /** What is being chosen comes first, as long as it is neither held nor given up. @param {{when: string, price: string} | null} choice */
  chosen(choice) {
    this.#choice = choice;
    this.#draw();
  }

  #draw() {
    const places = this.#places;
    const held = places === 0 ? this.#invitation : `${places} ${places === 1 ? "place" : "places"} held`;
    find("grip-title").textContent = this.#choice?.when ?? held;
    find("grip-sum").textContent = this.#choice?.price ?? (this.#total ? formatMoney(this.#total) : "");
    find("grip-checkout").hidden = places === 0 || this.#choice !== null;
  }

  #toggle() {
    const open = this.#side.toggleAttribute("data-open");
    find("grip").setAttribute("aria-expanded", String(open));
  }
}
