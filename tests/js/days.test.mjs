import assert from "node:assert/strict";
import { test } from "node:test";

import { clockAt, dayAt, daysBetween, daysFrom, daysLater, isDay, momentAt, offsetAt } from "../../static/client/days.js";

const BERLIN = "Europe/Berlin";
const at = (text) => Date.parse(text);

test("clocks are those of the place", () => {
  assert.deepEqual(clockAt(at("2026-11-21T23:30:00Z"), BERLIN), { day: "2026-11-22", minute: 30, weekday: "sun" });
  assert.deepEqual(clockAt(at("2026-11-21T00:00:00Z"), "America/New_York"), { day: "2026-11-20", minute: 1140, weekday: "fri" });
  assert.equal(dayAt(at("2026-11-20T18:15:00Z"), "Asia/Kathmandu"), "2026-11-21");
});

test("days are counted by the calendar, not by hours", () => {
  assert.equal(daysLater("2026-02-28", 1), "2026-03-01");
  assert.equal(daysLater("2027-01-01", -1), "2026-12-31");
  assert.equal(daysBetween("2026-03-28", "2026-03-30"), 2);
  assert.deepEqual(daysFrom("2026-12-31", 2), ["2026-12-31", "2027-01-01"]);
  for (const text of ["2026-02-30", "21.11.2026", "", "2026-1-1"]) assert.ok(!isDay(text), text);
  assert.ok(isDay("2028-02-29"));
});

test("a time on the wall is the moment when clocks show it", () => {
  assert.equal(momentAt("2026-11-21", 540, BERLIN), at("2026-11-21T08:00:00Z"));
  assert.equal(momentAt("2026-11-21", 1440, BERLIN), at("2026-11-21T23:00:00Z"));
  assert.equal(momentAt("2026-07-01", 0, BERLIN), at("2026-06-30T22:00:00Z"));
  assert.equal(momentAt("2026-06-01", 60, "Pacific/Kiritimati"), at("2026-05-31T11:00:00Z"));
});

test("where clocks are set, a time shown twice is its first, and a skipped one is later by as much", () => {
  assert.equal(momentAt("2026-10-25", 150, BERLIN), at("2026-10-25T00:30:00Z"), "02:30 in summer time");
  assert.equal(momentAt("2026-10-25", 180, BERLIN), at("2026-10-25T02:00:00Z"));
  assert.equal(momentAt("2026-03-29", 150, BERLIN), at("2026-03-29T01:30:00Z"), "there is no 02:30: it is 03:30");
  assert.equal(momentAt("2026-03-29", 0, BERLIN), at("2026-03-28T23:00:00Z"));
  assert.equal(momentAt("2026-10-04", 120, "Australia/Lord_Howe"), at("2026-10-03T15:30:00Z"), "02:00 is 02:30");
  assert.equal(offsetAt(at("2026-12-01T00:00:00Z"), "Australia/Lord_Howe"), 11 * 3_600_000);
});
