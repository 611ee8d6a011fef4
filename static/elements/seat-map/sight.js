/**
 * Which part of a big plan is looked at, told when the view has rested: whoever looks at one block need hear of no other.
 * Pure but for its timer.
 */

import { BIG } from "./frames.js";

const REST = 600;
/** Pixels beyond the edges that count as seen, so that a little further needs nothing new. */
const ROOM = 160;
/** Of more than this share of all seats one hears as of all, */
const MOST = 1 / 3;
/** and so of more sections than the protocol takes. */
const MOST_SECTIONS = 100;

/** @returns {object[]} those of a plan's sections of which a row may be seen */
export function sectionsInSight(plan, view) {
  return plan.sections.filter(({ rows }) => rows.some(({ frame }) => view.sees(frame, ROOM)));
}

/** @returns {{sections: string[], indices: number[]} | null} the part that is worth following alone; null for all of it */
export function partInSight(plan, view) {
  const seen = sectionsInSight(plan, view);
  const indices = seen.flatMap(({ seats }) => seats.map((seat) => plan.slots[seat].index ?? seat)).sort((one, other) => one - other);
  const small = indices.length > 0 && indices.length <= plan.slots.length * MOST && seen.length <= MOST_SECTIONS;
  return small && seen.every(({ name }) => name) ? { sections: seen.map(({ name }) => name), indices } : null;
}

const nameOf = (part) => JSON.stringify(part?.sections ?? null);

export class Sight {
  #plan = null;
  #view;
  #tell;
  #later;
  #cancel;
  #told = nameOf(null);
  #seen = "";
  #timer = 0;
  #whole = false;

  /** @param {Viewport} view @param {(part: object | null) => void} tell hears of another part; null for all */
  constructor(view, tell, later = setTimeout, cancel = clearTimeout) {
    this.#view = view;
    this.#tell = tell;
    this.#later = (task, wait) => later(task, wait);
    this.#cancel = (timer) => cancel(timer);
  }

  /** Whoever follows begins with all of a plan, and has all while there is none. */
  show(plan) {
    this.leave();
    this.#plan = plan.slots.length > BIG ? plan : null;
    this.#seen = "";
  }

  /** The plan is about to be another one: its parts are not looked for any more. */
  leave() {
    this.stop();
    this.#plan = null;
    this.#say(null);
  }

  /** While everything is listed it does not matter what is drawn. */
  set whole(whole) {
    this.#whole = whole;
    this.#wait();
  }

  /** Something was drawn; perhaps from another place than before. */
  drawn() {
    const { scale, x, y } = this.#view;
    const seen = `${scale} ${x} ${y}`;
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.#wait();
  }

  stop() {
    this.#cancel(this.#timer);
  }

  #wait() {
    if (!this.#plan) return;
    this.stop();
    this.#timer = this.#later(() => this.#look(), REST);
  }

  #look() {
    this.#say(this.#whole ? null : partInSight(this.#plan, this.#view));
  }

  #say(part) {
    if (nameOf(part) === this.#told) return;
    this.#told = nameOf(part);
    this.#tell(part);
  }
}
