/** A resource's slots as a drawing in plan units: seats, rows, sections, bounds. Pure. */

import { STRIDE, atOnce } from "../slices.js";
import { areasOf, cornersOf } from "./areas.js";
import { categoriesOf } from "./categories.js";
import { Cells } from "./cells.js";
import { layOutFloors, rowPitch } from "./floors.js";

const GAP = 1.75;
const NAME_ROOM = 2.6;

/** @returns {string} what is written on the seat: the number at the end of its label */
export function seatNumber(label) {
  return /[\p{L}]?\d+[\p{L}]?$/u.exec(label)?.[0] ?? label.slice(0, 3);
}

/** @returns {string} the seat's place in words: section, row and seat, as far as it has them */
export function placeOf(slot) {
  const parts = [slot.section, slot.row && `row ${slot.row}`, `seat ${seatNumber(slot.label)}`];
  return slot.row ? parts.filter(Boolean).join(", ") : slot.label;
}

/** Slots without positions are laid out by section and row, so that every plan can be drawn. @returns {[number, number][]} */
function* positions(slots) {
  const known = yield* each(slots, ({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  if (!known.includes(false)) return yield* each(slots, ({ x, y }) => [x, y]);
  const lines = new Map();
  return yield* each(slots, ({ section, row }) => {
    const name = `${section}\u0000${row}`;
    if (!lines.has(name)) lines.set(name, { number: lines.size, next: 0 });
    const line = lines.get(name);
    line.next += 1;
    return [line.next, line.number * 1.3];
  });
}

/** A frame around points, which grows with each of them. */
class Frame {
  left = Infinity;
  top = Infinity;
  right = -Infinity;
  bottom = -Infinity;

  add(x, y) {
    if (x < this.left) this.left = x;
    if (x > this.right) this.right = x;
    if (y < this.top) this.top = y;
    if (y > this.bottom) this.bottom = y;
  }
}

/** The distance that seats keep: near the least of any two neighbours, also of different rows, so that no two overlap. */
function* spacingOf(xs, ys, pitch) {
  const cells = new Cells(xs, ys, pitch);
  const distances = new Float64Array(xs.length);
  let count = 0;
  for (let seat = 0; seat < xs.length; seat += 1) {
    if (seat % STRIDE === 0) yield;
    const distance = cells.nearestDistance(seat, pitch);
    if (distance > 0) distances[count++] = distance;
  }
  yield;
  const sorted = distances.subarray(0, count).sort();
  return Math.min(pitch, sorted[Math.floor(count * 0.02)] ?? pitch);
}

/** Rows as runs of seats: a run ends where an aisle begins. */
function runsOf(seats, xs, ys, spacing) {
  const runs = [];
  let last = null;
  for (const seat of seats) {
    const far = last === null || Math.hypot(xs[seat] - xs[last], ys[seat] - ys[last]) > spacing * GAP;
    if (far) runs.push([]);
    runs.at(-1).push(seat);
    last = seat;
  }
  return runs;
}

/** Where a row's name stands: one seat beyond either end, in the row's direction. */
function rowLabels(row, xs, ys, spacing) {
  if (!row.name) return [];
  const [first, last] = [row.runs[0], row.runs.at(-1)];
  return [[first[0], first[1]], [last.at(-1), last.at(-2)]].map(([end, next]) => {
    const dx = next === undefined ? -1 : xs[end] - xs[next];
    const dy = next === undefined ? 0 : ys[end] - ys[next];
    const step = (spacing * 1.2) / (Math.hypot(dx, dy) || 1);
    return { text: row.name, x: xs[end] + dx * step, y: ys[end] + dy * step };
  });
}

/** @returns {Map<any, number[]>} the seats that have each key, in their order */
function* group(seats, keyOf) {
  const groups = new Map();
  let known;
  let members = null;
  for (let place = 0; place < seats.length; place += 1) {
    if (place % STRIDE === 0) yield;
    const key = keyOf(seats[place]);
    if (members === null || key !== known) {
      members = groups.get(key);
      if (!members) groups.set(key, (members = []));
      known = key;
    }
    members.push(seats[place]);
  }
  return groups;
}

/** @returns {{name: string, seats: number[], rows: {name: string, seats: number[]}[]}[]} */
function* grouped(slots) {
  const sections = [];
  const all = Array.from(slots, (_, seat) => seat);
  for (const [name, seats] of yield* group(all, (seat) => slots[seat].section)) {
    const rows = yield* group(seats, (seat) => slots[seat].row);
    sections.push({ name, seats, rows: Array.from(rows, ([row, members]) => ({ name: row, seats: members })) });
  }
  return sections;
}

/** @returns {any[]} what `of` makes of each slot; yields on the way */
function* each(slots, of) {
  const made = new Array(slots.length);
  for (let seat = 0; seat < slots.length; seat += 1) {
    if (seat % STRIDE === 0) yield;
    made[seat] = of(slots[seat], seat);
  }
  return made;
}

export class Plan {
  /** @param {{slots: object[], categories?: {name: string, colour: string}[], plan?: object}} resource as HTTP answers it */
  constructor(resource) {
    if (resource) atOnce(this.#build(resource));
  }

  /** The same as work that may be parted; it returns the plan. */
  static *inSteps(resource) {
    const plan = new Plan(null);
    yield* plan.#build(resource);
    return plan;
  }

  *#build({ slots, categories = [], plan = {} }) {
    this.slots = slots;
    const places = yield* positions(slots);
    this.xs = new Float64Array(slots.length);
    this.ys = new Float64Array(slots.length);
    yield* each(places, ([x, y], seat) => {
      this.xs[seat] = x;
      this.ys[seat] = y;
    });
    yield;
    this.areas = areasOf(plan);
    this.sections = yield* grouped(slots);
    this.rows = this.sections.flatMap(({ rows }) => rows);
    yield;
    const pitch = rowPitch(this.rows.map(({ seats }) => seats), this.xs, this.ys);
    const floors = yield* layOutFloors(this.sections.map(({ seats }) => seats), pitch, this.xs, this.ys);
    this.letters = yield* each(slots, ({ label }) => seatNumber(label));
    this.spacing = yield* spacingOf(this.xs, this.ys, pitch);
    this.cells = new Cells(this.xs, this.ys, this.spacing * 2);
    this.seatOf = new Map();
    yield* each(slots, ({ id }, seat) => this.seatOf.set(id, seat));
    yield* this.#describe();
    this.rowLabels = (floors === 1 && plan.row_labels) || this.rows.flatMap((row) => rowLabels(row, this.xs, this.ys, this.spacing));
    this.bounds = this.#allBounds();
    yield;
    this.categories = categoriesOf(slots, categories);
    yield;
    const names = new Map(this.categories.map(({ name }, number) => [name, number]));
    this.categoryOf = Uint16Array.from(yield* each(slots, ({ category }) => names.get(category)));
    this.hasAccessible = slots.some(({ accessible }) => accessible);
  }

  /** The seats with the room around them, the areas and the names. */
  #allBounds() {
    const frame = new Frame();
    for (const area of this.areas) for (const [x, y] of cornersOf(area)) frame.add(x, y);
    for (const { x, y } of this.rowLabels) frame.add(x, y);
    for (let seat = 0; seat < this.xs.length; seat += 1) frame.add(this.xs[seat], this.ys[seat]);
    for (const { namePlace: place } of this.sections) if (place) frame.add(place[0], place[1] - this.spacing * NAME_ROOM);
    const { left, top, right, bottom } = frame;
    if (left > right) return { left: 0, top: 0, right: 1, bottom: 1 };
    const room = this.spacing * 1.4;
    return { left: left - room, top: top - room, right: right + room, bottom: bottom + room };
  }

  /** What of sections and rows depends on where seats are. */
  *#describe() {
    for (const section of this.sections) {
      yield;
      for (const row of section.rows) {
        row.runs = runsOf(row.seats, this.xs, this.ys, this.spacing);
        row.frame = this.#frameOf(row.seats);
      }
      section.namePlace = this.#namePlace(section.name, section.seats);
    }
  }

  #frameOf(seats) {
    const frame = new Frame();
    for (const seat of seats) frame.add(this.xs[seat], this.ys[seat]);
    return frame;
  }

  /** Above those of its seats that stand in the middle; null for a section that the plan itself names. */
  #namePlace(name, seats) {
    if (this.areas.some(({ text }) => text?.text.toLowerCase() === name.toLowerCase())) return null;
    const frame = this.#frameOf(seats);
    const middle = (frame.left + frame.right) / 2;
    const near = seats.filter((seat) => Math.abs(this.xs[seat] - middle) < this.spacing * 4);
    return [middle, near.length > 0 ? Math.min(...near.map((seat) => this.ys[seat])) : frame.top];
  }

  rowOf(seat) {
    return this.rows.find(({ seats }) => seats.includes(seat));
  }

  /** @returns {number} the seat at a point, or -1; `reach` is how far off it may be, in plan units */
  seatAt(x, y, reach = 0) {
    return this.cells.nearest(x, y, Math.max(reach, this.spacing / 2));
  }

  /** @returns {number} the nearest seat in a direction, (1, 0) being right; the seat itself at the edge */
  neighbour(seat, dx, dy) {
    let best = seat;
    let bestCost = Infinity;
    this.xs.forEach((x, other) => {
      const along = (x - this.xs[seat]) * dx + (this.ys[other] - this.ys[seat]) * dy;
      const across = Math.abs((x - this.xs[seat]) * dy) + Math.abs((this.ys[other] - this.ys[seat]) * dx);
      if (other === seat || along <= this.spacing * 0.2 || across > along * 2) return;
      const cost = along + across * 2;
      if (cost < bestCost) [best, bestCost] = [other, cost];
    });
    return best;
  }
}
