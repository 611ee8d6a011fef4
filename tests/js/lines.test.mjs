import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { json } from "../../static/client/codec.js";
import { Connection } from "../../static/client/connection.js";
import { Lines } from "../../static/client/lines.js";
import { FakeWorld, settled } from "./world.mjs";

const YARD = { id: "yard", layout: 1 };
const WEEK = { type: "snapshot", channel: "availability:yard", layout: 1, epoch: "e", version: 11, first: 0, count: 2, width: 1, available: [1, 1], held: [0, 0] };
const NEXT = { sections: ["d8"], indices: [8, 9] };

let world;
let own;
let lines;

const opened = (hello) => new Connection("ws://yard/ws", { credentials: async () => hello, codec: json, world });
const views = (socket) => socket.sent.filter(({ type }) => type === "subscribe").map(({ channel, view }) => [channel, view?.sections]);

/** The page's own is welcomed, as the page says to the lines. */
async function welcomed() {
  own.start();
  await world.pass(1000);
  world.socket.welcomes();
  await settled();
}

beforeEach(async () => {
  world = new FakeWorld();
  own = opened({ token: "own" });
  lines = new Lines(own, () => opened({ token: "further" }));
  own.addEventListener("welcome", () => lines.welcomed({ token: "remembered" }));
});

test("resources share the page's own line", async () => {
  lines.follow(YARD);
  lines.follow({ id: "hall", layout: 1 });
  await welcomed();
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(views(world.socket), [["availability:yard", undefined], ["availability:hall", undefined]]);
});

test("two that follow one resource have a line each, and neither takes the other's numbers for its own", async () => {
  await welcomed();
  const first = lines.follow(YARD);
  world.socket.says(WEEK);
  const second = lines.follow(YARD, NEXT);
  await settled();
  world.socket.welcomes();
  const [one, other] = world.sockets;
  assert.deepEqual([views(one), views(other)], [[["availability:yard", undefined]], [["availability:yard", ["d8"]]]]);
  assert.equal(other.last("hello").token, "further", "of the same session");
  other.says({ ...WEEK, first: 8, sections: ["d8"] });
  other.says({ type: "delta", channel: "availability:yard", epoch: "e", from: 11, to: 13, changes: [8, 0, 1] });
  assert.deepEqual([first.replica.version, second.replica.version], [11, 13]);
  one.says({ type: "delta", channel: "availability:yard", epoch: "e", from: 11, to: 12, changes: [0, 0, 1] });
  assert.deepEqual([first.replica.at(0).held, second.replica.at(8).held], [1, 1]);
});

test("what is closed leaves its line to the next one", async () => {
  await welcomed();
  lines.follow(YARD);
  const second = lines.follow(YARD);
  await settled();
  world.socket.welcomes();
  second.close();
  lines.follow(YARD, NEXT);
  lines.follow({ id: "hall", layout: 1 }).close();
  lines.follow({ id: "hall", layout: 1 });
  await settled();
  assert.equal(world.sockets.length, 2);
  assert.deepEqual(views(world.sockets[1]), [["availability:yard", undefined], ["availability:yard", ["d8"]]]);
});

test("a further line waits for the page's own, which has the session, and stops with it", async () => {
  lines.follow(YARD);
  const second = lines.follow(YARD);
  own.start();
  await settled();
  assert.equal(world.sockets.length, 1);
  world.socket.welcomes();
  await settled();
  assert.equal(world.sockets.length, 2);
  world.socket.welcomes();
  assert.ok(!second.stale);
  lines.stop();
  assert.ok(second.stale, "whatever the page's own line is");
  assert.equal(world.socket.closed, 1000);
  own.stop();
  await welcomed();
  assert.equal(world.sockets.length, 4);
  world.socket.onopen();
  assert.equal(world.socket.last("hello").token, "remembered");
});

test("all lines hear of the network and of newer credentials", async () => {
  await welcomed();
  lines.follow(YARD);
  const second = lines.follow(YARD);
  await settled();
  world.socket.welcomes();
  lines.refresh({ token: "newer" });
  assert.deepEqual(world.sockets.map((socket) => socket.last("refresh").token), ["newer", "newer"]);
  lines.networkLost();
  assert.ok(second.stale);
  world.time += 60_000;
  lines.networkBack();
  await world.pass(1);
  assert.equal(world.sockets.length, 4);
});
