/**
 * The same map as a real list: sections, their rows, their seats as toggle buttons. Built only as far as it is opened, so a
 * stadium costs no more than a studio.
 */

import { Look, canChoose, nameOf, shortWordsOf, wordsOf } from "./looks.js";
import { placeOf } from "./plan.js";

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export class SeatList {
  #root;
  #choose;
  #plan = null;
  #looks = null;
  #price = String;
  #buttons = new Map();
  #counts = [];
  #countsDue = false;

  /** @param {HTMLElement} root to fill @param {(seat: number) => void} choose */
  constructor(root, choose) {
    this.#root = root;
    this.#choose = choose;
  }

  show(plan, looks, price) {
    this.#plan = plan;
    this.#looks = looks;
    this.#price = price;
    this.#buttons.clear();
    this.#counts = [];
    this.#root.replaceChildren(...plan.sections.map((section) => this.#section(section)));
    if (plan.sections.length === 1) this.#root.firstElementChild.open = true;
    this.refresh(null);
  }

  /** @param {Iterable<number> | null} seats that look different now; null for all */
  refresh(seats) {
    for (const seat of seats ?? this.#buttons.keys()) this.#refreshSeat(seat);
    if (this.#countsDue) return;
    this.#countsDue = true;
    setTimeout(() => this.#refreshCounts(), seats === null ? 0 : 500);
  }

  #section(section) {
    const details = element("details", "section");
    const summary = element("summary", "", section.name || "All places");
    details.append(summary, this.#whenOpened(details, "rows", () => section.rows.map((row) => this.#row(section, row))));
    this.#count(summary, section.seats);
    return details;
  }

  #row(section, row) {
    const details = element("details", "row");
    const summary = element("summary", "", row.name ? `Row ${row.name}` : "Seats");
    const seats = () => row.seats.map((seat) => this.#seat(seat));
    details.append(summary, this.#whenOpened(details, "seats", seats));
    details.open = section.rows.length === 1;
    this.#count(summary, row.seats);
    return details;
  }

  #whenOpened(details, className, make) {
    const body = element("div", className);
    details.addEventListener("toggle", () => {
      if (!details.open || body.childElementCount > 0) return;
      body.append(...make());
      this.#refreshCounts();
    });
    return body;
  }

  #seat(seat) {
    const button = element("button", "seat");
    button.type = "button";
    button.addEventListener("click", () => this.#choose(seat));
    this.#buttons.set(seat, button);
    this.#refreshSeat(seat);
    return button;
  }

  #refreshSeat(seat) {
    const button = this.#buttons.get(seat);
    if (!button) return;
    const look = this.#looks[seat];
    const slot = this.#plan.slots[seat];
    button.dataset.look = nameOf(look);
    button.setAttribute("aria-pressed", String(look === Look.MINE));
    button.setAttribute("aria-disabled", String(!canChoose(look)));
    button.replaceChildren(this.#number(seat), this.#state(slot, look));
  }

  /** What is seen is part of what is heard, in the same order (WCAG 2.5.3). */
  #number(seat) {
    const slot = this.#plan.slots[seat];
    const number = this.#plan.letters[seat];
    const place = placeOf(slot);
    const rest = [slot.accessible && "wheelchair place", slot.category, ""].filter((part) => part !== false).join(", ");
    const made = element("span", "number");
    const before = place.endsWith(number) ? place.slice(0, place.length - number.length) : `${place}, `;
    made.append(element("span", "hush", before), number, element("span", "hush", `, ${rest}`));
    return made;
  }

  #state(slot, look) {
    const made = element("span", "state");
    if (look === Look.AVAILABLE) made.append(this.#price(slot.price), element("span", "hush", `, ${wordsOf(look)}`));
    else made.append(shortWordsOf(look));
    return made;
  }

  /** @returns {string} all that a map shows of a seat */
  describe(seat) {
    const slot = this.#plan.slots[seat];
    const facts = [placeOf(slot), slot.accessible && "wheelchair place", slot.category, this.#price(slot.price)];
    return [...facts, wordsOf(this.#looks[seat])].filter(Boolean).join(", ");
  }

  #count(summary, seats) {
    const count = element("span", "left");
    summary.append(count);
    this.#counts.push({ count, seats });
  }

  #refreshCounts() {
    this.#countsDue = false;
    for (const { count, seats } of this.#counts) {
      const left = seats.reduce((sum, seat) => sum + (this.#looks[seat] === Look.AVAILABLE ? 1 : 0), 0);
      count.textContent = `${left} of ${seats.length} left`;
    }
  }
}
