import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Availability } from "../../static/client/availability.js";
import { Refusal } from "../../static/client/refusal.js";
import { settled } from "./world.mjs";

const CHANNEL = "availability:hall";
const SNAPSHOT = { type: "snapshot", channel: CHANNEL, layout: 1, epoch: "e", version: 10, first: 0, count: 2, width: 1, available: [1, 1], held: [0, 0] };

/** A connection that keeps what was asked and says what it is told. */
class Line extends EventTarget {
  state = "connecting";
  asked = [];
  refusal = null;

  async ask(message) {
    this.asked.push(message);
    if (this.refusal) throw this.refusal;
    return { type: "ok" };
  }

  welcome() {
    this.state = "live";
    this.dispatchEvent(new CustomEvent("welcome", { detail: {} }));
  }

  says(message) {
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }
}

let line;
let availability;
let time;
let changes;

beforeEach(() => {
  line = new Line();
  time = 0;
  changes = [];
  availability = new Availability(line, { id: "hall", layout: 1 }, { now: () => time });
  availability.addEventListener("change", ({ detail }) => changes.push(detail.changed));
});

test("subscribes when welcomed, and again with its position after a lost line", () => {
  line.welcome();
  assert.deepEqual(line.asked[0], { type: "subscribe", channel: CHANNEL, position: undefined, view: undefined });
  line.says(SNAPSHOT);
  line.welcome();
  assert.deepEqual(line.asked[1].position, ["e", 10]);
  assert.deepEqual(changes, [null]);
});

test("a gap asks once to be caught up", async () => {
  line.welcome();
  await settled();
  line.says(SNAPSHOT);
  line.says({ type: "delta", channel: CHANNEL, epoch: "e", from: 12, to: 13, changes: [0, 0, 1] });
  line.says({ type: "delta", channel: CHANNEL, epoch: "e", from: 13, to: 14, changes: [1, 0, 1] });
  assert.equal(line.asked.length, 2);
  assert.deepEqual(line.asked[1].position, ["e", 10]);
  await settled();
  line.says({ type: "delta", channel: CHANNEL, epoch: "e", from: 10, to: 14, changes: [0, 0, 1, 1, 0, 1] });
  assert.deepEqual(changes, [null, [0, 1]]);
});

test("other channels are not its business", () => {
  line.welcome();
  line.says({ ...SNAPSHOT, channel: "availability:other" });
  assert.ok(!availability.replica.ready);
});

test("another layout means that the resource is to be fetched again", () => {
  line.welcome();
  const layouts = [];
  availability.addEventListener("layout", ({ detail }) => layouts.push(detail));
  line.says(SNAPSHOT);
  line.says({ ...SNAPSHOT, layout: 2, version: 20 });
  line.says({ ...SNAPSHOT, layout: 2, version: 30 });
  assert.deepEqual(layouts, [2]);
});

test("knows how old its truth is: any word on the channel counts, silence does not", () => {
  line.welcome();
  assert.equal(availability.age, null);
  line.says(SNAPSHOT);
  time = 5000;
  assert.equal(availability.age, 5000);
  line.says({ type: "delta", channel: CHANNEL, epoch: "e", from: 10, to: 10, changes: [] });
  assert.equal(availability.age, 0);
});

test("a heartbeat vouches for a quiet channel, until the channel itself has been silent for too long", async () => {
  line.welcome();
  line.says(SNAPSHOT);
  await settled();
  time = 9000;
  line.says({ type: "heartbeat", server_time: 1 });
  assert.equal(availability.age, 0);
  assert.ok(!availability.stale);
  time = 26_000;
  assert.ok(availability.stale);
  line.says({ type: "heartbeat", server_time: 2 });
  assert.equal(availability.age, 17_000);
  assert.deepEqual(line.asked.at(-1).position, ["e", 10], "it asks to be caught up");
  line.says({ type: "delta", channel: CHANNEL, epoch: "e", from: 10, to: 10, changes: [] });
  assert.ok(!availability.stale);
});

