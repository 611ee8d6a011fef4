/**
 * Some days of a grid, at most seven, live: those that are shown unasked (today and the six that follow), or another week up to the
 * horizon. When a day is over where the place is, or its rules have changed, it is read anew.
 *
 *     const days = new GridDays(holdfast, await resource("yard-12"));
 *     days.addEventListener("days", () => grid.show(days.resource, days, source));       // which days there are has changed
 *     days.addEventListener("change", ({ detail: { changed } }) => grid.refresh(changed));
 *     await days.open("2026-12-24");                                                     // throws a Refusal, and stays where it was
 *
 * Further events: `refused` when there is nothing to follow, `fresh` as of Availability.
 */

import { dayAt, daysBetween, daysFrom, daysLater } from "./days.js";
import { forget, resource, resourceOn } from "./resources.js";

const WEEK = 7;

export class GridDays extends EventTarget {
  resource;
  availability = null;
  days = [];
  today;
  #holdfast;
  #fetch;
  #turn = 0;
  #listeners = null;

  /** @param {Holdfast} holdfast @param {object} fetched with the slots that are shown unasked @param {object} [fetch] how resources are read */
  constructor(holdfast, fetched, fetch = { resource, resourceOn, forget }) {
    super();
    this.#holdfast = holdfast;
    this.#fetch = fetch;
    this.resource = fetched;
    this.today = daysOf(fetched)[0];
  }

  get slots() {
    return this.resource.slots;
  }

  /** @returns {string} the last day that is on sale */
  get last() {
    return daysLater(this.today, this.resource.grid.horizon_days);
  }

  /** @returns {{available: number, held: number} | null} of a step; null while that is not known */
  numbers(index) {
    const replica = this.availability?.replica;
    return replica?.ready && replica.place(index) >= 0 ? replica.at(index) : null;
  }

  /** @returns {string} the day it is there by now */
  get #now() {
    return dayAt(this.#holdfast.clock.now(), this.resource.time_zone);
  }

  /** Shows the week with this day, as far as there is one on sale. @throws {Refusal} */
  async open(day = this.today) {
    this.#turn += 1;
    const turn = this.#turn;
    const wanted = this.#weekOf(day);
    const unasked = wanted[0] === this.today;
    const { resourceOn: readOn, resource: read } = this.#fetch;
    const fetched = await (unasked ? read(this.resource.id) : readOn(this.resource.id, wanted[0], wanted.at(-1)));
    if (turn !== this.#turn) return;
    this.resource = fetched;
    this.days = daysOf(fetched);
    if (unasked) this.today = this.days[0];
    this.#follow();
    this.dispatchEvent(new CustomEvent("days"));
  }

  close() {
    this.#turn += 1;
    this.#listeners?.abort();
    this.availability?.close();
    this.availability = null;
  }

  #weekOf(day) {
    const ahead = Math.min(Math.max(daysBetween(this.today, day), 0), this.resource.grid.horizon_days);
    const first = ahead - (ahead % WEEK);
    return daysFrom(daysLater(this.today, first), Math.min(WEEK, this.resource.grid.horizon_days - first + 1));
  }

  #follow() {
    this.#listeners?.abort();
    this.availability?.close();
    const view = this.days[0] === this.today ? undefined : { sections: this.days, indices: this.slots.map(({ index }) => index) };
    this.availability = this.#holdfast.follow(this.resource, view);
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    this.availability.addEventListener("change", ({ detail }) => this.#changed(detail), { signal });
    this.availability.addEventListener("layout", () => this.#again(), { signal });
    for (const name of ["refused", "fresh"]) this.availability.addEventListener(name, ({ detail }) => this.#tell(name, detail), { signal });
  }

  /** At midnight there everything is told anew. */
  #changed(detail) {
    if (detail.changed === null && this.#now > this.today) this.#again();
    else this.#tell("change", detail);
  }

  async #again() {
    this.#fetch.forget(this.resource.id);
    const day = this.days.find((each) => each >= this.#now);
    this.today = this.#now;
    try {
      await this.open(day);
    } catch (refusal) {
      this.#tell("refused", refusal);
    }
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function daysOf({ slots }) {
  return [...new Set(slots.map(({ section }) => section))];
}
