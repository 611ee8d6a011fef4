/** A wall screen: one resource, live, without interaction. When the line is down it says how old its truth is. */

import { forget, resource } from "../client/resources.js";
import { formatDay, formatMoment, formatTime } from "../client/times.js";
import { sumBySection } from "../client/totals.js";
import { inWords } from "../elements/freshness.js";
import { make } from "../elements/make.js";
import "../elements/seat-map/seat-map.js";
import "../elements/slot-list.js";
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

function drawTotals() {
  frame = 0;
  if (!shown || !availability.replica.ready) return;
  const sums = sumBySection(shown.slots, availability.replica);
  const all = { available: 0, capacity: 0 };
  for (const { available, capacity } of sums.values()) {
    all.available += available;
    all.capacity += capacity;
  }
  const sections = sums.size > 1 ? [...sums].map(([name, sum]) => make("li", {}, ...line(titleOf(name), sum))) : [];
  find("totals").replaceChildren(make("li.all", {}, ...line("Left", all)), ...sections);
}

/** Start times are a list on the wall as well. */
function useList() {
  const list = make("slot-list");
  list.toggleAttribute("readonly", true);
  element.replaceWith(list);
  element = list;
}

function show(fetched) {
  shown = fetched;
  document.title = `${fetched.title} · Holdfast`;
  find("title").textContent = fetched.title;
  find("when").textContent = formatMoment(fetched.starts_at, fetched.time_zone);
  if (fetched.kind !== "seats" && element.localName === "seat-map") useList();
  element.show(fetched, source);
  frame ||= requestAnimationFrame(drawTotals);
}

function follow(fetched) {
  availability = holdfast.follow(fetched);
  availability.addEventListener("change", ({ detail }) => {
    element.refresh(detail.changed);
    frame ||= requestAnimationFrame(drawTotals);
  });
  availability.addEventListener("refused", () => {
    element.status = { text: "This is not on sale any more." };
  });
  availability.addEventListener("layout", async () => {
    forget(id);
    show(await resource(id));
  });
}

/** Nobody is there to press reload, so it keeps trying. */
async function load() {
  try {
    const fetched = await resource(id);
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
