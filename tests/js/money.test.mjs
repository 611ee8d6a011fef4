import assert from "node:assert/strict";
import { test } from "node:test";

import { exponent } from "../../static/client/currencies.js";
import { formatMoney, shortMoney } from "../../static/client/money.js";

const figures = (text) => text.replace(/[^\d.]/g, "");

test("money has its currency's digits, whatever the browser's tables say", () => {
  const shown = { usd: "85.00", jpy: "8,500", kwd: "8.500", iqd: "8.500", isk: "8,500", huf: "85.00", all: "85.00", ugx: "8,500" };
  for (const [currency, expected] of Object.entries(shown)) {
    assert.equal(figures(formatMoney({ amount: 8500, currency })), figures(expected), currency);
  }
});

test("whole amounts are short, and others are whole", () => {
  assert.equal(figures(shortMoney({ amount: 8000, currency: "kwd" })), "8");
  assert.equal(figures(shortMoney({ amount: 8001, currency: "kwd" })), "8.001");
  assert.equal(figures(shortMoney({ amount: 8001, currency: "jpy" })), "8001");
});

test("what is not named has two digits", () => {
  assert.deepEqual(["usd", "jpy", "kwd", "xyz"].map(exponent), [2, 0, 3, 2]);
});
