import assert from "node:assert/strict";
import { test } from "node:test";

import { complaint, missingIn, requestOf } from "../../static/pages/booking-request.js";
import { wordsOf } from "../../static/pages/booking-words.js";
import { linesOf, slotTitle, totalOf } from "../../static/pages/cart-lines.js";
import { Cart } from "../../static/client/cart.js";
import { keepForm } from "../../static/pages/form-keeper.js";

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
    ["completed", "paid"], ["cancelled", "refunded", "refunded"], ["cancelled", "failed", "expired"], ["cancelled", "failed", "returned"], ["cancelled", "failed", "hold_expired"],
  ];
  const told = states.map(([status, payment_status, cancel_reason = null]) => wordsOf({ status, payment_status, cancel_reason }));
  assert.equal(new Set(told.map(({ title, text }) => title + text)).size, states.length);
  assert.deepEqual(told.map(({ pays }) => Boolean(pays)), [true, true, ...Array(8).fill(false)]);
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

test("a resource that is not at hand yet still has its lines", () => {
  const cart = new Cart();
  cart.welcomed({ cart: null, holds: [{ id: "h", resource: "tour", items: [["x", 2]], price: EUR(4800), status: "held", expires_at: 1 }] });
  const [line] = linesOf(cart, new Map());
  assert.equal(line.title, "A place");
  assert.deepEqual(line.price, EUR(4800));
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
