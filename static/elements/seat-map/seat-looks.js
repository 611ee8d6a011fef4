/** What each seat of a plan looks like to this buyer, by what its source says. Of a big hall it finds out in slices. Pure. */

import { STRIDE, atOnce, inSlices } from "../slices.js";
import { BIG } from "./frames.js";
import { lookOf } from "./looks.js";

export class SeatLooks {
  /** One of `Look` for each seat. */
  looks;
  #slots;
  #source;
  #changed;
  #unsaid = [];
  #life = new AbortController();

  /**
   * @param {object[]} slots @param {{numbers: Function, quantity: Function, waiting: Function}} source as of <seat-map>
   * @param {(seats: number[]) => void} changed hears of seats that look different now
   */
  constructor(slots, source, changed) {
    this.looks = new Uint8Array(slots.length);
    this.#slots = slots;
    this.#source = source;
    this.#changed = changed;
  }

  /** Looks at these slots, by their indices. */
  some(indices) {
    const first = this.#slots[0]?.index ?? 0;
    const changed = [];
    for (const index of indices) this.#look(index - first, changed);
    if (changed.length > 0) this.#changed(changed);
  }

  /** Looks at all of them. An earlier time that is not done yet is given up; what it found is told with the rest. */
  all() {
    this.stop();
    this.#life = new AbortController();
    const work = this.#lookAtAll();
    if (this.looks.length <= BIG) atOnce(work);
    else inSlices(work, this.#life).catch(reportError);
  }

  stop() {
    this.#life.abort();
  }

  *#lookAtAll() {
    for (let seat = 0; seat < this.looks.length; seat += 1) {
      if (seat % STRIDE === STRIDE - 1) yield;
      this.#look(seat, this.#unsaid);
    }
    const changed = this.#unsaid;
    this.#unsaid = [];
    if (changed.length > 0) this.#changed(changed);
  }

  #look(seat, changed) {
    const slot = this.#slots[seat];
    if (!slot) return;
    const look = lookOf(this.#source.numbers(slot.index ?? seat), this.#source.quantity(slot.id), this.#source.waiting(slot.id));
    if (look === this.looks[seat]) return;
    this.looks[seat] = look;
    changed.push(seat);
  }
}
