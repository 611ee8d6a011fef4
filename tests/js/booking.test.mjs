import assert from "node:assert/strict";
import { test } from "node:test";

import { approvalWords } from "../../static/pages/approval-words.js";
import { complaint, missingIn, requestOf } from "../../static/pages/booking-request.js";
import { wordsOf } from "../../static/pages/booking-words.js";
import { linesOf, slotTitle, totalOf } from "../../static/pages/cart-lines.js";
import { Cart } from "../../static/client/cart.js";
import { keepForm } from "../../static/pages/form-keeper.js";
import { pageOf } from "../../static/pages/ways.js";

const VALUES = { "customer.name": " Ann ", "customer.email": "ann@example.com", "customer.phone": "", special_requests: "" };

test("the form becomes the request, without what was left empty", () => {
  assert.deepEqual(requestOf(VALUES), { customer: { name: "Ann", email: "ann@example.com" } });
  assert.deepEqual(requestOf({ ...VALUES, "customer.phone": "123", special_requests: "aisle" }), {
    customer: { name: "Ann", email: "ann@example.com", phone: "123" },
    special_requests: "aisle",
  });
  assert.deepEqual(missingIn(requestOf({ ...VALUES, "customer.name": " " })).map(({ field }) => field), ["customer.name"]);
});

test("complaints are sentences", () => {
  assert.equal(complaint("Name", "is empty"), "Name is empty.");
  assert.equal(complaint("E-mail", "Already used!"), "Already used!");
});

test("each state of a booking has words of its own, and only what can be paid offers it", () => {
  const states = [
    ["pending", "pending"], ["pending", "failed"], ["pending", "authorized"], ["confirmed", "paid"], ["confirmed", "disputed"],
    ["completed", "paid"], ["cancelled", "refunded", "refunded"], ["cancelled", "refunded", "declined"], ["cancelled", "failed", "unanswered"],
    ["cancelled", "refunded", "by_buyer"], ["cancelled", "refunded", "by_owner"], ["cancelled", "failed", "expired"], ["cancelled", "failed", "returned"], ["cancelled", "failed", "hold_expired"],
  ];
  const told = states.map(([status, payment_status, cancel_reason = null]) => wordsOf({ status, payment_status, cancel_reason }));
  assert.equal(new Set(told.map(({ title, text }) => title + text)).size, states.length);
  assert.deepEqual(told.map(({ pays }) => Boolean(pays)), [true, true, ...Array(12).fill(false)]);
});

test("a change is told of as what it is, and leads to its booking", () => {
  const told = (status, payment_status, cancel_reason = null) => wordsOf({ id: "c", change_of: "b", status, payment_status, cancel_reason });
  assert.ok(told("pending", "pending").pays);
  assert.ok(told("pending", "failed").pays, "it can be tried again");
  for (const [status, payment] of [["pending", "paid"], ["confirmed", "authorized"], ["confirmed", "paid"], ["confirmed", "disputed"]]) assert.match(told(status, payment).text, /is being changed/);
  const made = told("cancelled", "paid", "changed");
  assert.deepEqual([made.tone, made.title], ["good", "Your booking is changed"]);
  assert.doesNotMatch(made.text, /way back/);
  assert.match(told("cancelled", "failed", "expired").text, /not been changed.*Nothing was charged/);
  assert.match(told("cancelled", "refunded", "refunded").text, /not been changed.*given back in full/);
  assert.equal(pageOf({ id: "c", change_of: "b" }), "/bookings/b");
  assert.equal(pageOf({ id: "b", change_of: null }), "/bookings/b");
});

test("while the owner decides, the page says until when, and that nothing is charged yet", () => {
  const awaited = { status: "pending", payment_status: "authorized", cancel_reason: null, approval: { state: "awaited", expires_at: "2026-11-21T12:00:00.000Z" } };
  const { title, text, pays } = wordsOf(awaited);
  assert.equal(title, "Waits for the owner");
  assert.match(text, /21.*charged only if they say yes/);
  assert.ok(!pays);
  assert.match(wordsOf({ ...awaited, payment_status: "paid" }).text, /everything back/);
  assert.match(wordsOf({ ...awaited, approval: { ...awaited.approval, state: "granted" } }).title, /Nearly/, "they said yes");
  assert.match(wordsOf({ status: "confirmed", payment_status: "paid", cancel_reason: null, items: [{ range: ["a", "b"] }] }).text, /for that time/);
  assert.equal(approvalWords([{ policy: {} }, { policy: { approval_seconds: null } }]), "");
  assert.match(approvalWords([{ policy: { approval_seconds: 3600 } }]), /within 1 h\./);
});

