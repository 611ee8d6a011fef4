/** The steps of a board as cells of an ARIA grid. What is seen of one is part of what is heard, in the same order (WCAG 2.5.3). */

import { make } from "../make.js";

export class Cells {
  #made = new Map();
  #name;
  #describe;

  /**
   * @param {(step: object) => {day: string, time: string, until: string}} name
   * @param {(step: object) => {look: string, mark: string, rest: string, selected: string | null, first: boolean}} describe `first`:
   *   the step before looks different; what belongs together is drawn as one piece
   */
  constructor(name, describe) {
    this.#name = name;
    this.#describe = describe;
  }

  clear() {
    this.#made.clear();
  }

  /** @returns {HTMLElement} of a step; a gap where clocks show no such time */
  make(step) {
    if (!step) return make("div.gap", { role: "gridcell" }, make("span.hush", {}, "Clocks don't show this time on that day."));
    const { day, time, until } = this.#name(step);
    const [hour, ...rest] = time.split(":");
    const mark = make("span.mark");
    const words = make("span.hush");
    const clock = make("span.time", {}, make("span.hh", {}, `${hour}:`), rest.join(":"));
    const cell = make("div.cell", { role: "gridcell", tabIndex: -1, "data-index": String(step.index) }, make("span.hush", {}, `${day}, `), clock, make("span.hush", {}, `–${until}, `), mark, words);
    this.#made.set(step.index, { cell, step, mark, words, told: "" });
    return cell;
  }

  /** @returns {HTMLElement | undefined} */
  at(index) {
    return this.#made.get(index)?.cell;
  }

  get indices() {
    return this.#made.keys();
  }

  /** Paints a step if anything of it has changed. */
  paint(index) {
    const made = this.#made.get(index);
    if (!made) return;
    const facts = this.#describe(made.step);
    const told = Object.values(facts).join(" ");
    if (told === made.told) return;
    made.told = told;
    show(made, facts);
  }
}

function show({ cell, mark, words }, { look, mark: seen, rest, selected, first }) {
  cell.dataset.look = look;
  cell.toggleAttribute("data-first", first);
  mark.textContent = seen;
  words.textContent = rest;
  cell.setAttribute("aria-selected", String(selected !== null));
  cell.setAttribute("aria-disabled", String(look !== "free"));
  if (selected === null) delete cell.dataset.selected;
  else cell.dataset.selected = selected;
}
