/** The cart as a sheet at the foot of a phone's screen: a bar that says the sum, and opens. */

import { formatMoney } from "../client/money.js";
import { find } from "./shell.js";

export class CartSheet {
  #side;

  /** What the bar says while nothing is held. */
  invitation = "Find the best places";

  constructor(side) {
    this.#side = side;
    find("grip").addEventListener("click", () => this.#toggle());
  }

  show(lines, total) {
    const places = lines.reduce((sum, { quantity }) => sum + quantity, 0);
    find("grip-title").textContent = places === 0 ? this.invitation : `${places} ${places === 1 ? "place" : "places"} held`;
    find("grip-sum").textContent = total ? formatMoney(total) : "";
    find("grip-checkout").hidden = places === 0;
  }

  #toggle() {
    const open = this.#side.toggleAttribute("data-open");
    find("grip").setAttribute("aria-expanded", String(open));
  }
}