test("where a driver comes from is sent only if they chose to tell it", () => {
  assert.equal(requestOf({ ...VALUES, driver_location: " Kiel " }).driver_location, "Kiel");
  assert.ok(!("driver_location" in requestOf(VALUES)));
  assert.deepEqual(missingIn(requestOf({ ...VALUES, driver_location: "" })).map(({ field }) => field), ["driver_location"]);
});

const EUR = (amount) => ({ amount, currency: "eur" });
const HALL = {
  id: "hall", title: "<b>Hall</b>", time_zone: "Europe/Berlin",
  slots: [
    { id: "A-1", label: "A-1", section: "Stalls", row: "A", category: "Best", price: EUR(5000) },
    { id: "A-2", label: "A-2", section: "Stalls", row: "A", category: "Best", price: EUR(4000) },
  ],
};

test("a cart is a line for each place, wishes last and marked", () => {
  const cart = new Cart();
  cart.welcomed({ cart: null, holds: [{ id: "h", resource: "hall", items: [["A-1", 1]], price: EUR(4500), status: "held", expires_at: 1 }] });
  cart.wish("op", "hall", [["A-2", 1]]);
  const lines = linesOf(cart, new Map([["hall", HALL]]));
  assert.deepEqual(lines.map(({ title, waiting }) => [title, waiting]), [["Stalls, row A, seat 1", false], ["Stalls, row A, seat 2", true]]);
  assert.equal(lines[0].detail, "<b>Hall</b> · Best");
  assert.equal(linesOf(cart, new Map([["hall", HALL]]), "hall")[0].detail, "Best");
  assert.deepEqual(totalOf(lines), EUR(8500), "what was held keeps the price it had");
  assert.equal(totalOf([]), null);
});

test("a range of time is one line, in the clocks of its place, also while it is asked for", () => {
  const yard = { id: "yard", title: "Yard", time_zone: "Europe/Berlin", currency: "eur", slots: [], grid: { origin: "2026-01-01T00:00:00Z", step_minutes: 15, price_per_hour: EUR(240), rates: [] } };
  const range = ["2026-11-21T08:00:00.000Z", "2026-11-21T16:00:00.000Z"];
  const cart = new Cart();
  cart.welcomed({ cart: null, holds: [{ id: "h", resource: "yard", items: [["2026-11-21T08:00:00Z", 1]], range, price: EUR(1920), status: "held", expires_at: 1 }] });
  cart.wish("op", "yard", [], ["2026-11-22T08:00:00.000Z", "2026-11-22T09:00:00.000Z"]);
  const lines = linesOf(cart, new Map([["yard", yard]]));
  assert.match(lines[0].title, /21.*09:00.*–/);
  assert.deepEqual([lines[0].price, lines[1].price, lines[1].waiting], [EUR(1920), EUR(240), true]);
  assert.deepEqual(cart.ranges("yard"), [range]);
});

test("a resource that is not at hand yet still has its lines", () => {
  const cart = new Cart();
  cart.welcomed({ cart: null, holds: [{ id: "h", resource: "tour", items: [["x", 2]], price: EUR(4800), status: "held", expires_at: 1 }] });
  const [line] = linesOf(cart, new Map());
  assert.equal(line.title, "A place");
  assert.deepEqual(line.price, EUR(4800));
});

test("what is not known before its resource is here is not guessed", () => {
  const cart = new Cart();
  const range = ["2026-11-21T08:00:00.000Z", "2026-11-21T16:00:00.000Z"];
  const held = { status: "held", expires_at: 1 };
  const two = { ...held, id: "h", resource: "hall", items: [["A-1", 1], ["A-2", 1]], price: EUR(8500) };
  const time = { ...held, id: "t", resource: "yard", items: [["x", 1]], range, price: EUR(1920) };
  cart.welcomed({ cart: null, holds: [two, time] });
  const lines = linesOf(cart, new Map());
  assert.deepEqual(lines.map(({ price }) => price), [null, null, EUR(1920)], "what of a price is each one's");
  assert.equal(totalOf(lines), null, "what they cost together");
  assert.equal(lines[2].title, "A place", "which clocks its times are of");
});

test("a start time is named by its moment there", () => {
  assert.match(slotTitle({ starts_at: "2026-12-21T09:00:00.000Z", row: "", label: "x" }, HALL), /21.*10:00/);
});

test("what was typed is there again after a reload", () => {
  const kept = new Map();
  const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
  const makeForm = () => {
    const elements = [{ name: "customer.name", value: "" }, { name: "", value: "" }];
    elements.namedItem = (name) => elements.find((element) => element.name === name);
    return Object.assign(new EventTarget(), { elements });
  };
  const before = makeForm();
  keepForm(before, "form", storage);
  before.elements[0].value = "Ann";
  before.dispatchEvent(new Event("input"));
  const after = makeForm();
  keepForm(after, "form", storage);
  assert.equal(after.elements[0].value, "Ann");
});
