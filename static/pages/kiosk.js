/** A wall screen: one resource, live, without interaction. When the line is down it says how old its truth is. */

import { GridDays } from "../client/grid-days.js";
import { followLayout, resource } from "../client/resources.js";
import { formatDay, formatMoment, formatTime } from "../client/times.js";
import { sumBySection } from "../client/totals.js";
import { inWords } from "../elements/freshness.js";
import { make } from "../elements/make.js";
import "../elements/seat-map/seat-map.js";
import "../elements/slot-list.js";
import "../elements/time-grid/time-grid.js";
import { find, idOfPage, startPage } from "./shell.js";

const RETRY = 5000;
const id = idOfPage();
let element = find("places");
let availability = null;
let shown = null;
let frame = 0;

const holdfast = startPage({ watching: true, availability: () => availability });
const source = {
  numbers: (index) => (availability?.replica.ready ? availability.replica.at(index) : null),
  quantity: () => 0,
  waiting: () => false,
  now: () => holdfast.clock.now(),
};

function line(name, { available, capacity }) {
  const meter = make("span.meter", { "aria-hidden": "true" });
  meter.style.setProperty("--share", capacity > 0 ? available / capacity : 0);
  return [make("span", {}, name), make("b", {}, String(available)), meter];
}

/** Sections of start times are days, called by their date. */
function titleOf(name) {
  return /^\d{4}-\d{2}-\d{2}$/.test(name) ? formatDay(name, "UTC") : name || "Places";
}

/** Of what is booked by time the hours that are free are told, a place's for several all together. */
function sums() {
  if (shown.kind !== "grid") return sumBySection(shown.slots, availability.replica);
  const hours = (steps) => Math.round((steps * shown.grid.step_minutes) / 6) / 10;
  const found = sumBySection(shown.slots.filter(({ blocked }) => !blocked), availability.replica);
  return new Map([...found].map(([day, { available, capacity }]) => [day, { available: hours(available), capacity: hours(capacity) }]));
}

function drawTotals() {
  frame = 0;
  if (!shown || !availability?.replica.ready) return;
  const bySection = sums();
  const all = { available: 0, capacity: 0 };
  for (const { available, capacity } of bySection.values()) {
    all.available += available;
    all.capacity += capacity;
  }
  const sections = bySection.size > 1 ? [...bySection].map(([name, sum]) => make("li", {}, ...line(titleOf(name), sum))) : [];
  find("totals").replaceChildren(make("li.all", {}, ...line(shown.kind === "grid" ? "Hours free" : "Left", { ...all, available: Math.round(all.available * 10) / 10 })), ...sections);
}

/** What has no map is a list on the wall as well, or a board of the week. */
function use(name) {
  const other = make(name);
  other.toggleAttribute("readonly", true);
  other.toggleAttribute("wall", true);
  if (name === "time-grid") other.setAttribute("view", "week");
  element.replaceWith(other);
  element = other;
}

function describe(fetched) {
  shown = fetched;
  document.title = `${fetched.title} · Holdfast`;
  find("title").textContent = fetched.title;
  find("when").textContent = fetched.address || formatMoment(fetched.starts_at, fetched.time_zone);
}

function show(fetched) {
  describe(fetched);
  if (fetched.kind === "sessions" && element.localName === "seat-map") use("slot-list");
  element.show(fetched, source);
  frame ||= requestAnimationFrame(drawTotals);
}

function ended() {
  element.status = { text: "This is not on sale any more." };
}

function follow(fetched) {
  availability = holdfast.follow(fetched);
  availability.addEventListener("change", ({ detail }) => {
    element.refresh(detail.changed);
    frame ||= requestAnimationFrame(drawTotals);
  });
  availability.addEventListener("refused", ended);
  followLayout(availability, id, { shows: show, refused: ended });
}

/** Time: the week that begins today, whatever day that is by now. */
async function followTime(fetched) {
  use("time-grid");
  const days = new GridDays(holdfast, fetched);
  const shows = { ...source, numbers: (index) => days.numbers(index), mine: () => null };
  days.addEventListener("days", () => {
    describe(days.resource);
    availability = days.availability;
    element.show(days.resource, days, shows);
    frame ||= requestAnimationFrame(drawTotals);
  });
  days.addEventListener("change", ({ detail }) => {
    element.refresh(detail.changed);
    frame ||= requestAnimationFrame(drawTotals);
  });
  days.addEventListener("refused", ended);
  element.addEventListener("days-want", () => element.goTo(days.today));
  await days.open();
}

/** Nobody is there to press reload, so it keeps trying. */
async function load() {
  try {
    const fetched = await resource(id);
    if (fetched.kind === "grid") {
      await followTime(fetched);
      return;
    }
    show(fetched);
    follow(fetched);
  } catch (refusal) {
    const gone = refusal.code === "unknown_resource" || refusal.code === "not_found";
    element.status = { busy: !gone, text: gone ? "This is not on sale." : "Waiting for the server…" };
    if (!shown) find("title").textContent = gone ? "Not on sale" : "Waiting for the server…";
    setTimeout(load, RETRY);
  }
}

function tick() {
  const old = availability !== null && (holdfast.state !== "live" || availability.stale);
  document.body.classList.toggle("old", old);
  find("clock").textContent = old && availability.age !== null ? `Not updated for ${inWords(availability.age)}` : shown ? formatTime(holdfast.clock.now(), shown.time_zone) : "";
  setTimeout(tick, 1000);
}

element.status = { busy: true, text: "Opening the doors…" };
load();
tick();
