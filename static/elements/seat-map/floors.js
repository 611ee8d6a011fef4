/**
 * Plans of halls with storeys often draw them over each other. Here they are laid one below the other, so that every seat can be
 * seen and chosen. Pure.
 */

import { Cells } from "./cells.js";

const TOUCH = 0.5;
const SHARE = 0.1;
const BETWEEN = 4;

/** @returns {number} near the least distance of seats that follow each other in a row; 1 if none do */
export function rowPitch(rows, xs, ys) {
  const steps = rows.flatMap((seats) =>
    seats.slice(1).map((seat, place) => Math.hypot(xs[seat] - xs[seats[place]], ys[seat] - ys[seats[place]])),
  );
  const some = steps.filter((step) => step > 0).sort((one, other) => one - other);
  return some[Math.floor(some.length * 0.05)] ?? 1;
}

function pick(values, seats) {
  return Float64Array.from(seats, (seat) => values[seat]);
}

function lieOver(seats, others, xs, ys, pitch) {
  const cells = new Cells(pick(xs, others), pick(ys, others), pitch * 2);
  const covered = seats.filter((seat) => cells.nearest(xs[seat], ys[seat], pitch * TOUCH) >= 0);
  return covered.length > seats.length * SHARE;
}

/** @returns {number[][]} sections (by number) of each storey, the first that are named lowest */
function storeys(sections, xs, ys, pitch) {
  const found = [];
  sections.forEach((seats, number) => {
    const free = found.find((storey) => !storey.some((other) => lieOver(seats, sections[other], xs, ys, pitch)));
    if (free) free.push(number);
    else found.push([number]);
  });
  return found;
}

/**
 * Moves the seats of upper storeys below those of lower ones, in place.
 * @param {number[][]} sections seats of each section @param {number[][]} rows seats of each row
 * @param {Float64Array} xs @param {Float64Array} ys
 * @returns {number} how many storeys there are
 */
export function layOutFloors(sections, rows, xs, ys) {
  const pitch = rowPitch(rows, xs, ys);
  const found = storeys(sections, xs, ys, pitch);
  let floor = -Infinity;
  for (const storey of found) {
    const seats = storey.flatMap((number) => sections[number]);
    const top = seats.reduce((least, seat) => Math.min(least, ys[seat]), Infinity);
    const move = Math.max(0, floor + pitch * BETWEEN - top);
    for (const seat of seats) ys[seat] += move;
    floor = seats.reduce((most, seat) => Math.max(most, ys[seat]), floor);
  }
  return found.length;
}
