/** What an owner's page and a list of bookings make of what they are told. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { isOver, readAsTold, sorted, standing } from "../../static/pages/bookings-words.js";
import { OwnBookings } from "../../static/pages/owner-bookings.js";
import { spansOf, spansText } from "../../static/pages/owner-hours.js";
import { OwnPlaces } from "../../static/pages/owner-places.js";
import { awaited } from "../../static/pages/owner-requests.js";
import { fieldOf, momentOf } from "../../static/pages/time-fields.js";
import { visitsOn } from "../../static/pages/owner-week.js";

const LONDON = { id: "drive", time_zone: "Europe/London" };

function booking(facts) {
  return { id: "b", status: "confirmed", payment_status: "paid", items: [], starts_at: null, ends_at: null, created_at: "2026-11-01T00:00:00Z", ...facts };
}

test("hours are read as people write them, and written as they are read", () => {
  assert.deepEqual(spansOf("7:00-12.00, 13:00 – 24:00"), [["07:00", "12:00"], ["13:00", "24:00"]]);
  assert.equal(spansText(spansOf("07:00–12:00, 13:00–24:00")), "07:00–12:00, 13:00–24:00");
  assert.deepEqual(spansOf("  "), []);
  assert.equal(spansOf("nine to five"), null);
  assert.equal(spansOf("07:00"), null);
});

test("what comes first stands first, and what is over the latest first", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");
  const soon = booking({ id: "soon", starts_at: "2026-11-21T13:00:00Z", ends_at: "2026-11-21T14:00:00Z" });
  const later = booking({ id: "later", starts_at: "2026-12-21T13:00:00Z", ends_at: "2026-12-21T14:00:00Z" });
  const concert = booking({ id: "concert" });
  const gone = booking({ id: "gone", ends_at: "2026-11-21T12:00:00Z" });
  const cancelled = booking({ id: "cancelled", status: "cancelled", created_at: "2026-11-02T00:00:00Z" });
  const { coming, over } = sorted([cancelled, concert, later, gone, soon], now);
  assert.deepEqual(coming.map(({ id }) => id), ["soon", "later", "concert"]);
  assert.deepEqual(over.map(({ id }) => id), ["cancelled", "gone"]);
  assert.ok(!isOver(soon, now));
});

test("what is told before it is committed is read until it is, and not for ever", async () => {
  const told = booking({ payment_status: "paid" });
  for (const [payments, looks] of [[["paid"], 1], [["authorized", "paid"], 2], [["authorized", "authorized", "refunded", "paid"], 3]]) {
    const left = [...payments];
    let pauses = 0;
    const read = async () => booking({ payment_status: left.shift() });
    const found = await readAsTold(told, read, async () => void (pauses += 1));
    assert.equal(payments.length - left.length, looks);
    assert.equal(pauses, looks - 1);
    assert.equal(found.payment_status, payments[looks - 1]);
  }
  const cancelled = [booking({ status: "confirmed" }), booking({ status: "cancelled" })];
  await readAsTold(booking({ status: "cancelled" }), async () => cancelled.shift(), async () => {});
  assert.equal(cancelled.length, 0);
});

test("a booking that waits for its owner says so, and the most urgent is asked first", () => {
  const waits = (id, at) => booking({ id, status: "pending", payment_status: "authorized", approval: { state: "awaited", expires_at: at } });
  const [late, urgent] = [waits("late", "2026-11-22T00:00:00Z"), waits("urgent", "2026-11-21T13:00:00Z")];
  assert.equal(standing(late).text, "Waits for the owner");
  assert.deepEqual(awaited([late, booking({}), urgent]).map(({ id }) => id), ["urgent", "late"]);
  assert.equal(standing(booking({ status: "pending", payment_status: "failed" })).text, "Payment failed");
});

test("a visit stands on each day of the place's own clock that it touches", () => {
  const night = booking({ items: [{ resource: "drive", range: ["2026-06-21T22:30:00.000Z", "2026-06-22T06:00:00.000Z"] }] });
  const until = booking({ id: "until", items: [{ resource: "drive", range: ["2026-06-21T10:00:00.000Z", "2026-06-21T23:00:00.000Z"] }] });
  const others = booking({ items: [{ resource: "other", range: ["2026-06-21T10:00:00.000Z", "2026-06-21T12:00:00.000Z"] }] });
  const days = (day) => visitsOn([night, until, others], LONDON, day).map((visit) => visit.booking.id);
  assert.deepEqual(days("2026-06-21"), ["until", "b"]);
  assert.deepEqual(days("2026-06-22"), ["b"]);
  assert.deepEqual(visitsOn([{ ...night, status: "cancelled" }], LONDON, "2026-06-21"), []);
});

test("another time is chosen by the clocks of the place", () => {
  assert.equal(fieldOf("2026-07-01T08:30:00.000Z", "Europe/Berlin"), "2026-07-01T10:30");
  assert.equal(momentOf("2026-07-01T10:30", "Europe/Berlin"), "2026-07-01T08:30:00.000Z");
  assert.equal(momentOf("2026-02-30T10:30", "Europe/Berlin"), null);
  assert.equal(momentOf("", "Europe/Berlin"), null);
});

test("what an owner books elsewhere is none of theirs, and a place that is new is read first", async () => {
  const owned = [{ id: "drive" }];
  let looks = 0;
  const places = new OwnPlaces(async () => {
    looks += 1;
    return [...owned];
  });
  const of = (...resources) => booking({ items: resources.map((resource) => ({ resource })) });
  assert.ok(await places.have(of("drive")));
  assert.ok(!(await places.have(of("hall", "tour"))));
  assert.equal(looks, 2);
  owned.push({ id: "yard" });
  assert.ok(await places.have(of("yard")));
  assert.ok(await places.have(of("hall", "drive")));
  assert.equal(looks, 3);
});

test("places that were asked for earlier replace none that were asked for later", async () => {
  const answers = [];
  const places = new OwnPlaces(() => new Promise((answer) => answers.push(answer)));
  const both = [places.read(), places.read()];
  answers[1]([{ id: "yard" }]);
  answers[0]([{ id: "of somebody before" }]);
  await Promise.all(both);
  assert.deepEqual(places.all, [{ id: "yard" }]);
});

/** A list that is asked for is answered when the test says so. */
function asked() {
  const queries = [];
  const answers = [];
  const get = (path) => {
    queries.push(Object.fromEntries(new URL(path, "http://shop").searchParams));
    return new Promise((answer, refuse) => answers.push({ answer, refuse }));
  };
  const says = async (place, items, next = null) => {
    answers[place].answer({ items, next });
    await new Promise(setImmediate);
  };
  return { queries, answers, says, bookings: new OwnBookings(get) };
}

