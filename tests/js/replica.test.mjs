import assert from "node:assert/strict";
import { test } from "node:test";

import { Outcome, Replica, numbers } from "../../static/client/replica.js";
import { Totals, sumBySection } from "../../static/client/totals.js";

const SNAPSHOT = {
  type: "snapshot", channel: "availability:hall", layout: 1, epoch: "e", version: 10, first: 0, count: 4, width: 1,
  available: [1, 1, 0, 5], held: [0, 0, 1, 0],
};

function opened() {
  const replica = new Replica();
  replica.snapshot(SNAPSHOT);
  return replica;
}

test("a snapshot is the whole truth and names the position to resume at", () => {
  const replica = new Replica();
  assert.equal(replica.position, undefined);
  assert.deepEqual(replica.snapshot(SNAPSHOT), { outcome: Outcome.APPLIED, changed: null });
  assert.deepEqual(replica.position, ["e", 10]);
  assert.deepEqual(replica.at(3), { available: 5, held: 0 });
  assert.deepEqual(replica.at(4), { available: 0, held: 0 });
});

test("a delta counts if from <= mine < to", () => {
  const replica = opened();
  const delta = { epoch: "e", from: 8, to: 12, changes: [0, 0, 1] };
  assert.deepEqual(replica.delta(delta), { outcome: Outcome.APPLIED, changed: [0] });
  assert.deepEqual(replica.at(0), { available: 0, held: 1 });
  assert.deepEqual(replica.delta(delta), { outcome: Outcome.IGNORED, changed: [] }, "the same once more");
  assert.equal(replica.version, 12);
});

test("a delta of the future, or of another epoch, is a gap and changes nothing", () => {
  const replica = opened();
  assert.equal(replica.delta({ epoch: "e", from: 11, to: 12, changes: [0, 0, 0] }).outcome, Outcome.GAP);
  assert.equal(replica.delta({ epoch: "f", from: 10, to: 12, changes: [0, 0, 0] }).outcome, Outcome.GAP);
  assert.equal(new Replica().delta({ epoch: "e", from: 0, to: 1, changes: [] }).outcome, Outcome.GAP);
  assert.deepEqual(replica.at(0), { available: 1, held: 0 });
});

test("an empty delta tells whether anything was missed", () => {
  const replica = opened();
  assert.equal(replica.delta({ epoch: "e", from: 10, to: 10, changes: [] }).outcome, Outcome.IGNORED);
  assert.equal(replica.delta({ epoch: "e", from: 11, to: 11, changes: [] }).outcome, Outcome.GAP);
});

test("a snapshot that comes unasked replaces everything", () => {
  const replica = opened();
  replica.snapshot({ ...SNAPSHOT, epoch: "f", version: 3, count: 2, available: [0, 0], held: [0, 0] });
  assert.deepEqual(replica.position, ["f", 3]);
  assert.equal(replica.available.length, 2);
});

test("numbers are read by their width, wherever in the frame they lie", () => {
  const frame = new Uint8Array([9, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(numbers(frame.subarray(1, 5), 1), Uint8Array.of(1, 2, 3, 4));
  assert.deepEqual(numbers(frame.subarray(1, 5), 2), Uint16Array.of(0x0201, 0x0403));
  assert.deepEqual(numbers(frame.subarray(1, 9), 4), Uint32Array.of(0x04030201, 0x08070605));
  assert.deepEqual(numbers([70_000], 4), Uint32Array.of(70_000));
  assert.throws(() => numbers([1], 3), RangeError);
});

test("a partial view keeps the resource's indices, and leaves out what it does not show", () => {
  const replica = new Replica([5, 9]);
  replica.snapshot({ ...SNAPSHOT, first: 5, count: 2, available: [1, 1], held: [0, 0] });
  const { changed } = replica.delta({ epoch: "e", from: 10, to: 11, changes: [6, 0, 1, 9, 0, 1] });
  assert.deepEqual(changed, [9]);
  assert.deepEqual(replica.at(9), { available: 0, held: 1 });
  assert.deepEqual(replica.at(6), { available: 0, held: 0 });
});

test("a window of a grid begins at its first index", () => {
  const replica = new Replica();
  replica.snapshot({ ...SNAPSHOT, first: 1000 });
  assert.deepEqual(replica.at(1003), { available: 5, held: 0 });
  assert.deepEqual(replica.at(3), { available: 0, held: 0 });
});

test("sections are summed in the order of their slots", () => {
  const slots = ["Stalls", "Stalls", "Circle", "Stalls"].map((section, place) => ({ section, capacity: place === 3 ? 5 : 1 }));
  const sums = sumBySection(slots, opened());
  assert.deepEqual([...sums.keys()], ["Stalls", "Circle"]);
  assert.deepEqual(sums.get("Stalls"), { available: 7, held: 0, capacity: 7 });
  assert.deepEqual(sums.get("Circle"), { available: 0, held: 1, capacity: 1 });
});

test("totals keep the newest of an epoch", () => {
  const totals = new Totals();
  assert.equal(totals.position, undefined);
  assert.ok(totals.apply({ epoch: "e", version: 5, sections: { Stalls: [1, 0, 1] } }));
  assert.ok(!totals.apply({ epoch: "e", version: 4, sections: {} }));
  assert.ok(totals.apply({ epoch: "f", version: 1, sections: {} }));
  assert.deepEqual(totals.position, ["f", 1]);
});
