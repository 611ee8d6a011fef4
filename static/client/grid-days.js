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
import { reread } from "./rereading.js";
import { forget, resource, resourceOn } from "./resources.js";

const WEEK = 7;

export class GridDays extends EventTarget {
  resource;
  availability = null;
  days = [];
  today;
  #holdfast;
  #fetch;
  #options;
  #turn = 0;
  #anew = null;
  #listeners = null;

  /**
   * @param {Holdfast} holdfast @param {object} fetched with the slots that are shown unasked
   * @param {object} [fetch] how resources are read @param {object} [options] as of `reread`
   */
  constructor(holdfast, fetched, fetch = { resource, resourceOn, forget }, options = {}) {
    super();
    this.#holdfast = holdfast;
    this.#fetch = fetch;
    this.#options = options;
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
    const found = await this.#read(day);
    if (turn === this.#turn) this.#show(found);
  }

  /** @returns {Promise<{fetched: object, unasked: boolean}>} the week with this day; whether it begins today */
  async #read(day = this.today) {
    const wanted = this.#weekOf(day);
    const unasked = wanted[0] === this.today;
    const { resourceOn: readOn, resource: read } = this.#fetch;
    return { fetched: await (unasked ? read(this.resource.id) : readOn(this.resource.id, wanted[0], wanted.at(-1))), unasked };
  }

  #show({ fetched, unasked }) {
    this.#anew?.abort();
    this.resource = fetched;
    this.days = daysOf(fetched);
    if (unasked) this.today = this.days[0];
    this.#follow();
    this.dispatchEvent(new CustomEvent("days"));
  }

  close() {
    this.#turn += 1;
    this.#anew?.abort();
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
    this.availability.addEventListener("layout", ({ detail }) => this.#again(detail), { signal });
    for (const name of ["refused", "fresh"]) this.availability.addEventListener(name, ({ detail }) => this.#tell(name, detail), { signal });
  }

  /** At midnight there everything is told anew. */
  #changed(detail) {
    if (detail.changed === null && this.#now > this.today) this.#again(this.resource.layout);
    this.#tell("change", detail);
  }

  /** Until the days have been read in this layout or a later one, those that are shown stay; or others that are asked for meanwhile. */
  async #again(layout) {
    this.#anew?.abort();
    this.#anew = new AbortController();
    this.#outdated();
    try {
      this.#show(await reread(() => this.#readAnew(), ({ fetched }) => fetched.layout >= layout, { ...this.#options, signal: this.#anew.signal }));
    } catch (refusal) {
      if (refusal.name !== "Refusal") throw refusal;
      this.#tell("refused", refusal);
    }
  }

  #readAnew() {
    this.#outdated();
    return this.#read(this.days.find((each) => each >= this.today));
  }

  /** What was read before is of no use, and it may be another day by now. */
  #outdated() {
    this.#fetch.forget(this.resource.id);
    this.today = this.#now;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function daysOf({ slots }) {
  return [...new Set(slots.map(({ section }) => section))];
}
