import assert from "node:assert/strict";
import { test } from "node:test";

import { Pieces, here, piecesOf, readApart } from "../../static/client/apart.js";
import { atOnce, inSlices } from "../../static/elements/slices.js";

/** Work of so many steps, each of which takes a while of a clock of its own. */
function workOf(steps, clock, cost) {
  return (function* work() {
    for (let step = 0; step < steps; step += 1) {
      clock.time += cost;
      clock.done += 1;
      yield;
    }
    return "all of it";
  })();
}

test("work is done in slices of a few milliseconds, and what it returns is handed on", async () => {
  const clock = { time: 0, done: 0 };
  const slices = [];
  const result = await inSlices(workOf(10, clock, 4), {
    now: () => clock.time,
    later: (slice) => {
      slices.push(clock.done);
      setImmediate(slice);
    },
  });
  assert.equal(result, "all of it");
  assert.deepEqual(slices, [0, 2, 4, 6, 8, 10]);
  assert.equal(atOnce(workOf(3, clock, 1)), "all of it");
});

test("work that is given up goes no further, and work that fails says so", async () => {
  const clock = { time: 0, done: 0 };
  const life = new AbortController();
  const waiting = [];
  inSlices(workOf(10, clock, 10), { signal: life.signal, now: () => clock.time, later: (slice) => waiting.push(slice) });
  waiting.pop()();
  life.abort();
  waiting.pop()();
  assert.equal(clock.done, 1);
  const broken = (function* work() {
    yield;
    throw new TypeError("no plan");
  })();
  await assert.rejects(inSlices(broken, { now: () => 0 }), TypeError);
});

const HALL = { id: "hall", title: "Große Halle", slots: Array.from({ length: 2500 }, (_, index) => ({ id: `s${index}`, index })), categories: [], plan: null };

/** A worker in this very thread, which answers by and by as a real one does. */
function workerOf(answers) {
  const chunks = [];
  const worker = {
    ended: false,
    terminate: () => (worker.ended = true),
    postMessage: (chunk) => (chunk === null ? setImmediate(() => answers(worker, chunks)) : chunks.push(chunk)),
  };
  return worker;
}

function answerOf(document) {
  return new Response(JSON.stringify(document));
}

test("a large document comes over in pieces, and is whole again", async () => {
  const sizes = [];
  const worker = workerOf((self, chunks) => {
    for (const piece of piecesOf(here(chunks))) {
      sizes.push(piece.items?.length ?? 0);
      self.onmessage({ data: structuredClone(piece) });
    }
  });
  assert.deepEqual(await readApart(answerOf(HALL), { large: 100, start: () => worker }), HALL);
  assert.deepEqual(sizes, [0, 1000, 1000, 500, 0]);
  assert.ok(worker.ended);
});

test("without a worker, or with one whose script does not come, it is parsed here", async () => {
  assert.deepEqual(await readApart(answerOf(HALL), { large: 100, start: () => null }), HALL);
  assert.deepEqual(await readApart(answerOf(HALL), { large: 100, start: () => workerOf((self) => self.onerror()) }), HALL);
  await assert.rejects(readApart(new Response("{"), { large: 1, start: () => workerOf((self) => self.onerror()) }), SyntaxError);
});

test("letters that two chunks share are read", () => {
  const bytes = new TextEncoder().encode('"Große"');
  assert.equal(here([bytes.slice(0, 5), bytes.slice(5)]), "Große");
});

test("a small document is parsed here, and what is no document of lists passes whole", async () => {
  const start = () => assert.fail("no worker was wanted");
  assert.deepEqual(await readApart(answerOf({ id: "hall" }), { start }), { id: "hall" });
  for (const document of [null, 7, [1, 2], { id: "hall" }]) {
    const pieces = new Pieces();
    const ends = [...piecesOf(document)].map((piece) => pieces.add(piece));
    assert.deepEqual([pieces.whole, ends.at(-1)], [document, true]);
  }
});
