/** One resource: its places live, and the cart beside them. */

import { followLayout, resource } from "../client/resources.js";
import { formatMoment } from "../client/times.js";
import { sentence } from "../client/wording.js";
import { make } from "../elements/make.js";
import "../elements/seat-map/seat-map.js";
import "../elements/slot-list.js";
import { BestForm } from "./best-form.js";
import { CartView } from "./cart-view.js";
import { placeOf } from "../elements/seat-map/plan.js";
import { notify } from "../elements/notices.js";
import { CartSheet } from "./cart-sheet.js";
import { Driveway } from "./driveway.js";
import { find, idOfPage, startPage } from "./shell.js";

const id = idOfPage();
let availability = null;
let element = null;
let shown = null;
let driveway = null;
let mine = new Set();

const holdfast = startPage({ availability: () => driveway?.availability ?? availability });
const sheet = new CartSheet(find("side"));
const cart = new CartView(holdfast, find("cart"), {
  here: id,
  checkout: "/booking",
  empty: "Choose places, and they wait here for you.",
  onchange: ({ lines, total }) => cartChanged(lines, total),
});

function cartChanged(lines, total) {
  sheet.show(lines, total);
  driveway?.cartChanged();
  if (!shown) return;
  const now = holdfast.cart.slots(id);
  const changed = new Set([...mine, ...now]);
  element.refresh(changed.size === 0 ? [] : shown.slots.filter((slot) => changed.has(slot.id)).map(({ index }) => index));
  mine = now;
}

const source = {
  numbers: (index) => availability?.numbers(index) ?? null,
  quantity: (slot) => holdfast.cart.quantity(id, slot),
  waiting: (slot) => holdfast.cart.waiting(id, slot),
  now: () => holdfast.clock.now(),
};

function makeMap() {
  const map = make("seat-map");
  map.addEventListener("seat-sight", ({ detail }) => availability?.show(detail ?? {}));
  map.addEventListener("seat-choose", ({ detail }) => (detail.mine ? releaseSlot(detail.slot) : holdSlot(detail.slot, 1)));
  return map;
}

function makeList() {
  const list = make("slot-list");
  list.addEventListener("slot-take", ({ detail }) => holdSlot(detail.slot, detail.quantity));
  list.addEventListener("slot-return", ({ detail }) => releaseSlot(detail.slot));
  return list;
}

function place(made) {
  element = made;
  const scrolls = made.localName === "slot-list";
  find("places").replaceWith(scrolls ? make("div.scroll", { id: "places" }, made) : Object.assign(made, { id: "places" }));
}

async function holdSlot(slot, quantity) {
  try {
    await holdfast.holds.hold({ resource: id, items: [[slot.id, quantity]] });
    say(`${placeOf(slot)} is held for you.`);
  } catch (refusal) {
    refused(refusal, slot);
  }
}

async function releaseSlot(slot) {
  const hold = holdfast.cart.holdOf(id, slot.id);
  if (!hold) {
    notify("Places that are waiting for payment can't be given back here.");
    return;
  }
  const [, quantity] = hold.items.find(([item]) => item === slot.id);
  try {
    await holdfast.holds.release(hold, hold.items.length > 1 ? [[slot.id, quantity]] : undefined);
    say(`${placeOf(slot)} is given back.`);
  } catch (refusal) {
    refused(refusal, slot);
  }
}

function say(text) {
  element.announce?.("act", text);
}

function refused(refusal, slot) {
  if (refusal.name !== "Refusal") throw refusal;
  const text = refusal.code === "slot_taken" ? `Somebody was faster: ${placeOf(slot)} has just been taken.` : sentence(refusal);
  notify(text, "problem");
}

function describe({ title, starts_at: start, time_zone: zone }) {
  document.title = `${title} · Holdfast`;
  find("title").textContent = title;
  find("when").textContent = formatMoment(start, zone);
}

function show(fetched) {
  shown = fetched;
  describe(fetched);
  element.show(fetched, source);
  cart.know(fetched);
  best.show(fetched);
}

const best = new BestForm(find("best"), async (wish) => {
  const hold = await holdfast.holds.hold({ resource: id, best: wish });
  const slots = hold.items.map(([slot]) => slot);
  element.reveal?.(slots);
  say(`${slots.length} places are held for you.`);
});

function follow(fetched) {
  availability = holdfast.follow(fetched);
  availability.addEventListener("change", ({ detail }) => element.refresh(detail.changed));
  availability.addEventListener("refused", ({ detail }) => problem(detail));
  followLayout(availability, id, { shows: show, refused: problem });
  const mark = () => document.body.classList.toggle("stale", availability.stale || holdfast.state !== "live");
  availability.addEventListener("fresh", mark);
  holdfast.addEventListener("state", mark);
}

function problem(refusal) {
  const gone = refusal.code === "unknown_resource" || refusal.code === "not_found";
  find("title").textContent = gone ? "This is not on sale" : "That did not work";
  const way = gone ? make("a.primary", { href: "/" }, "See what is on") : make("button.secondary", { type: "button", onclick: () => location.reload() }, "Try again");
  const message = make("div.message", { id: "places" }, make("p", {}, sentence(refusal)), way);
  find("places").replaceWith(message);
}

/** What is booked by time is shown as a board of it. */
async function showTime(fetched) {
  sheet.invite("Choose your time");
  describe(fetched);
  driveway = new Driveway(holdfast, fetched, { problem, chosen: (choice) => sheet.chosen(choice) });
  await driveway.open();
  place(driveway.element);
  cart.know(fetched);
}

/** What waits is a map already: whoever has asked for its list meanwhile gets it. */
async function load() {
  place(makeMap());
  element.status = { busy: true, text: "Opening the doors…" };
  try {
    const fetched = await resource(id);
    if (fetched.kind === "grid") {
      await showTime(fetched);
      return;
    }
    if (fetched.kind === "seats") sheet.invite("Find the best places");
    else place(makeList());
    show(fetched);
    follow(fetched);
  } catch (refusal) {
    problem(refusal);
  }
}

load();
