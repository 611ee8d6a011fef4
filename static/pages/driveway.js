/** A place that is booked by time: its board, live, the time being chosen, and the cart beside it. */

import { dayAt } from "../client/days.js";
import { GridDays } from "../client/grid-days.js";
import { hourlyWords, marksOf, rangeAloud, rangeOf, stepsIn } from "../client/grid.js";
import { make } from "../elements/make.js";
import { notify } from "../elements/notices.js";
import "../elements/time-grid/time-grid.js";
import { askedRange } from "./choice-words.js";
import { find, tell } from "./shell.js";
import { TimeChoice } from "./time-choice.js";

const WIDE = "(min-width: 1100px)";

export class Driveway {
  element = make("time-grid");
  #holdfast;
  #days;
  #choice;
  #marks = new Map();
  #awaited = null;
  #problem;

  /**
   * @param {Holdfast} holdfast @param {object} fetched the grid
   * @param {{problem: (refusal: Refusal) => void, chosen: (choice: object | null) => void}} tells there is nothing to show; what is chosen
   */
  constructor(holdfast, fetched, { problem, chosen }) {
    this.#holdfast = holdfast;
    this.#problem = problem;
    this.#days = new GridDays(holdfast, fetched);
    this.#choice = new TimeChoice({ choose: (range) => this.element.choose(range), hold: (range) => this.#hold(range), tell: chosen });
    this.element.setAttribute("view", matchMedia(WIDE).matches ? "week" : "day");
    this.#listen();
  }

  get availability() {
    return this.#days.availability;
  }

  /** Opens the days that the address asks for, else those that come next. */
  async open() {
    const asked = askedRange(location.search);
    const zone = this.#days.resource.time_zone;
    await this.#days.open(asked ? dayAt(Date.parse(asked[0]), zone) : undefined);
    if (asked) this.#preselect(asked);
  }

  /** What is one's own has changed. */
  cartChanged() {
    const { resource } = this.#days;
    const wishes = this.#holdfast.cart.wishes.filter((wish) => wish.resource === resource.id && wish.range);
    const before = this.#marks;
    this.#marks = marksOf(resource, this.#holdfast.cart.ranges(resource.id), wishes.map(({ range }) => range));
    this.element.refresh([...new Set([...before.keys(), ...this.#marks.keys()])]);
  }

  #listen() {
    this.#days.addEventListener("days", () => this.#show());
    this.#days.addEventListener("change", ({ detail }) => this.#changed(detail.changed));
    this.#days.addEventListener("refused", ({ detail }) => this.#problem(detail));
    const mark = () => document.body.classList.toggle("stale", this.availability?.stale || this.#holdfast.state !== "live");
    this.#days.addEventListener("fresh", mark);
    this.#holdfast.addEventListener("state", mark);
    this.element.addEventListener("days-want", ({ detail }) => this.#leaf(detail.day));
    this.element.addEventListener("range-change", ({ detail }) => this.#choice.chosen(detail.range, detail.note));
    this.element.addEventListener("range-done", () => this.#choice.focus());
  }

  #show() {
    const { resource, days, slots, today, last } = this.#days;
    find("when").textContent = [resource.address, hourlyWords(resource)].filter(Boolean).join(" · ");
    this.element.show(resource, { days, slots, today, last }, this.#source);
    this.#choice.show(resource);
    this.cartChanged();
  }

  get #source() {
    return {
      numbers: (index) => this.#days.numbers(index),
      mine: (index) => this.#marks.get(index) ?? null,
      now: () => this.#holdfast.clock.now(),
    };
  }

  #changed(changed) {
    this.element.refresh(changed);
    this.#choice.refresh();
    if (this.#awaited) this.#preselect(this.#awaited);
  }

  /** What the address asks for is chosen once it is known to be free. */
  #preselect(asked) {
    const { resource, availability } = this.#days;
    this.#awaited = availability?.replica.ready ? null : asked;
    if (this.#awaited) return;
    const wanted = stepsIn(resource, asked);
    this.element.choose(wanted);
    const { range } = this.element;
    if (range?.start !== wanted.start || range.end !== wanted.end) notify("What you looked for is not free any more. The board shows what is.", "problem");
  }

  async #leaf(day) {
    this.element.setAttribute("aria-busy", "true");
    try {
      await this.#days.open(day);
      this.element.goTo(day);
    } catch (refusal) {
      tell(refusal);
      this.element.goTo(this.#days.days[0]);
    } finally {
      this.element.removeAttribute("aria-busy");
    }
  }

  /** While it is asked for it is nobody's choice any more; refused, it is again. */
  async #hold(range) {
    const { resource } = this.#days;
    const asked = rangeOf(resource, range);
    this.element.choose(null);
    try {
      await this.#holdfast.holds.hold({ resource: resource.id, range: asked });
      this.element.announce("act", `The place is held for you ${rangeAloud(asked, resource.time_zone)}.`);
    } catch (refusal) {
      this.element.choose(range);
      throw refusal;
    }
  }
}
