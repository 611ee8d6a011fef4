/** A resource's slots as a drawing in plan units: seats, rows, sections, bounds. Pure. */

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

/** Slots without positions are laid out by section and row, so that every plan can be drawn. */
function positions(slots) {
  if (slots.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))) return slots.map(({ x, y }) => [x, y]);
  const lines = new Map();
  return slots.map(({ section, row }) => {
    const name = `${section}\u0000${row}`;
    if (!lines.has(name)) lines.set(name, { number: lines.size, next: 0 });
    const line = lines.get(name);
    line.next += 1;
    return [line.next, line.number * 1.3];
  });
}

function boundsOf(xs, ys) {
  const bounds = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  xs.forEach((x, seat) => {
    bounds.left = Math.min(bounds.left, x);
    bounds.right = Math.max(bounds.right, x);
    bounds.top = Math.min(bounds.top, ys[seat]);
    bounds.bottom = Math.max(bounds.bottom, ys[seat]);
  });
  return bounds;
}

/** The distance that seats keep: near the least of any two neighbours, also of different rows, so that no two overlap. */
function spacingOf(xs, ys, pitch) {
  const cells = new Cells(xs, ys, pitch);
  const distances = xs.map((_, seat) => cells.nearestDistance(seat, pitch)).filter((distance) => distance > 0);
  return Math.min(pitch, distances.sort()[Math.floor(distances.length * 0.02)] ?? pitch);
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

function group(slots, keyOf) {
  const groups = new Map();
  slots.forEach((slot, seat) => {
    const key = keyOf(slot);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(seat);
  });
  return groups;
}

export class Plan {
  /** @param {{slots: object[], categories?: {name: string, colour: string}[], plan?: object}} resource as HTTP answers it */
  constructor({ slots, categories = [], plan = {} }) {
    this.slots = slots;
    const places = positions(slots);
    this.xs = Float64Array.from(places, ([x]) => x);
    this.ys = Float64Array.from(places, ([, y]) => y);
    this.areas = areasOf(plan);
    const rows = [...group(slots, ({ section, row }) => `${section}\u0000${row}`).values()];
    const sections = [...group(slots, ({ section }) => section).values()];
    const pitch = rowPitch(rows, this.xs, this.ys);
    const floors = layOutFloors(sections, pitch, this.xs, this.ys);
    this.letters = slots.map(({ label }) => seatNumber(label));
    this.spacing = spacingOf(this.xs, this.ys, pitch);
    this.cells = new Cells(this.xs, this.ys, this.spacing * 2);
    this.seatOf = new Map(slots.map((slot, seat) => [slot.id, seat]));
    this.sections = this.#sections();
    this.rows = this.sections.flatMap(({ rows }) => rows);
    this.rowLabels = (floors === 1 && plan.row_labels) || this.rows.flatMap((row) => rowLabels(row, this.xs, this.ys, this.spacing));
    this.bounds = this.#allBounds();
    this.categories = categoriesOf(slots, categories);
    const names = new Map(this.categories.map(({ name }, number) => [name, number]));
    this.categoryOf = Uint16Array.from(slots, ({ category }) => names.get(category));
  }

  /** The seats with the room around them, the areas and the names. */
  #allBounds() {
    const corners = [...this.areas.flatMap(cornersOf), ...this.rowLabels.map(({ x, y }) => [x, y])];
    this.xs.forEach((x, seat) => corners.push([x, this.ys[seat]]));
    for (const { namePlace: place } of this.sections) if (place) corners.push([place[0], place[1] - this.spacing * NAME_ROOM]);
    if (corners.length === 0) return { left: 0, top: 0, right: 1, bottom: 1 };
    const { left, top, right, bottom } = boundsOf(corners.map(([x]) => x), corners.map(([, y]) => y));
    const room = this.spacing * 1.4;
    return { left: left - room, top: top - room, right: right + room, bottom: bottom + room };
  }

  #sections() {
    return Array.from(group(this.slots, ({ section }) => section), ([name, seats]) => {
      const rows = group(seats.map((seat) => this.slots[seat]), ({ row }) => row);
      const named = Array.from(rows, ([row, places]) => this.#row(row, places.map((place) => seats[place])));
      return { name, seats, rows: named, namePlace: this.#namePlace(name, seats) };
    });
  }

  /** Above those of its seats that stand in the middle; null for a section that the plan itself names. */
  #namePlace(name, seats) {
    if (this.areas.some(({ text }) => text?.text.toLowerCase() === name.toLowerCase())) return null;
    const { left, top, right } = boundsOf(seats.map((seat) => this.xs[seat]), seats.map((seat) => this.ys[seat]));
    const middle = (left + right) / 2;
    const near = seats.filter((seat) => Math.abs(this.xs[seat] - middle) < this.spacing * 4);
    return [middle, near.length > 0 ? Math.min(...near.map((seat) => this.ys[seat])) : top];
  }

  #row(name, seats) {
    return { name, seats, runs: runsOf(seats, this.xs, this.ys, this.spacing) };
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
