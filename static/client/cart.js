/**
 * What this session holds, as all its tabs know it: the server's truth, and over it what this tab has asked for and not been
 * answered yet. Pure but for the event `change`.
 */

import { HELD, PAYING } from "./protocol.js";

const LIVE = new Set([HELD, PAYING]);
const CART = "cart";

function key(resource, slot) {
  return `${resource}\u0000${slot}`;
}

export class Cart extends EventTarget {
  reference = null;
  expiresAt = null;
  total = null;
  #holds = new Map();
  #asked = new Map();
  #quantities = new Map();
  #pending = new Map();

  /** @returns {object[]} the holds of the cart, oldest first */
  get held() {
    return this.#with(HELD);
  }

  /** @returns {object[]} the holds whose payment is under way */
  get paying() {
    return this.#with(PAYING);
  }

  #with(status) {
    return [...this.#holds.values()].filter((hold) => hold.status === status);
  }

  /** @returns {number} how much of a slot this session has, unanswered wishes included */
  quantity(resource, slot) {
    return Math.max(0, (this.#quantities.get(key(resource, slot)) ?? 0) + (this.#pending.get(key(resource, slot)) ?? 0));
  }

  /** @returns {[string, string][]} the ranges of time of a resource that are this session's */
  ranges(resource) {
    return [...this.#holds.values()].filter((hold) => hold.resource === resource && hold.range).map(({ range }) => range);
  }

  /** @returns {{resource: string, items: [string, number][], range?: [string, string]}[]} what has been asked for and not been answered yet */
  get wishes() {
    return [...this.#asked.values()];
  }

  /** @returns {Set<string>} the slots of a resource that are this session's, or about which it waits */
  slots(resource) {
    const all = [...this.#holds.values(), ...this.#asked.values()].filter((one) => one.resource === resource);
    return new Set(all.flatMap(({ items }) => items.map(([slot]) => slot)));
  }

  /** @returns {boolean} whether the server has yet to answer about this slot */
  waiting(resource, slot) {
    return this.#pending.has(key(resource, slot));
  }

  /** @returns {object | undefined} the hold of this cart that has this slot and can be given back */
  holdOf(resource, slot) {
    return this.held.find((hold) => hold.resource === resource && hold.items.some(([id]) => id === slot));
  }

  /**
   * A `welcome` replaces what was known; unanswered wishes stay, for they are asked again.
   * @returns {object[]} holds that ended while nobody could tell
   */
  welcomed({ cart, holds }) {
    const known = new Set((holds ?? []).map(({ id }) => id));
    const gone = this.held.filter(({ id }) => !known.has(id));
    for (const asked of this.#asked.values()) asked.told = null;
    this.#holds = new Map((holds ?? []).map((hold) => [hold.id, hold]));
    this.#describe(cart);
    this.#changed();
    return gone;
  }

  /**
   * The answer to the hold asked for as `op`. An answer says what was done, and not how things stand: it came behind its own news
   * perhaps, and to an `op` that is sent again over another line the server repeats its first answer, whatever has happened since.
   * So what has been told since it was asked stands. If nothing has, the server's own news are still to come.
   */
  took(op, { hold, cart }) {
    if (this.#isOld(op, hold.id)) return;
    this.#put(hold);
    this.#describe(cart);
    this.#changed();
  }

  /** The answer to the release asked for as `op`: of what the hold is by now, these items are given back, or all. */
  released(op, id, items) {
    const hold = this.#holds.get(id);
    if (!hold || this.#isOld(op, id)) return;
    this.#put(without(hold, items));
    this.#changed();
  }

  /** The answer to the extension asked for as `op`. */
  extended(op, cart) {
    if (this.#isOld(op, CART)) return;
    this.#describe(cart);
    this.#changed();
  }

  /** A change of one hold, in whichever tab it was made. */
  holdChanged(hold) {
    this.#told(hold.id);
    this.#put(hold);
    this.#changed();
  }

  /** A `cart` message: its holds are the whole cart. */
  cartChanged(cart) {
    this.#told(CART);
    const kept = this.paying.map((hold) => [hold.id, hold]);
    this.#holds = new Map([...kept, ...(cart.holds ?? []).map((hold) => [hold.id, hold])]);
    this.#describe(cart);
    this.#changed();
  }

  #put(hold) {
    if (LIVE.has(hold.status)) this.#holds.set(hold.id, hold);
    else this.#holds.delete(hold.id);
  }

  /** Whatever is still unanswered was asked before this news of a hold or of the cart. */
  #told(what) {
    for (const asked of this.#asked.values()) asked.told?.add(what);
  }

  /** Whether news of a hold or of the cart has come since `op` was asked; a welcome tells of all. */
  #isOld(op, what) {
    const { told } = this.#asked.get(op);
    return told === null || told.has(what);
  }

  #describe(cart) {
    this.reference = cart?.reference ?? null;
    this.expiresAt = cart?.expires_at ?? null;
    this.total = cart?.total ?? null;
  }

  /**
   * Shows a wish before it is granted: a range, or quantities to add, negative to give back; nothing where only the answer is awaited.
   * `op` takes the wish away again.
   */
  wish(op, resource = null, items = [], range = undefined) {
    this.#asked.set(op, { resource, items, range, told: new Set() });
    this.#changed();
  }

  /** The wish `op` has been answered: the truth stands in the holds, or it was refused and is rolled back. */
  answered(op) {
    if (this.#asked.delete(op)) this.#changed();
  }

  #changed() {
    this.#quantities.clear();
    this.#pending.clear();
    for (const hold of this.#holds.values()) add(this.#quantities, hold.resource, hold.items);
    for (const { resource, items } of this.#asked.values()) add(this.#pending, resource, items);
    this.dispatchEvent(new CustomEvent("change"));
  }
}

function add(sums, resource, items) {
  for (const [slot, quantity] of items ?? []) {
    const name = key(resource, slot);
    sums.set(name, (sums.get(name) ?? 0) + quantity);
  }
}

/** @returns {object} the hold as it is once `items` are given back; `released` when nothing is left */
export function without(hold, items) {
  if (!items) return { ...hold, status: "released" };
  const less = new Map(items);
  const left = hold.items
    .map(([slot, quantity]) => [slot, quantity - (less.get(slot) ?? 0)])
    .filter(([, quantity]) => quantity > 0);
  return { ...hold, items: left, status: left.length > 0 ? hold.status : "released" };
}
