/**
 * Plans of halls with storeys often draw them over each other. Here they are laid one below the other, so that every seat can be
 * seen and chosen. Pure.
 */

import { STRIDE } from "../slices.js";
import { Cells } from "./cells.js";

const TOUCH = 0.5;
const SHARE = 0.1;
const BETWEEN = 4;

/** @returns {number} near the least distance of seats that follow each other in a row; 1 if none do */
export function rowPitch(rows, xs, ys) {
  const steps = [];
  for (const seats of rows) {
    for (let place = 1; place < seats.length; place += 1) {
      const step = Math.hypot(xs[seats[place]] - xs[seats[place - 1]], ys[seats[place]] - ys[seats[place - 1]]);
      if (step > 0) steps.push(step);
    }
  }
  return Float64Array.from(steps).sort()[Math.floor(steps.length * 0.05)] ?? 1;
}

/** @returns {Set<string>} `upper/lower` numbers of sections of which a good part lies over the other */
function* overlaps(sections, xs, ys, pitch) {
  const sectionOf = new Int32Array(xs.length);
  sections.forEach((seats, number) => {
    for (const seat of seats) sectionOf[seat] = number;
  });
  const cells = new Cells(xs, ys, pitch * 2);
  const counts = new Map();
  const met = new Set();
  for (let seat = 0; seat < xs.length; seat += 1) {
    if (seat % STRIDE === 0) yield;
    met.clear();
    cells.near(xs[seat], ys[seat], pitch * TOUCH, (other) => {
      if (sectionOf[other] !== sectionOf[seat]) met.add(sectionOf[other]);
    });
    for (const other of met) {
      const pair = `${sectionOf[seat]}/${other}`;
      counts.set(pair, (counts.get(pair) ?? 0) + 1);
    }
  }
  const many = ([pair, count]) => count > sections[Number.parseInt(pair, 10)].length * SHARE;
  return new Set([...counts].filter(many).map(([pair]) => pair));
}

/** @returns {number[][]} sections (by number) of each storey, the first that are named lowest */
function storeys(sections, over) {
  const found = [];
  sections.forEach((_, number) => {
    const free = found.find((storey) => !storey.some((other) => over.has(`${number}/${other}`)));
    if (free) free.push(number);
    else found.push([number]);
  });
  return found;
}

/**
 * Moves the seats of upper storeys below those of lower ones, in place; yields on the way.
 * @param {number[][]} sections seats of each section @param {number} pitch from seat to seat in a row
 * @param {Float64Array} xs @param {Float64Array} ys
 * @returns {number} how many storeys there are
 */
export function* layOutFloors(sections, pitch, xs, ys) {
  const found = storeys(sections, yield* overlaps(sections, xs, ys, pitch));
  if (found.length === 1) return 1;
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
