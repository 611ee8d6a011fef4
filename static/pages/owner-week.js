/** The week of all of an owner's places: who comes when. Days are those of each place's own time zone. */

import { dayAt, daysFrom, daysLater } from "../client/days.js";
import { formatTime, formatWeekday } from "../client/times.js";
import { make } from "../elements/make.js";
import { standing } from "./bookings-words.js";

const DAYS = 7;

/**
 * @param {object[]} bookings @param {{id: string, time_zone: string}} place @param {string} day as 2026-11-21
 * @returns {{booking: object, start: number, end: number}[]} what takes place there on that day, in order; past midnight on both days
 */
export function visitsOn(bookings, place, day) {
  const found = [];
  for (const booking of bookings) {
    if (booking.status === "cancelled") continue;
    for (const { resource, range } of booking.items) {
      if (resource !== place.id || !range) continue;
      const [start, end] = range.map(Date.parse);
      if (dayAt(start, place.time_zone) <= day && dayAt(end - 1, place.time_zone) >= day) found.push({ booking, start, end });
    }
  }
  return found.toSorted((one, other) => one.start - other.start);
}

export class Week {
  #parts;
  #clock;
  #first = null;
  #shown = [[], []];

  constructor(parts, { clock }) {
    this.#parts = parts;
    this.#clock = clock;
    parts.before.addEventListener("click", () => this.#move(-DAYS));
    parts.after.addEventListener("click", () => this.#move(DAYS));
  }

  show(places, bookings) {
    this.#shown = [places.filter(({ kind }) => kind === "grid"), bookings];
    const [grids] = this.#shown;
    this.#first ??= dayAt(this.#clock.now(), grids[0]?.time_zone ?? "UTC");
    this.#draw();
  }

  #move(days) {
    if (this.#first === null) return;
    this.#first = daysLater(this.#first, days);
    this.#draw();
  }

  #draw() {
    const [places, bookings] = this.#shown;
    const days = daysFrom(this.#first, DAYS);
    this.#parts.name.textContent = `${dayName(days[0])} – ${dayName(days.at(-1))}`;
    if (places.length === 0) {
      this.#parts.box.replaceChildren(make("p", {}, "You have no place that is booked by time."));
      return;
    }
    const head = make("tr", {}, make("th", { scope: "col" }, "Place"), ...days.map((day) => make("th", { scope: "col" }, dayName(day))));
    const rows = places.map((place) => make("tr", {}, make("th", { scope: "row" }, place.title), ...days.map((day) => cell(bookings, place, day))));
    this.#parts.box.replaceChildren(make("table", {}, make("caption.hush", {}, "Who comes when"), make("thead", {}, head), make("tbody", {}, ...rows)));
  }
}

function cell(bookings, place, day) {
  const visits = visitsOn(bookings, place, day);
  if (visits.length === 0) return make("td", {}, make("span.none", { "aria-label": "nobody" }, "·"));
  return make("td", {}, make("ul", {}, ...visits.map((visit) => entry(visit, place))));
}

function entry({ booking, start, end }, { time_zone: zone }) {
  const { tone, text } = standing(booking);
  const times = `${formatTime(start, zone)}–${formatTime(end, zone)}`;
  const label = `${times}, ${booking.customer.name}, ${text}`;
  return make("li", {}, make("a.visit", { href: `/bookings/${encodeURIComponent(booking.id)}`, "data-tone": tone, "aria-label": label }, make("b", {}, times), ` ${booking.customer.name}`));
}

function dayName(day) {
  return formatWeekday(`${day}T12:00:00Z`, "UTC");
}
