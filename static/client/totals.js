/** A resource's sections in sum: `{name: [available, held, capacity]}`. Pure. */

/** Keeps the newest `totals` message of a channel; an older one of the same epoch is left out. */
export class Totals {
  epoch = null;
  version = 0;
  sections = {};

  get position() {
    return this.epoch === null ? undefined : [this.epoch, this.version];
  }

  /** @returns {boolean} whether anything may differ now */
  apply({ epoch, version, sections }) {
    if (epoch === this.epoch && version < this.version) return false;
    Object.assign(this, { epoch, version, sections });
    return true;
  }
}

/**
 * @param {{index?: number, section: string, capacity: number}[]} slots in index order
 * @param {{at(index: number): {available: number, held: number}}} replica
 * @returns {Map<string, {available: number, held: number, capacity: number}>} in the order of the slots
 */
export function sumBySection(slots, replica) {
  const sums = new Map();
  slots.forEach((slot, place) => {
    const sum = sums.get(slot.section) ?? { available: 0, held: 0, capacity: 0 };
    const { available, held } = replica.at(slot.index ?? place);
    sum.available += available;
    sum.held += held;
    sum.capacity += slot.capacity;
    sums.set(slot.section, sum);
  });
  return sums;
}