test("is stale while the server says that it cannot see", () => {
  line.welcome();
  line.says(SNAPSHOT);
  line.says({ type: "heartbeat", server_time: 1, stale: true });
  assert.ok(availability.stale);
  line.says({ type: "heartbeat", server_time: 2 });
  assert.ok(!availability.stale);
});

test("a refused subscription is told", async () => {
  line.refusal = new Refusal({ code: "unknown_resource" });
  const told = [];
  availability.addEventListener("refused", ({ detail }) => told.push(detail.code));
  line.welcome();
  await settled();
  assert.deepEqual(told, ["unknown_resource"]);
});

test("a subscription that can be had later is asked for again", async () => {
  const waits = [];
  let task = null;
  const later = (what, wait) => {
    task = what;
    waits.push(wait);
  };
  const patient = new Availability(line, { id: "hall", layout: 1 }, { now: () => time, later });
  line.refusal = new Refusal({ code: "unavailable", retry: "later", retryAfter: 2 });
  line.welcome();
  await settled();
  assert.deepEqual(waits, [2000]);
  line.refusal = null;
  const asked = line.asked.length;
  task();
  assert.equal(line.asked.length, asked + 1);
  await settled();
  assert.equal(patient.refusal, null);
});

test("closed, it hears nothing more", () => {
  line.welcome();
  availability.close();
  line.says(SNAPSHOT);
  assert.ok(!availability.replica.ready);
  assert.equal(line.asked.at(-1).type, "unsubscribe");
});

test("closed, it asks for nothing more, though it was refused and meant to ask again", async () => {
  const tasks = [];
  const impatient = new Availability(line, { id: "hall", layout: 1 }, { later: (task) => tasks.push(task) });
  availability.close();
  line.refusal = new Refusal({ code: "unavailable", retry: "later" });
  line.welcome();
  await settled();
  assert.equal(tasks.length, 1);
  impatient.close();
  tasks[0]();
  assert.deepEqual(line.asked.map(({ type }) => type), ["unsubscribe", "subscribe", "unsubscribe"]);
});

test("closed, it hears no refusal of what it had asked for", async () => {
  const tasks = [];
  const refused = [];
  for (const retry of ["later", "never"]) {
    line.refusal = new Refusal({ code: "unavailable", retry });
    const closed = new Availability(line, { id: "hall", layout: 1 }, { later: (task) => tasks.push(task) });
    closed.addEventListener("refused", ({ detail }) => refused.push(detail));
    line.welcome();
    closed.close();
    await settled();
  }
  assert.deepEqual([tasks, refused], [[], []]);
});

const STALLS = { ...SNAPSHOT, sections: ["Stalls"], count: 1, available: [1], held: [0] };

test("another view begins with its own snapshot, and hears nothing of the one before", async () => {
  line.welcome();
  line.says(SNAPSHOT);
  availability.show({ sections: ["Stalls"], indices: [1] });
  assert.deepEqual(line.asked.at(-1), { type: "subscribe", channel: CHANNEL, position: undefined, view: { sections: ["Stalls"] } });
  assert.ok(!availability.replica.ready);
  line.says({ type: "delta", channel: CHANNEL, epoch: "e", from: 10, to: 11, changes: [0, 0, 1] });
  line.says({ ...SNAPSHOT, version: 12 });
  assert.ok(!availability.replica.ready, "what was on its way is of the view before");
  await settled();
  line.says({ ...STALLS, version: 12 });
  line.says({ type: "delta", channel: CHANNEL, epoch: "e", from: 12, to: 13, changes: [1, 0, 1] });
  assert.deepEqual(availability.replica.at(1), { available: 0, held: 1 });
  assert.deepEqual(changes, [null, null, [1]]);
  assert.equal(line.asked.length, 2);
});

