import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Cart, without } from "../../static/client/cart.js";
import { Holds } from "../../static/client/holds.js";
import { Refusal } from "../../static/client/refusal.js";

const EUR = (amount) => ({ amount, currency: "eur" });
const hold = (id, items, more = {}) => ({ id, resource: "hall", items, price: EUR(5000), status: "held", expires_at: 900, ...more });
const summary = { reference: "BK-1", expires_at: 900, total: EUR(5000) };

let cart;
let changes;

beforeEach(() => {
  cart = new Cart();
  changes = 0;
  cart.addEventListener("change", () => {
    changes += 1;
  });
});

test("a welcome says what is held, in whichever tab it was taken", () => {
  cart.welcomed({ cart: summary, holds: [hold("h", [["A-1", 1]]), hold("p", [["B-1", 1]], { status: "paying" })] });
  assert.equal(cart.reference, "BK-1");
  assert.equal(cart.quantity("hall", "A-1"), 1);
  assert.equal(cart.quantity("hall", "B-1"), 1, "what is being paid is still one's own");
  assert.equal(cart.quantity("other", "A-1"), 0);
  assert.deepEqual(cart.held.map(({ id }) => id), ["h"]);
  assert.deepEqual(cart.paying.map(({ id }) => id), ["p"]);
});

test("what ended while nobody could tell is told at the next welcome", () => {
  const before = [hold("h", [["A-1", 1]]), hold("k", [["A-2", 1]]), hold("p", [["B-1", 1]], { status: "paying" })];
  assert.deepEqual(cart.welcomed({ cart: summary, holds: before }), []);
  const gone = cart.welcomed({ cart: summary, holds: [before[1]] });
  assert.deepEqual(gone.map(({ id }) => id), ["h"], "what was being paid has its booking to ask");
});

test("a wish is shown at once and taken away when it is answered", () => {
  cart.wish("op", "hall", [["A-1", 2]]);
  assert.equal(cart.quantity("hall", "A-1"), 2);
  assert.ok(cart.waiting("hall", "A-1"));
  cart.answered("op");
  assert.equal(cart.quantity("hall", "A-1"), 0);
  assert.ok(!cart.waiting("hall", "A-1"));
});

test("a hold that ended is nobody's, whatever the reason", () => {
  cart.welcomed({ cart: summary, holds: [hold("h", [["A-1", 1]])] });
  cart.holdChanged(hold("h", [["A-1", 1]], { status: "expired" }));
  assert.equal(cart.quantity("hall", "A-1"), 0);
  assert.equal(cart.holdOf("hall", "A-1"), undefined);
});

test("a cart message is the whole cart, and leaves what is being paid alone", () => {
  cart.welcomed({ cart: summary, holds: [hold("h", [["A-1", 1]]), hold("p", [["B-1", 1]], { status: "paying" })] });
  cart.cartChanged({ reference: null, expires_at: null, total: null, holds: [] });
  assert.equal(cart.reference, null);
  assert.deepEqual(cart.held, []);
  assert.equal(cart.paying.length, 1);
});

test("the slots of a resource are those held, paid for or asked for", () => {
  cart.welcomed({ cart: summary, holds: [hold("h", [["A-1", 1]]), hold("o", [["Z-1", 1]], { resource: "other" })] });
  cart.wish("op", "hall", [["A-2", 1]]);
  assert.deepEqual([...cart.slots("hall")].sort(), ["A-1", "A-2"]);
});

test("part of a hold given back leaves the rest", () => {
  const both = hold("h", [["A-1", 1], ["A-2", 2]]);
  assert.deepEqual(without(both, [["A-2", 1]]).items, [["A-1", 1], ["A-2", 1]]);
  assert.deepEqual(without(both, [["A-1", 1]]).items, [["A-2", 2]]);
  assert.equal(without(both).status, "released");
  assert.equal(without(both, both.items).status, "released");
});

/** A connection that answers as it is told. */
class Line {
  asked = [];

  ask(message) {
    this.asked.push(message);
    return this.answer(message);
  }
}

test("a hold that is refused is rolled back", async () => {
  const line = new Line();
  const seen = [];
  line.answer = async () => {
    seen.push(cart.quantity("hall", "A-1"));
    throw new Refusal({ code: "slot_taken", slots: ["A-1"] });
  };
  const holds = new Holds(line, cart);
  await assert.rejects(holds.hold({ resource: "hall", items: [["A-1", 1]] }), { code: "slot_taken" });
  assert.deepEqual(seen, [1], "shown while it was not answered");
  assert.equal(cart.quantity("hall", "A-1"), 0);
  assert.match(line.asked[0].op, /^[0-9A-HJKMNP-TV-Z]{26}$/);
});

test("a hold that is granted is one's own without a gap", async () => {
  const line = new Line();
  line.answer = async () => ({ hold: hold("h", [["A-1", 1]]), cart: summary });
  const quantities = [];
  cart.addEventListener("change", () => quantities.push(cart.quantity("hall", "A-1")));
  await new Holds(line, cart).hold({ resource: "hall", items: [["A-1", 1]] });
  assert.ok(quantities.every((quantity) => quantity > 0));
  assert.equal(cart.quantity("hall", "A-1"), 1);
  assert.equal(cart.expiresAt, 900);
});

