/** I10: an old snapshot and whatever deltas reach the client, however merged, doubled or lost, end as the fresh snapshot. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { json, msgpack } from "../../static/client/codec.js";
import { Outcome, Replica } from "../../static/client/replica.js";
import { chance } from "./chance.mjs";

const COUNT = 40;
const CAPACITY = { 1: 9, 2: 900, 4: 90_000 };

/** The server's side: states, and every change since the start. */
class Server {
  version = 1;
  log = [];

  constructor(random, width) {
    Object.assign(this, { random, width, available: Array(COUNT).fill(CAPACITY[width]), held: Array(COUNT).fill(0) });
  }

  change() {
    const changes = [];
    for (let index = 0; index < COUNT; index += 1) {
      if (this.random() > 0.1) continue;
      this.available[index] = Math.floor(this.random() * (CAPACITY[this.width] + 1));
      this.held[index] = CAPACITY[this.width] - this.available[index];
      changes.push(index, this.available[index], this.held[index]);
    }
    const to = this.version + 1 + Math.floor(this.random() * 1000);
    this.log.push({ from: this.version, to, changes });
    this.version = to;
  }

  /** One delta for the log from entry `start` to before `end`: final states, ascending. */
  merged(start, end) {
    const last = new Map();
    const entries = this.log.slice(start, end);
    for (const { changes } of entries) {
      for (let at = 0; at < changes.length; at += 3) last.set(changes[at], changes.slice(at, at + 3));
    }
    const changes = [...last.keys()].sort((one, other) => one - other).flatMap((index) => last.get(index));
    return { type: "delta", channel: "c", epoch: "e", from: entries[0].from, to: entries.at(-1).to, changes };
  }

  snapshot(binary) {
    const bytes = (values) => {
      const arrays = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };
      return binary ? new Uint8Array(arrays[this.width].from(values).buffer) : values;
    };
    const arrays = { available: bytes(this.available), held: bytes(this.held) };
    return { type: "snapshot", channel: "c", layout: 1, epoch: "e", version: this.version, first: 0, count: COUNT, width: this.width, ...arrays };
  }

  /** What a subscription with a position is answered with. */
  catchUp([, version], binary) {
    const start = this.log.findIndex(({ from }) => from === version);
    return start < 0 ? this.snapshot(binary) : this.merged(start, this.log.length);
  }
}

function deliver(replica, frame, codec, server) {
  const message = codec.decode(frame);
  const { outcome } = replica[message.type](message);
  if (outcome !== Outcome.GAP) return;
  deliver(replica, codec.encode(server.catchUp(replica.position, codec === msgpack)), codec, server);
}

function run(seed, codec, width) {
  const random = chance(seed);
  const server = new Server(random, width);
  const replica = new Replica();
  const binary = codec === msgpack;
  deliver(replica, codec.encode(server.snapshot(binary)), codec, server);
  for (let step = 0; step < 60; step += 1) {
    server.change();
    if (random() < 0.3) continue;
    const start = Math.max(0, server.log.length - 1 - Math.floor(random() * 5));
    const frame = codec.encode(server.merged(start, server.log.length));
    for (let time = 0; time < (random() < 0.3 ? 2 : 1); time += 1) deliver(replica, frame, codec, server);
  }
  deliver(replica, codec.encode({ type: "delta", channel: "c", epoch: "e", from: server.version, to: server.version, changes: [] }), codec, server);
  const fresh = new Replica();
  deliver(fresh, codec.encode(server.snapshot(binary)), codec, server);
  assert.deepEqual(replica.position, fresh.position, `seed ${seed}`);
  assert.deepEqual(replica.available, fresh.available, `seed ${seed}`);
  assert.deepEqual(replica.held, fresh.held, `seed ${seed}`);
}

for (const [name, codec] of Object.entries({ msgpack, json })) {
  for (const width of [1, 2, 4]) {
    test(`old snapshot + deltas = fresh snapshot, in ${name} with ${width} bytes a number`, () => {
      for (let seed = 1; seed <= 100; seed += 1) run(seed, codec, width);
    });
  }
}
