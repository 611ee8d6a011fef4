/** Moments in `datetime-local` fields, by the clocks of a place. Pure. */

import { clockAt, isDay, momentAt } from "../client/days.js";

/** @returns {string} what a `datetime-local` field shows of a moment, by the clocks of a place */
export function fieldOf(moment, zone) {
  const { day, minute } = clockAt(Date.parse(moment), zone);
  const two = (number) => String(number).padStart(2, "0");
  return `${day}T${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

/** @returns {string | null} the moment that such a field says, null if it says none */
export function momentOf(field, zone) {
  const [day, clock] = field.split("T");
  if (!clock || !isDay(day)) return null;
  const [hour, minute] = clock.split(":").map(Number);
  return new Date(momentAt(day, hour * 60 + minute, zone)).toISOString();
}
