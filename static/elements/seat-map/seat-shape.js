/**
 * The shape of one seat. Never by colour alone: available is full, held by others an empty ring with a bar, sold a small dot, one's
 * own dark with a tick, what waits a broken ring; a place for wheelchairs is square where others are round.
 */

import { Look } from "./looks.js";

/** From this size (pixels from seat to seat) on, seats are told apart by more than their outline. */
export const DETAIL = 9;
const LETTERS = 19;
const SIGNS = 13;

function outline(context, radius, accessible) {
  context.beginPath();
  if (accessible) context.roundRect(-radius, -radius, radius * 2, radius * 2, radius * 0.35);
  else context.arc(0, 0, radius, 0, Math.PI * 2);
}

function wheelchair(context, radius, colour) {
  const unit = radius * 0.9;
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = Math.max(1.1, unit * 0.17);
  context.lineCap = "round";
  context.lineJoin = "round";
  context.beginPath();
  context.arc(-unit * 0.15, -unit * 0.66, unit * 0.15, 0, Math.PI * 2);
  context.fill();
  context.beginPath();
  context.moveTo(-unit * 0.15, -unit * 0.4);
  context.lineTo(-unit * 0.12, unit * 0.08);
  context.lineTo(unit * 0.28, unit * 0.08);
  context.lineTo(unit * 0.46, unit * 0.52);
  context.stroke();
  context.beginPath();
  context.arc(-unit * 0.1, unit * 0.26, unit * 0.4, Math.PI * 0.12, Math.PI * 1.42);
  context.stroke();
}

function tick(context, radius, colour) {
  context.strokeStyle = colour;
  context.lineWidth = Math.max(1.2, radius * 0.26);
  context.lineCap = "round";
  context.lineJoin = "round";
  context.beginPath();
  context.moveTo(-radius * 0.42, radius * 0.04);
  context.lineTo(-radius * 0.1, radius * 0.36);
  context.lineTo(radius * 0.46, -radius * 0.32);
  context.stroke();
}

function available(context, { radius, size, fill, text, accessible, letters, font }) {
  outline(context, radius, accessible);
  context.fillStyle = fill;
  context.fill();
  if (accessible && size >= SIGNS) wheelchair(context, radius, text);
  else if (letters && size >= LETTERS) {
    context.fillStyle = text;
    context.font = `600 ${Math.round(Math.min(radius * (letters.length > 2 ? 0.78 : 0.95), 17))}px ${font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(letters, 0, radius * 0.06);
  }
}

function held(context, { radius, size, ink, accessible }) {
  const line = Math.max(1, radius * 0.2);
  outline(context, radius - line / 2, accessible);
  context.strokeStyle = ink.held;
  context.lineWidth = line;
  context.stroke();
  if (size < DETAIL) return;
  context.beginPath();
  context.moveTo(-radius * 0.36, radius * 0.36);
  context.lineTo(radius * 0.36, -radius * 0.36);
  context.lineCap = "round";
  context.stroke();
}

function sold(context, { radius, ink, accessible }) {
  outline(context, Math.max(0.8, radius * 0.34), accessible);
  context.fillStyle = ink.sold;
  context.fill();
}

function mine(context, { radius, size, ink, accessible }) {
  const ring = Math.max(1, radius * 0.16);
  outline(context, radius, accessible);
  context.fillStyle = ink.accent;
  context.fill();
  outline(context, radius - ring, accessible);
  context.fillStyle = ink.mine;
  context.fill();
  if (size >= DETAIL) tick(context, radius, ink.mineText);
}

function waiting(context, { radius, ink, accessible }) {
  const line = Math.max(1.2, radius * 0.22);
  outline(context, radius - line / 2, accessible);
  context.strokeStyle = ink.accent;
  context.lineWidth = line;
  context.setLineDash([radius * 0.6, radius * 0.45]);
  context.stroke();
  context.setLineDash([]);
  outline(context, radius * 0.4, accessible);
  context.fillStyle = ink.accent;
  context.fill();
}

function unknown(context, { radius, ink, accessible }) {
  outline(context, radius * 0.8, accessible);
  context.fillStyle = ink.edge;
  context.fill();
}

const SHAPES = {
  [Look.UNKNOWN]: unknown,
  [Look.AVAILABLE]: available,
  [Look.HELD]: held,
  [Look.SOLD]: sold,
  [Look.MINE]: mine,
  [Look.WAITING]: waiting,
};

/**
 * Draws a seat around (0, 0).
 * @param {CanvasRenderingContext2D} context
 * @param {number} look one of `Look`
 * @param {{size: number, ink: object, fill: string, text: string, accessible: boolean, letters: string, font: string}} facts
 *   `size` is pixels from seat to seat
 */
export function drawSeat(context, look, facts) {
  const share = facts.accessible ? 0.39 : 0.425;
  SHAPES[look](context, { ...facts, radius: facts.size * share });
}
