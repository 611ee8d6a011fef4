/**
 * One channel's slots as this browser knows them. Pure: messages in, numbers out.
 *
 * A delta from position `from` to `to` counts if `from <= mine < to`; it carries final states, so it may be applied twice,
 * and neighbouring deltas may come merged. `from > mine` is a gap: the owner subscribes again with `position`.
 */

export const Outcome = Object.freeze({ APPLIED: "applied", IGNORED: "ignored", GAP: "gap" });

const WIDTHS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

/** @returns {Uint8Array | Uint16Array | Uint32Array} of a `bin` (little-endian) or of a JSON array */
export function numbers(values, width) {
  const Numbers = WIDTHS[width];
  if (!Numbers) throw new RangeError(`no array has ${width} bytes a number`);
  if (!(values instanceof Uint8Array)) return Numbers.from(values);
  const copy = values.slice();
  return new Numbers(copy.buffer, 0, copy.byteLength / width);
}

export class Replica {
  epoch = null;
  version = 0;
  layout = 0;
  first = 0;
  available = new Uint8Array(0);
  held = new Uint8Array(0);
  #places = null;

  /** @param {number[] | null} indices a partial view's slot indices in order; null when the view is every slot */
  constructor(indices = null) {
    if (indices) this.#places = new Map(indices.map((index, place) => [index, place]));
  }

  /** @returns {[string, number] | undefined} what `subscribe` sends to be caught up */
  get position() {
    return this.epoch === null ? undefined : [this.epoch, this.version];
  }

  get ready() {
    return this.epoch !== null;
  }

  /** @returns {number} where slot `index` stands in the arrays, or -1 */
  place(index) {
    const place = this.#places ? (this.#places.get(index) ?? -1) : index - this.first;
    return place >= 0 && place < this.available.length ? place : -1;
  }

  /** @returns {{available: number, held: number}} of slot `index`; nothing of either if it is not known */
  at(index) {
    const place = this.place(index);
    return place < 0 ? { available: 0, held: 0 } : { available: this.available[place], held: this.held[place] };
  }

  /** Notes how slot `index` was last known to be, if it has it. */
  set(index, { available, held }) {
    const place = this.place(index);
    if (place < 0) return;
    this.available[place] = available;
    this.held[place] = held;
  }

  /** Replaces everything, also when it comes unasked. @returns {{outcome: string, changed: null}} null: all may differ */
  snapshot(message) {
    this.epoch = message.epoch;
    this.version = message.version;
    this.layout = message.layout;
    this.first = message.first;
    this.available = numbers(message.available, message.width);
    this.held = numbers(message.held, message.width);
    return { outcome: Outcome.APPLIED, changed: null };
  }

  /** @returns {{outcome: string, changed: number[]}} the indices of the slots that it touched */
  delta({ epoch, from, to, changes }) {
    if (!this.ready || epoch !== this.epoch || from > this.version) return { outcome: Outcome.GAP, changed: [] };
    if (to <= this.version) return { outcome: Outcome.IGNORED, changed: [] };
    this.version = to;
    return { outcome: Outcome.APPLIED, changed: this.#write(changes) };
  }

  #write(changes) {
    const changed = [];
    for (let at = 0; at + 2 < changes.length; at += 3) {
      const place = this.place(changes[at]);
      if (place < 0) continue;
      this.available[place] = changes[at + 1];
      this.held[place] = changes[at + 2];
      changed.push(changes[at]);
    }
    return changed;
  }
}
