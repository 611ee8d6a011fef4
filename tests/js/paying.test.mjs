import assert from "node:assert/strict";
import { test } from "node:test";

import { takeFragment, withoutReturn } from "../../static/pages/addresses.js";
import { awayWords, isAway, paymentSentence, waitBefore } from "../../static/pages/away-words.js";
import { declineWords, outcomeOf, outcomeWords } from "../../static/pages/payment-outcome.js";
import { rateWords, currencyTitle, offersChoice } from "../../static/pages/quote-words.js";
import { wayToPay } from "../../static/pages/ways.js";
import { Refusal } from "../../static/client/refusal.js";

test("an attempt ends in one of a few outcomes", () => {
  const outcome = (answer) => outcomeOf(answer).outcome;
  for (const status of ["requires_capture", "succeeded", "processing"]) assert.equal(outcome({ paymentIntent: { status } }), "arrived");
  assert.equal(outcome({ paymentIntent: { status: "canceled" } }), "closed");
  assert.equal(outcome({ paymentIntent: { status: "requires_action" } }), "unfinished");
  assert.equal(outcome({ paymentIntent: { status: "requires_payment_method" } }), "unfinished");
  assert.equal(outcome({ error: { type: "validation_error" } }), "incomplete");
  assert.equal(outcome({ error: { type: "api_connection_error" } }), "unanswered");
  assert.equal(outcome({ error: { type: "api_error" } }), "unanswered");
  assert.equal(outcome({ error: { type: "invalid_request_error", code: "parameter_missing" } }), "broken");
  assert.deepEqual(outcomeOf({ error: { type: "card_error", code: "card_declined", decline_code: "insufficient_funds" } }), { outcome: "declined", reason: "insufficient_funds" });
  assert.deepEqual(outcomeOf({ error: { type: "card_error", code: "expired_card" } }), { outcome: "declined", reason: "expired_card" });
  assert.equal(outcome({ error: { type: "invalid_request_error", code: "payment_intent_authentication_failure" } }), "declined");
});

test("an error about a payment that another tab has made is no error", () => {
  const unexpected = (status) => ({ error: { type: "invalid_request_error", code: "payment_intent_unexpected_state", payment_intent: { status } } });
  assert.equal(outcomeOf(unexpected("succeeded")).outcome, "arrived");
  assert.equal(outcomeOf(unexpected("requires_capture")).outcome, "arrived");
  assert.equal(outcomeOf(unexpected("canceled")).outcome, "closed");
});

test("a decline found after a reload still says why", () => {
  const last = { code: "card_declined", decline_code: "insufficient_funds" };
  assert.deepEqual(outcomeOf({ paymentIntent: { status: "requires_payment_method", last_payment_error: last } }), { outcome: "declined", reason: "insufficient_funds" });
});

test("every outcome says what to do, and a decline that nothing was charged", () => {
  const outcomes = ["incomplete", "unfinished", "unanswered", "closed", "broken"];
  const told = outcomes.map((outcome) => outcomeWords({ outcome, reason: "" }));
  assert.equal(new Set(told).size, outcomes.length);
  for (const reason of ["insufficient_funds", "lost_card", "stolen_card", "fraudulent", ""]) assert.match(declineWords(reason), /Nothing was charged\.$/);
  assert.equal(declineWords("stolen_card"), declineWords("generic_decline"), "the bank's reasons that are not the payer's to know");
  assert.notEqual(declineWords("incorrect_cvc"), declineWords("expired_card"));
});

test("only what may pass is tried again, ever more seldom", () => {
  for (const code of ["offline", "unavailable", "overloaded", "internal", "http_502"]) assert.ok(isAway(new Refusal({ code })), code);
  assert.ok(isAway({ name: "FormUnreachable" }));
  assert.ok(isAway(new Refusal({ code: "conflict", retryAfter: 1 })), "somebody else changes the booking this moment");
  for (const code of ["conflict", "not_found", "hold_expired", "forbidden"]) assert.ok(!isAway(new Refusal({ code })), code);
  const waits = [0, 1, 2, 3, 9].map((attempt) => waitBefore(attempt));
  assert.deepEqual(waits, [...waits].sort((one, other) => one - other));
  assert.ok(waits.at(-1) <= 15_000);
  assert.equal(waitBefore(0, 30), 30_000);
  assert.match(awayWords("20:15", true), /isn't answering.*kept until 20:15/);
  assert.match(awayWords("", false), /offline/);
  assert.match(paymentSentence(new Refusal({ code: "unavailable" })), /payment service/);
  assert.match(paymentSentence(new Refusal({ code: "conflict", message: "the share is paid" })), /the share is paid/);
});

test("what a provider's page adds to the address goes, and nothing else", () => {
  const { address, returned } = withoutReturn("https://a.example/bookings/7?payment_intent=pi_1&payment_intent_client_secret=pi_1_secret_2&redirect_status=succeeded&lang=de#top");
  assert.equal(address, "/bookings/7?lang=de#top");
  assert.ok(returned);
  assert.deepEqual(withoutReturn("https://a.example/bookings/7"), { address: "/bookings/7", returned: false });
});

test("a link's secret moves out of the address and outlives a reload", () => {
  const kept = new Map();
  const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
  const addresses = [];
  globalThis.location = { hash: "#s3cret", pathname: "/pay/7", search: "" };
  globalThis.history = { state: null, replaceState: (_state, _title, address) => addresses.push(address) };
  assert.equal(takeFragment("share:7", storage), "s3cret");
  globalThis.location.hash = "";
  assert.equal(takeFragment("share:7", storage), "s3cret");
  assert.equal(takeFragment("share:8", storage), "");
  assert.deepEqual(addresses, ["/pay/7"]);
});

test("a booking is paid where its payment says", () => {
  const booking = { id: "b/7" };
  assert.equal(wayToPay(booking, { redirect_url: "https://pay.example/1" }, true), "https://pay.example/1");
  assert.equal(wayToPay(booking, { client_secret: "s" }, true), "/bookings/b%2F7/pay");
  assert.equal(wayToPay(booking, {}, true), "/bookings/b%2F7", "nothing is to be paid");
  assert.equal(wayToPay(booking, null, true), "/bookings/b%2F7/pay", "the provider is away");
  assert.equal(wayToPay(booking, null, false), "/bookings/b%2F7");
});

test("currencies are offered by name, with the rate that is kept", () => {
  assert.ok(!offersChoice(null));
  assert.ok(!offersChoice({ supported: ["eur"] }));
  assert.ok(offersChoice({ supported: ["eur", "gbp"] }));
  assert.equal(currencyTitle("gbp", new Intl.DisplayNames("en", { type: "currency", fallback: "none" })), "GBP · British Pound");
  assert.equal(currencyTitle("xqx", { of: () => undefined }), "XQX");
  assert.match(rateWords({ currency: "gbp", supported: ["eur", "gbp"], rate: "0.8431" }), /^1 EUR = 0\.8431 GBP\./);
  assert.equal(rateWords({ currency: "eur", supported: ["eur", "gbp"], rate: "1" }), "");
  assert.equal(rateWords({ currency: "gbp", supported: ["eur", "gbp"], rate: null }), "", "a price of the owner's own");
});
