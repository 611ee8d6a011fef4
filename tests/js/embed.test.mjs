import assert from "node:assert/strict";
import { test } from "node:test";

import { bookingAddress, resourceId, schemeOf, viewOf } from "../../static/embed/choices.js";

test("of attributes only what holds counts", () => {
  assert.equal(resourceId("bakery-yard"), "bakery-yard");
  for (const given of [null, "", "../api/cart", "a/b", "<b>", " yard", `a${"b".repeat(100)}`]) assert.equal(resourceId(given), null, String(given));
  assert.deepEqual(["day", "week", "year", null].map(viewOf), ["day", "week", "week", "week"]);
  assert.deepEqual(["light", "dark", "pink", null].map(schemeOf), ["light", "dark", null, null]);
});

test("who chooses is led to the server's own page, with the time chosen", () => {
  const yard = { id: "yard", grid: { origin: "2026-01-01T00:00:00Z", step_minutes: 15 } };
  assert.equal(bookingAddress("https://tickets.example", yard), "https://tickets.example/resources/yard");
  const address = new URL(bookingAddress("https://tickets.example", yard, { start: 4, end: 8 }));
  assert.deepEqual([...address.searchParams], [["start", "2026-01-01T01:00:00.000Z"], ["end", "2026-01-01T02:00:00.000Z"]]);
});
