import assert from "node:assert/strict";
import { test } from "node:test";

import { afterGoodbye, fullJitter } from "../../static/client/backoff.js";
import { ServerClock } from "../../static/client/clock.js";
import { formatMoney, shortMoney } from "../../static/client/money.js";
import { After, afterClose, delayGiven } from "../../static/client/protocol.js";
import { Refusal } from "../../static/client/refusal.js";
import { ulid } from "../../static/client/ulid.js";
import { ending, sentence } from "../../static/client/wording.js";

test("the range of a close code says what to do", () => {
  const expected = { 4000: After.NOW, 4199: After.NOW, 4200: After.DELAY, 4399: After.DELAY, 4400: After.TOKEN, 4499: After.TOKEN, 4500: After.NEVER, 4999: After.NEVER };
  for (const [code, what] of Object.entries(expected)) assert.equal(afterClose(Number(code)), what, code);
  for (const code of [1003, 1008, 1009]) assert.equal(afterClose(code), After.NEVER);
  for (const code of [1000, 1001, 1005, 1006, 1011, 1012]) assert.equal(afterClose(code), After.BACKOFF);
});

test("a close reason may give the delay in seconds", () => {
  assert.equal(delayGiven("too slow; retry_after=5"), 5000);
  assert.equal(delayGiven("retry_after=0.5"), 500);
  assert.equal(delayGiven("drained"), null);
  assert.equal(delayGiven(""), null);
});

test("jitter is full: anywhere between at once and the bound", () => {
  assert.equal(fullJitter(0, () => 0), 0);
  assert.equal(fullJitter(0, () => 1), 500);
  assert.equal(fullJitter(3, () => 1), 4000);
  assert.equal(fullJitter(60, () => 1), 20_000);
  assert.equal(afterGoodbye({ after_ms: 100, spread_ms: 1000 }, () => 0.5), 600);
  assert.equal(afterGoodbye({}, () => 0.5), 0);
});

test("the countdown is by the server's clock, however wrong this machine's is", () => {
  let now = 1_000_000;
  const clock = new ServerClock(() => now);
  clock.observe(5_000_000);
  assert.equal(clock.now(), 5_000_000);
  now += 250;
  assert.equal(clock.left(5_001_000), 750);
  assert.equal(clock.left(4_000_000), 0);
});

test("a late message does not set the clock back at once, a clock that was set does", () => {
  let now = 0;
  const clock = new ServerClock(() => now);
  clock.observe(10_000);
  clock.observe(9_000);
  assert.ok(clock.now() > 9_700);
  now += 500_000;
  clock.observe(20_000);
  assert.equal(clock.now(), 20_000);
});

test("a ULID sorts by its time and is given once", () => {
  assert.match(ulid(), /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  assert.equal(ulid(0).slice(0, 10), "0000000000");
  assert.equal(ulid(1_469_918_176_385).slice(0, 10), "01ARYZ6S41");
  assert.ok(ulid(1000) < ulid(2000));
  assert.equal(new Set(Array.from({ length: 1000 }, () => ulid(0))).size, 1000);
});

test("money has the places of its currency", () => {
  assert.match(formatMoney({ amount: 4550, currency: "eur" }), /45[.,]50/);
  assert.match(formatMoney({ amount: 4550, currency: "jpy" }), /4[.,]?550$/);
  assert.doesNotMatch(shortMoney({ amount: 4500, currency: "usd" }), /00/);
  assert.match(shortMoney({ amount: 4550, currency: "usd" }), /45[.,]50/);
});

test("a refusal knows its code, and what the server said with it", () => {
  const told = Refusal.ofMessage({ type: "error", code: "rate_limited", message: "slower", retry: "later", retry_after: 2 });
  assert.equal(told.code, "rate_limited");
  assert.equal(told.retryAfter, 2);
  const problem = Refusal.ofProblem({ code: "invalid_fields", detail: "x", errors: [{ field: "customer.name", message: "is empty" }] }, 422);
  assert.equal(problem.errors[0].field, "customer.name");
  assert.equal(Refusal.ofProblem({}, 502).code, "http_502");
  const retries = [[{}, 502], [{}, 429], [{ retry_after: 1 }, 409], [{}, 409], [{}, 404]].map(([body, status]) => Refusal.ofProblem(body, status).retry);
  assert.deepEqual(retries, ["later", "later", "later", "never", "never"]);
});

test("every refusal has words for the buyer", () => {
  assert.match(sentence(new Refusal({ code: "slot_taken" })), /faster/);
  assert.equal(sentence(new Refusal({ code: "limit_exceeded", message: "at most 8 places" })), "at most 8 places");
  assert.match(sentence(new Refusal({ code: "something_new" })), /try again/);
  assert.match(ending("deadline"), /time ran out/);
  assert.equal(ending("released"), null);
});
