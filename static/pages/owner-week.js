/** The week of all of an owner's places: who comes when. Days are those of each place's own time zone. */

import { dayAt, daysFrom, daysLater } from "../client/days.js";
import { formatTime, formatWeekday } from "../client/times.js";
import { sentence } from "../client/wording.js";
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
  #read;
  #first = null;
  #shown = [[], null];
  #trouble = null;

  /** @param {{clock: ServerClock, read: (first: string) => Promise<void>}} needs `read`: who comes in the week of that day; it may throw a Refusal */
  constructor(parts, { clock, read }) {
    this.#parts = parts;
    this.#clock = clock;
    this.#read = read;
    parts.before.addEventListener("click", () => this.#move(-DAYS));
    parts.after.addEventListener("click", () => this.#move(DAYS));
  }

  /** @returns {string} the first day of the week that is looked at, which is today's until one leafs */
  begin(places) {
    this.#first ??= dayAt(this.#clock.now(), grids(places)[0]?.time_zone ?? "UTC");
    return this.#first;
  }

  /** @param {object[]} places @param {OwnBookings} bookings */
  show(places, bookings) {
    this.#shown = [grids(places), bookings];
    this.begin(places);
    this.#draw();
  }

  #move(days) {
    if (this.#first === null) return;
    this.#first = daysLater(this.#first, days);
    this.#ask();
  }

  /** Whoever leafs on meanwhile is shown nothing of the week that they left. */
  async #ask() {
    const first = this.#first;
    this.#trouble = null;
    this.#draw();
    try {
      await this.#read(first);
    } catch (refusal) {
      if (refusal.name !== "Refusal") throw refusal;
      if (first === this.#first) this.#trouble = refusal;
    }
    if (first === this.#first) this.#draw();
  }

  #again() {
    this.#parts.box.focus();
    this.#ask();
  }

  #draw() {
    const [places, bookings] = this.#shown;
    const days = daysFrom(this.#first, DAYS);
    this.#parts.name.textContent = `${dayName(days[0])} – ${dayName(days.at(-1))}`;
    if (places.length === 0) {
      this.#parts.box.replaceChildren(make("p", {}, "You have no place that is booked by time."));
      return;
    }
    const known = bookings.knows(this.#first);
    const head = make("tr", {}, make("th", { scope: "col" }, "Place"), ...days.map((day) => make("th", { scope: "col" }, dayName(day))));
    const cells = (place) => days.map((day) => cell(visitsOn(bookings.all, place, day), place, known));
    const rows = places.map((place) => make("tr", {}, make("th", { scope: "row" }, place.title), ...cells(place)));
    const table = make("table", {}, make("caption.hush", {}, "Who comes when"), make("thead", {}, head), make("tbody", {}, ...rows));
    this.#parts.box.replaceChildren(...(known || !this.#trouble ? [] : [this.#problem()]), table);
  }

  #problem() {
    const again = make("button.secondary", { type: "button", onclick: () => this.#again() }, "Read this week again");
    return make("div.problem", { role: "alert" }, make("p", {}, `Who comes is not known. ${sentence(this.#trouble)}`), again);
  }
}

function grids(places) {
  return places.filter(({ kind }) => kind === "grid");
}

/** Only of a week that is known does an empty day say that nobody comes. */
function cell(visits, place, known) {
  if (visits.length > 0) return make("td", {}, make("ul", {}, ...visits.map((visit) => entry(visit, place))));
  return make("td", {}, make("span.none", { "aria-label": known ? "nobody" : "not known yet" }, known ? "·" : "…"));
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