test("all of a week is no other week, though it has as many steps", () => {
  availability.show({ sections: ["d8"], indices: [8, 9] });
  line.welcome();
  line.says(SNAPSHOT);
  assert.ok(!availability.replica.ready);
  line.says({ ...SNAPSHOT, first: 8, sections: ["d8"] });
  assert.ok(availability.replica.ready);
});

test("of a part that has other slots by another layout nothing is believed, and all is followed", async () => {
  const layouts = [];
  availability.addEventListener("layout", ({ detail }) => layouts.push(detail));
  availability.show({ sections: ["Stalls"], indices: [1] });
  line.welcome();
  line.says(STALLS);
  line.says({ ...STALLS, version: 12, layout: 2, count: 2, available: [0, 1], held: [1, 0] });
  assert.deepEqual([layouts, changes, availability.replica.ready], [[2], [null], false]);
  await settled();
  assert.equal(line.asked.at(-1).view, undefined);
  line.says({ ...SNAPSHOT, version: 12, layout: 2 });
  assert.deepEqual([layouts, changes, availability.numbers(1)], [[2], [null, null], { available: 1, held: 0 }]);
});

test("of two views asked for at once the second counts", async () => {
  line.welcome();
  line.says(SNAPSHOT);
  availability.show({ sections: ["Stalls"], indices: [1] });
  availability.show();
  line.says(STALLS);
  assert.ok(!availability.replica.ready);
  line.says({ ...SNAPSHOT, version: 14 });
  await settled();
  assert.deepEqual(availability.replica.position, ["e", 14]);
  assert.equal(line.asked.at(-1).view, undefined);
  assert.equal(line.asked.length, 3);
});

test("a view that is chosen before the line stands is the one that is asked for", () => {
  availability.show({ sections: ["Stalls"], indices: [1] });
  line.welcome();
  assert.deepEqual(line.asked.map(({ view }) => view), [{ sections: ["Stalls"] }]);
});

test("what was known of the rest is still told while a part is followed, and what the part told afterwards", async () => {
  line.welcome();
  assert.equal(availability.numbers(0), null);
  line.says({ ...SNAPSHOT, available: [1, 0], held: [0, 1] });
  availability.show({ sections: ["Stalls"], indices: [1] });
  assert.deepEqual([0, 1].map((index) => availability.numbers(index).held), [0, 1], "until it comes");
  await settled();
  line.says({ ...STALLS, version: 12 });
  assert.deepEqual([0, 1].map((index) => availability.numbers(index).held), [0, 0]);
  line.says({ type: "delta", channel: CHANNEL, epoch: "e", from: 12, to: 13, changes: [1, 0, 0] });
  availability.show();
  assert.deepEqual([0, 1].map((index) => availability.numbers(index).available), [1, 0]);
  await settled();
  line.says({ ...SNAPSHOT, version: 14, available: [0, 1], held: [1, 0] });
  assert.deepEqual([0, 1].map((index) => availability.numbers(index).available), [0, 1]);
});

test("of another layout nothing is remembered", async () => {
  line.welcome();
  line.says(SNAPSHOT);
  availability.show({ sections: ["Stalls"], indices: [1] });
  await settled();
  line.says({ ...STALLS, version: 12, layout: 2 });
  assert.equal(availability.numbers(0), null);
});

test("who follows a part that another layout has no more follows all of it", async () => {
  line.welcome();
  line.says(SNAPSHOT);
  await settled();
  const refused = [];
  availability.addEventListener("refused", ({ detail }) => refused.push(detail));
  line.refusal = new Refusal({ code: "not_found", message: "There is no such section.", retry: "never" });
  availability.show({ sections: ["Stalls"], indices: [1] });
  line.refusal = null;
  await settled();
  assert.deepEqual(line.asked.slice(-2).map(({ view }) => view), [{ sections: ["Stalls"] }, undefined]);
  assert.deepEqual(refused, []);
});
