/** A picture for a resource that has none, made of its id and kind: the same one every time. */

import { SVG } from "./make.js";

const SIZE = [320, 140];
const SCHEMES = [
  ["#0b4f48", "#7fd8c8", "#f2c879"],
  ["#27235c", "#a9a4f5", "#f59f8b"],
  ["#5c1f33", "#f2a6b8", "#f5d491"],
  ["#123a5a", "#8cc7f2", "#f7e3a1"],
  ["#3d3a12", "#d8d27a", "#f2a46b"],
  ["#1f3b22", "#9fd89a", "#f3e2b3"],
];

function draw(name, facts) {
  const shape = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(facts)) shape.setAttribute(key, value);
  return shape;
}

function hashOf(text) {
  let hash = 7;
  for (const letter of text) hash = (Math.imul(hash, 31) + letter.codePointAt(0)) >>> 0;
  return hash;
}

/** Rows of seats around a stage. */
function seats([, light, warm], hash) {
  const shapes = [];
  for (let row = 0; row < 6; row += 1) {
    const radius = 52 + row * 17;
    const count = 13 + row * 4;
    for (let seat = 0; seat < count; seat += 1) {
      const angle = Math.PI * (0.12 + (0.76 * seat) / (count - 1));
      const chosen = ((hash >>> (row + (seat % 7))) + seat * 5 + row) % 11 === 0;
      const facts = { cx: 160 - Math.cos(angle) * radius * 1.35, cy: -12 + Math.sin(angle) * radius, r: 4.4, fill: chosen ? warm : light };
      shapes.push(draw("circle", { ...facts, opacity: chosen ? 1 : 0.28 + row * 0.08 }));
    }
  }
  return shapes;
}

/** Times of a day as bars of different length. */
function times([, light, warm], hash) {
  return Array.from({ length: 7 }, (_, place) => {
    const width = 60 + ((hash >>> (place * 3)) % 8) * 22;
    const chosen = hash % 7 === place;
    return draw("rect", { x: 34 + ((hash >>> place) % 4) * 12, y: 17 + place * 16, width, height: 9, rx: 4.5, fill: chosen ? warm : light, opacity: chosen ? 1 : 0.5 });
  });
}

/** Steps of time, day by day. */
function steps([, light, warm], hash) {
  return Array.from({ length: 44 }, (_, place) => {
    const chosen = (hash >>> (place % 13)) % 5 === place % 5;
    const facts = { x: 28 + (place % 11) * 24.5, y: 24 + Math.floor(place / 11) * 25, width: 18, height: 18, rx: 4 };
    return draw("rect", { ...facts, fill: chosen ? warm : light, opacity: chosen ? 0.95 : 0.4 });
  });
}

const DRAWINGS = { seats, sessions: times, grid: steps };

/** @returns {SVGElement} hidden from screen readers */
export function poster(id, kind) {
  const hash = hashOf(id);
  const scheme = SCHEMES[hash % SCHEMES.length];
  const svg = draw("svg", { viewBox: `0 0 ${SIZE[0]} ${SIZE[1]}`, preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true" });
  svg.append(draw("rect", { width: SIZE[0], height: SIZE[1], fill: scheme[0] }), ...(DRAWINGS[kind] ?? steps)(scheme, hash));
  return svg;
}
