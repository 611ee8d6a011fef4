import assert from "node:assert/strict";
import { test } from "node:test";

import { wordsOf } from "../../static/pages/booking-words.js";
import { shareState } from "../../static/pages/share-words.js";
import { equalShares, mostPeople, openOf, ownShare, securedOf, shareWords, sharesOf } from "../../static/pages/split-shares.js";
import { chance } from "./chance.mjs";

const EUR = (amount) => ({ amount, currency: "eur" });

test("equal shares add up to the bill and differ by a cent at most", () => {
  const random = chance(11);
  for (let trial = 0; trial < 500; trial += 1) {
    const amount = Math.floor(random() * 100_000) + 10;
    const people = 2 + Math.floor(random() * 9);
    const shares = equalShares(amount, people);
    assert.equal(shares.length, people);
    assert.equal(shares.reduce((sum, share) => sum + share, 0), amount);
    assert.ok(shares[0] - shares.at(-1) <= 1);
  }
  assert.equal(mostPeople(3), 3);
  assert.equal(mostPeople(5000), 10);
  assert.equal(mostPeople(0), 1);
});

const attempt = (id, status, amount, more = {}) => ({ id, status, amount: EUR(amount), ...more });
const link = (id) => ({ pay_url: `https://a.example/pay/${id}#s`, share: id });

test("a share is its newest attempt; one that was paid stays paid", () => {
  const payments = [
    attempt("own", "pending", 4000),
    attempt("a", "failed", 3000, link("a")),
    attempt("b", "pending", 3000, link("b")),
    attempt("a2", "authorized", 3000, link("a")),
    attempt("a3", "failed", 3000, link("a")),
  ];
  assert.deepEqual(sharesOf(payments).map(({ id }) => id), ["a2", "b"]);
  assert.equal(openOf(EUR(10_000), payments), 4000, "the buyer's own attempt takes nothing on");
  const back = payments.map((one) => (one.id === "b" ? { ...one, withdrawn: true } : one));
  assert.deepEqual(sharesOf(back).map(({ id }) => id), ["a2"]);
  assert.equal(openOf(EUR(10_000), back), 7000, "what was taken back is open again");
  assert.equal(openOf(EUR(10_000), [attempt("c", "failed", 2000, link("c"))]), 8000, "a decline leaves its share to its payer");
});

test("the buyer's own part is what they have paid, else what is left to them", () => {
  const others = [attempt("a", "pending", 3000, link("a")), attempt("b", "paid", 3000, link("b"))];
  assert.deepEqual(ownShare(EUR(10_000), others), { status: "pending", amount: EUR(4000) });
  assert.equal(ownShare(EUR(10_000), [...others, attempt("own", "authorized", 4000)]).id, "own");
  assert.equal(ownShare(EUR(6000), others), null, "others pay it all");
});

test("each standing of a share has words of its own", () => {
  const told = ["pending", "authorized", "failed", "refunded", "disputed"].map((status) => shareWords({ status }));
  assert.equal(new Set(told.map(({ text }) => text)).size, 5);
  assert.deepEqual(told.map(({ open }) => open), [true, false, true, false, false]);
  assert.deepEqual(shareWords({ status: "authorized" }), shareWords({ status: "paid" }), "a payer need not know the difference");
  assert.deepEqual(securedOf({ total: EUR(100), owed: EUR(30) }), EUR(70));
});

test("a payer is told what their money does, and pays only what is open", () => {
  const state = (payment, booking, owed = 5000) => shareState({ payment: { status: payment }, booking: { status: booking, owed: EUR(owed) } }, "20:15");
  const told = [
    ["pending", "pending"], ["failed", "pending"], ["authorized", "pending"], ["authorized", "pending", 0], ["paid", "confirmed"], ["failed", "confirmed"],
    ["refunded", "confirmed"], ["partially_refunded", "confirmed"], ["disputed", "confirmed"], ["refunded", "cancelled"], ["failed", "cancelled"], ["paid", "cancelled"],
  ].map((one) => state(...one));
  assert.equal(new Set(told.map(({ title, text }) => title + text)).size, told.length);
  assert.deepEqual(told.map(({ pays }) => Boolean(pays)), [true, true, ...Array(10).fill(false)]);
  const back = shareState({ payment: { status: "failed", withdrawn: true }, booking: { status: "pending", owed: EUR(5000) } }, "20:15");
  assert.match(back.title, /taken back/);
  assert.ok(!back.pays);
  assert.match(state("authorized", "pending").text, /€50\.00.*20:15/);
});

test("a booking says what is still owed, what went back and who asked", () => {
  const one = (facts) => wordsOf({ status: "pending", payment_status: "pending", cancel_reason: null, total: EUR(9000), owed: EUR(9000), refunded: EUR(0), ...facts });
  assert.match(one({ payment_status: "authorized", owed: EUR(6000) }).title, /€60\.00 still to be paid/);
  assert.ok(one({ payment_status: "authorized", owed: EUR(6000) }).pays);
  assert.ok(!one({ payment_status: "authorized", owed: EUR(0) }).pays);
  const booked = { status: "confirmed", owed: EUR(0) };
  assert.match(one({ ...booked, payment_status: "partially_refunded", refunded: EUR(2000) }).text, /€20\.00 of what you paid has been given back/);
  assert.match(one({ ...booked, payment_status: "disputed" }).text, /bank/);
  assert.match(one({ ...booked, payment_status: "refunded", refunded: EUR(9000) }).text, /booking stands/);
  assert.match(one({ status: "cancelled", payment_status: "refunded", cancel_reason: "disputed" }).text, /bank.*given back in full/);
});
