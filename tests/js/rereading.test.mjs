import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { get } from "../../static/client/http.js";
import { Refusal } from "../../static/client/refusal.js";
import { reread } from "../../static/client/rereading.js";
import { followLayout, resource } from "../../static/client/resources.js";
import { FakeWorld } from "./world.mjs";

const BUSY = new Refusal({ code: "overloaded", retry: "later", retryAfter: 30 });
const GONE = new Refusal({ code: "unknown_resource" });

let world;
let options;
let reads;
let answers;

beforeEach(() => {
  world = new FakeWorld();
  options = { random: world.random, later: world.setTimeout };
  [reads, answers] = [[], []];
});

/** Answers in turn, the last one for ever. */
async function read() {
  reads.push(world.time);
  const answer = answers.length > 1 ? answers.shift() : answers[0];
  if (answer instanceof Error) throw answer;
  return answer;
}

const newer = (number) => number > 1;

test("they who were told at once come spread over two seconds, and after growing waits again", async () => {
  answers = [1, 1, 1, 2];
  const found = reread(read, newer, options);
  await world.pass(60_000);
  assert.deepEqual(reads, [1000, 3000, 7000, 15_000]);
  assert.equal(await found, 2);
  world.chance = 0.99;
  reread(read, newer, options);
  await world.pass(1900);
  assert.equal(reads.length, 4);
  await world.pass(100);
  assert.equal(reads.length, 5);
});

test("what may go well later is tried again, and not before the server will have it", async () => {
  answers = [BUSY, Refusal.offline(), 2];
  const found = reread(read, newer, options);
  await world.pass(120_000);
  assert.deepEqual(reads, [1000, 33_000, 37_000]);
  assert.equal(await found, 2);
});

test("what will never be had is not tried again", async () => {
  answers = [GONE];
  const found = assert.rejects(reread(read, newer, options), GONE);
  await world.pass(120_000);
  await found;
  assert.equal(reads.length, 1);
});

for (const [when, begun] of [["before it is asked for", false], ["while it is asked for", true]]) {
  test(`what is given up ${when} is never heard of again`, async () => {
    const life = new AbortController();
    const heard = [];
    for (const answer of [2, GONE, 1]) {
      const giveUp = async () => {
        life.abort();
        if (answer instanceof Error) throw answer;
        return answer;
      };
      reread(begun ? giveUp : read, newer, { ...options, signal: life.signal }).then((each) => heard.push(each), (error) => heard.push(error));
    }
    if (!begun) life.abort();
    await world.pass(120_000);
    assert.deepEqual([heard, reads], [[], []]);
  });
}

/** A hall whose layouts are told by `availability`, and whose server answers as `answers` says. */
function hall() {
  const availability = new EventTarget();
  const [shown, refused] = [[], []];
  globalThis.fetch = async () => {
    const answer = await read();
    return typeof answer === "number" ? Response.json({ id: "hall", layout: answer }) : answer;
  };
  followLayout(availability, "hall", { shows: ({ layout }) => shown.push(layout), refused: ({ code }) => refused.push(code) }, options);
  const tells = (layout) => availability.dispatchEvent(new CustomEvent("layout", { detail: layout }));
  return { tells, shown, refused };
}

const problem = (status, code, more = {}) => Response.json({ code, ...more }, { status });

test("a hall is shown when it has been read as it was told to be: another process answers with the old one for a second more", async () => {
  const { tells, shown } = hall();
  answers = [1, 1, 2];
  tells(2);
  await world.pass(60_000);
  assert.deepEqual([shown, reads.length], [[2], 3]);
  assert.equal((await resource("hall")).layout, 2, "and kept");
  assert.equal(reads.length, 3);
  answers = [4];
  tells(3);
  await world.pass(60_000);
  assert.deepEqual(shown, [2, 4]);
});

test("a hall that changes again while it is read is shown once, as it is then", async () => {
  const { tells, shown } = hall();
  answers = [2, 2, 3];
  tells(2);
  tells(3);
  await world.pass(60_000);
  assert.deepEqual([shown, reads.length], [[3], 3]);
});

test("a hall that could not be read in the rush is read later", async () => {
  const { tells, shown, refused } = hall();
  const broken = new Response(new ReadableStream({ start: (body) => body.error(new TypeError("network error")) }));
  answers = [problem(503, "overloaded", { retry_after: 1 }), problem(502, undefined), problem(429, "rate_limited"), new TypeError("no line"), broken, 2];
  tells(2);
  await world.pass(120_000);
  assert.deepEqual([shown, refused, reads.length], [[2], [], 6]);
});

test("of a hall that is there no more it is told, once", async () => {
  const { tells, shown, refused } = hall();
  answers = [problem(404, "unknown_resource")];
  tells(2);
  await world.pass(120_000);
  assert.deepEqual([shown, refused, reads.length], [[], ["unknown_resource"], 1]);
});

test("an answer that breaks off is a refusal as any line that is lost", async () => {
  globalThis.fetch = async () => new Response("<p>Sign in to this network");
  await assert.rejects(get("/api/resources"), { name: "Refusal", code: "offline", retry: "later" });
  globalThis.fetch = async () => new Response(new ReadableStream({ start: (body) => body.error(new TypeError("network error")) }), { status: 503 });
  await assert.rejects(get("/api/resources"), { name: "Refusal", code: "http_503", retry: "later" });
});
