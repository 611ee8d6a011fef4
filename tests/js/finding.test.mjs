import assert from "node:assert/strict";
import { test } from "node:test";

import { findPlaces, rangeThere } from "../../static/client/finding.js";
import { askedRange, lengthLabel, rulesWords } from "../../static/pages/choice-words.js";
import { addressOf, foundWords, lengthOf, linkTo, troubleWith, wishOf, wishWords } from "../../static/pages/find-words.js";

const NOON = { day: "2026-11-21", minute: 725 };
const EUR = (amount) => ({ amount, currency: "eur" });

test("an address says what is looked for, and what it lacks is soon", () => {
  assert.deepEqual(wishOf("?q=%20Mill%20Lane&day=2026-11-30&from=09:00&to=17:00", NOON), { text: "Mill Lane", day: "2026-11-30", from: "09:00", to: "17:00" });
  assert.deepEqual(wishOf("", NOON), { text: "", day: "2026-11-21", from: "13:00", to: "15:00" });
  assert.deepEqual(wishOf("?day=2020-01-01&from=25:00&to=<b>", NOON), { text: "", day: "2026-11-21", from: "13:00", to: "15:00" });
  assert.deepEqual(wishOf("", { day: "2026-11-21", minute: 1425 }), { text: "", day: "2026-11-22", from: "00:00", to: "02:00" });
  const wish = { text: "a b", day: "2026-11-30", from: "22:00", to: "06:00" };
  assert.deepEqual(wishOf(addressOf(wish), NOON), wish);
});

test("a night ends on the next day, and the same time twice is none", () => {
  const night = { text: "", day: "2026-11-30", from: "22:00", to: "06:00" };
  assert.equal(lengthOf(night), 480);
  assert.equal(wishWords(night), "8 h, until the next day");
  assert.equal(troubleWith(night), null);
  assert.match(troubleWith({ ...night, to: "22:00" }), /same time/);
  assert.match(troubleWith({ ...night, day: "" }), /day/);
  assert.match(troubleWith({ ...night, from: "" }), /from when/);
  assert.deepEqual(rangeThere(night, "Europe/Berlin"), ["2026-11-30T21:00:00.000Z", "2026-12-01T05:00:00.000Z"]);
  assert.deepEqual(rangeThere({ ...night, day: "2026-10-24" }, "Europe/Berlin"), ["2026-10-24T20:00:00.000Z", "2026-10-25T05:00:00.000Z"], "an hour longer");
});

test("nine o'clock is nine where the place is, and each place is found once", async () => {
  const places = [
    { id: "a", title: "A", time_zone: "Europe/Berlin", price: EUR(900) },
    { id: "b", title: "B", time_zone: "Europe/Lisbon", price: EUR(300) },
    { id: "c", title: "C", time_zone: "Europe/Berlin", price: EUR(300) },
  ];
  const asked = [];
  const read = async (path) => {
    asked.push(Object.fromEntries(new URL(path, "http://here").searchParams));
    return { items: places, next: null };
  };
  const found = await findPlaces({ text: "mill", day: "2026-11-30", from: "09:00", to: "10:00" }, read);
  assert.deepEqual(found.map(({ id }) => id), ["b", "c", "a"], "the cheapest first");
  assert.deepEqual(asked.slice(1).map(({ from, q }) => [from, q]), [["2026-11-30T08:00:00.000Z", "mill"], ["2026-11-30T09:00:00.000Z", "mill"]]);
  assert.equal(asked[0].from, undefined);
});

test("what was found leads to the place with its time chosen", () => {
  const range = ["2026-11-30T08:00:00.000Z", "2026-11-30T09:00:00.000Z"];
  const link = new URL(linkTo({ id: "a/b", range }), "http://here");
  assert.equal(link.pathname, "/resources/a%2Fb");
  assert.deepEqual(askedRange(link.search), range);
  assert.deepEqual(askedRange("?start=2026-11-30T09:00:00+01:00&end=2026-11-30T09:00:00Z"), ["2026-11-30T08:00:00.000Z", "2026-11-30T09:00:00.000Z"]);
  for (const search of ["", "?start=2026-11-30T09:00", "?start=2026-11-30T09:00&end=2026-11-30T10:00", "?start=x&end=y", `?start=${range[1]}&end=${range[0]}`]) assert.equal(askedRange(search), null, search);
  assert.equal(foundWords(1), "1 place is free");
});

test("a place says how it is booked", () => {
  const grid = { step_minutes: 15, min_minutes: 30, max_minutes: 1440, notice_minutes: 120 };
  assert.equal(rulesWords({ grid }), "30 min to 24 h at once, at least 2 h ahead.");
  assert.equal(rulesWords({ grid: { ...grid, min_minutes: 0, notice_minutes: 0 } }), "Up to 24 h at once.");
  assert.match(lengthLabel(120, EUR(500)), /^2 h · .*5/);
  assert.equal(lengthLabel(480, null), "8 h");
});