test("a release is shown at once, and rolled back when refused", async () => {
  cart.welcomed({ cart: summary, holds: [hold("h", [["A-1", 1]])] });
  const line = new Line();
  let during = null;
  line.answer = async () => {
    during = [cart.quantity("hall", "A-1"), cart.waiting("hall", "A-1")];
    throw Refusal.offline();
  };
  await assert.rejects(new Holds(line, cart).release(cart.held[0]), { code: "offline" });
  assert.deepEqual(during, [0, true]);
  assert.equal(cart.quantity("hall", "A-1"), 1);
});

test("a release ends the hold", async () => {
  cart.welcomed({ cart: summary, holds: [hold("h", [["A-1", 1]])] });
  const line = new Line();
  line.answer = async () => ({ type: "ok" });
  await new Holds(line, cart).release(cart.held[0]);
  assert.deepEqual(cart.held, []);
  assert.deepEqual(line.asked[0].hold, "h");
});

test("an extended cart has the new deadline and its holds", async () => {
  cart.welcomed({ cart: summary, holds: [hold("h", [["A-1", 1]])] });
  const line = new Line();
  line.answer = async () => ({ type: "ok", cart: { ...summary, expires_at: 1800 } });
  await new Holds(line, cart).extend();
  assert.equal(cart.expiresAt, 1800);
  assert.equal(cart.held.length, 1);
  assert.ok(changes > 0);
});

const THREE = [["A-1", 1], ["A-2", 1], ["A-3", 1]];

/** Two parts of a hold are given back at once; `answers` has what answers the one and the other. */
function givesTwoBack(items, one, other) {
  cart.welcomed({ cart: summary, holds: [hold("h", items)] });
  const answers = [];
  const line = new Line();
  line.answer = () => new Promise((resolve) => answers.push(() => resolve({ type: "ok" })));
  const holds = new Holds(line, cart);
  const [all] = cart.held;
  return { answers, given: [holds.release(all, [one]), holds.release(all, [other])] };
}

test("of two parts given back at once both are gone, though the second was asked for when the first was there", async () => {
  const { answers, given } = givesTwoBack(THREE, ["A-1", 1], ["A-2", 1]);
  for (const answer of answers) answer();
  await Promise.all(given);
  assert.deepEqual(cart.held[0].items, [["A-3", 1]]);
});

test("an answer that comes behind its own news leaves the cart as they say", async () => {
  const { answers, given } = givesTwoBack([["Lawn", 3]], ["Lawn", 1], ["Lawn", 1]);
  answers[0]();
  await given[0];
  const left = hold("h", [["Lawn", 1]], { price: EUR(1000) });
  cart.holdChanged(left);
  cart.cartChanged({ ...summary, total: EUR(1000), holds: [left] });
  answers[1]();
  await given[1];
  assert.deepEqual(cart.held, [left]);
  assert.deepEqual(cart.total, EUR(1000));
});

test("news of another hold do not stand for an answer", async () => {
  const { answers, given } = givesTwoBack(THREE, ["A-1", 1], ["A-2", 1]);
  cart.holdChanged(hold("k", [["B-1", 1]]));
  for (const answer of answers) answer();
  await Promise.all(given);
  assert.deepEqual(cart.held.map(({ items }) => items), [[["A-3", 1]], [["B-1", 1]]]);
});

test("a hold that ended before its answer came is in no cart", async () => {
  const line = new Line();
  line.answer = async () => {
    cart.holdChanged(hold("h", [["A-1", 1]]));
    cart.holdChanged(hold("h", [["A-1", 1]], { status: "released" }));
    return { hold: hold("h", [["A-1", 1]]), cart: summary };
  };
  await new Holds(line, cart).hold({ resource: "hall", items: [["A-1", 1]] });
  assert.deepEqual([cart.held, cart.expiresAt], [[], null]);
});

/** What is asked again behind a welcome is answered as it was at first, whatever has happened since. */
function repeating(welcome, answer) {
  const line = new Line();
  line.answer = async () => {
    cart.welcomed(welcome);
    return answer;
  };
  return new Holds(line, cart);
}

test("a hold that is answered again behind a welcome is no ghost of one that has ended", async () => {
  const holds = repeating({ cart: null, holds: [] }, { hold: hold("h", [["A-1", 1]]), cart: summary });
  await holds.hold({ resource: "hall", items: [["A-1", 1]] });
  assert.deepEqual([cart.held, cart.reference, cart.expiresAt, cart.quantity("hall", "A-1")], [[], null, null, 0]);
});

test("a release that is answered again behind a welcome takes nothing off what that said", async () => {
  cart.welcomed({ cart: summary, holds: [hold("h", [["S", 3]])] });
  const left = hold("h", [["S", 2]], { price: EUR(3000) });
  await repeating({ cart: summary, holds: [left] }, { type: "ok" }).release(cart.held[0], [["S", 1]]);
  assert.deepEqual(cart.held, [left]);
});

test("an extension that is answered behind the end of the cart brings nothing back", async () => {
  const extended = { type: "ok", cart: { ...summary, expires_at: 1800 } };
  await repeating({ cart: null, holds: [] }, extended).extend();
  assert.equal(cart.expiresAt, null);
  const line = new Line();
  line.answer = async () => {
    cart.cartChanged({ reference: null, expires_at: null, total: null, holds: [] });
    return extended;
  };
  await new Holds(line, cart).extend();
  assert.equal(cart.expiresAt, null);
});