function ids(bookings) {
  return bookings.all.map(({ id }) => id);
}

test("what waits and who comes are asked for by themselves, to the last page", async () => {
  const { queries, says, bookings } = asked();
  const requests = bookings.readRequests();
  for (let page = 0; page < 12; page += 1) await says(page, [booking({ id: `waits-${page}` })], page < 11 ? `after-${page}` : null);
  await requests;
  assert.equal(ids(bookings).length, 12);
  assert.deepEqual(queries[0], { role: "owner", limit: "200", approval: "awaited" });
  assert.equal(queries[11].after, "after-10");
  const week = bookings.readWeek("2026-11-21");
  assert.ok(!bookings.knows("2026-11-21"));
  await says(12, [booking({ id: "comes" })], "more");
  assert.ok(!bookings.knows("2026-11-21"));
  await says(13, []);
  await week;
  const time = { from: "2026-11-20", to: "2026-11-28" };
  assert.deepEqual(queries[12], { role: "owner", limit: "200", status: "pending,confirmed,completed", ...time });
  assert.deepEqual(queries[13], { ...queries[12], after: "more" });
  assert.ok(ids(bookings).includes("comes") && bookings.knows("2026-11-21") && !bookings.knows("2026-11-28"));
});

test("a list puts nothing back that was told while it was read, and forgets nothing of it", async () => {
  const { says, bookings } = asked();
  bookings.take(booking({ id: "missed" }));
  const then = bookings.ask();
  const week = bookings.readWeek("2026-11-21");
  bookings.take(booking({ id: "given up", status: "cancelled" }));
  bookings.take(booking({ id: "new" }));
  await says(0, [booking({ id: "given up" }), booking({ id: "listed" })]);
  await week;
  bookings.forgetBefore(then);
  assert.deepEqual(ids(bookings).toSorted(), ["given up", "listed", "new"]);
  assert.equal(bookings.all.find(({ id }) => id === "given up").status, "cancelled");
  assert.ok(bookings.knows("2026-11-21"));
  bookings.forgetBefore(bookings.ask());
  assert.ok(!bookings.knows("2026-11-21"));
});

test("of a week that could not be read, or was asked for before something was missed, nobody knows who comes", async () => {
  const { answers, says, bookings } = asked();
  const refused = bookings.readWeek("2026-11-21");
  answers[0].refuse(new Error("away"));
  await assert.rejects(refused);
  assert.ok(!bookings.knows("2026-11-21"));
  const early = bookings.readWeek("2026-11-21");
  bookings.doubt();
  await says(1, []);
  await early;
  assert.ok(!bookings.knows("2026-11-21"));
  const again = bookings.readWeek("2026-11-21");
  await says(2, []);
  await again;
  assert.ok(bookings.knows("2026-11-21"));
  bookings.doubt();
  assert.ok(!bookings.knows("2026-11-21"));
});
