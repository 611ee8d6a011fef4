import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { json } from "../../static/client/codec.js";
import { Connection } from "../../static/client/connection.js";
import { FakeWorld, settled } from "./world.mjs";

let world;
let connection;
let proofs;
let refused;

async function started() {
  connection.start();
  await settled();
  world.socket.welcomes();
  return world.socket;
}

beforeEach(() => {
  world = new FakeWorld();
  proofs = 0;
  refused = [];
  const credentials = async (hello) => {
    proofs += 1;
    refused.push(hello);
    return {};
  };
  connection = new Connection("ws://hall/ws", { credentials, codec: json, world });
});

test("says hello first and is live when welcomed", async () => {
  connection.start();
  await settled();
  assert.equal(connection.state, "connecting");
  world.socket.welcomes();
  assert.equal(world.socket.subprotocol, "holdfast.v1.json");
  assert.equal(world.socket.sent[0].type, "hello");
  assert.equal(connection.state, "live");
});

test("a lost line comes back within the bound of the jitter, and not with a new token", async () => {
  const socket = await started();
  socket.breaks(1006);
  assert.equal(connection.state, "reconnecting");
  await world.pass(249);
  assert.equal(world.sockets.length, 1);
  await world.pass(2);
  assert.equal(world.sockets.length, 2);
  assert.equal(proofs, 1);
});

test("each failure doubles the bound up to twenty seconds", async () => {
  await started();
  world.chance = 0.999;
  for (const bound of [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]) {
    const before = world.sockets.length;
    world.socket.breaks(1006);
    await world.pass(bound * 0.99);
    assert.equal(world.sockets.length, before, `before ${bound}`);
    await world.pass(bound * 0.01);
    assert.equal(world.sockets.length, before + 1, `after ${bound}`);
  }
});

test("who has something to lose looks again every four seconds at most", async () => {
  let holds = true;
  connection = new Connection("ws://hall/ws", { credentials: async () => ({}), hasToLose: () => holds, codec: json, world });
  await started();
  world.chance = 0.999;
  for (let loss = 0; loss < 7; loss += 1) {
    const before = world.sockets.length;
    world.socket.breaks(1006);
    await world.pass(4000);
    assert.equal(world.sockets.length, before + 1);
  }
  holds = false;
  const before = world.sockets.length;
  world.socket.breaks(1006);
  await world.pass(19_000);
  assert.equal(world.sockets.length, before);
});

test("a line that has proven itself by a heartbeat starts the bounds anew", async () => {
  await started();
  for (let loss = 0; loss < 4; loss += 1) {
    world.socket.breaks(1006);
    await world.pass(250 * 2 ** loss);
  }
  world.socket.welcomes();
  world.socket.says({ type: "heartbeat", server_time: 1 });
  world.socket.breaks(1006);
  const before = world.sockets.length;
  await world.pass(250);
  assert.equal(world.sockets.length, before + 1);
});

test("the close codes say what to do next", async () => {
  await started();
  world.socket.breaks(4401);
  await world.pass(500);
  assert.equal(proofs, 2, "a new token first");
  world.socket.welcomes();
  world.socket.breaks(4000);
  await world.pass(500);
  assert.equal(world.sockets.length, 3);
  world.socket.welcomes();
  world.socket.breaks(4500);
  await world.pass(100_000);
  assert.equal(connection.state, "stopped");
  assert.equal(world.sockets.length, 3, "never again");
});

test("a goodbye is obeyed: after its delay and somewhere in its spread", async () => {
  const socket = await started();
  socket.says({ type: "goodbye", reason: "drain", after_ms: 1000, spread_ms: 2000 });
  socket.breaks(4200);
  await world.pass(1999);
  assert.equal(world.sockets.length, 1);
  await world.pass(1);
  assert.equal(world.sockets.length, 2);
});

test("silence for two and a half heartbeats is a lost line, whatever the socket believes", async () => {
  const socket = await started();
  await world.pass(20_000);
  socket.says({ type: "heartbeat", server_time: 1 });
  await world.pass(24_000);
  assert.equal(connection.state, "live");
  await world.pass(1100);
  assert.equal(connection.state, "reconnecting");
  assert.equal(socket.closed, 1000);
});

test("what changes something is asked again with the same op, what only reads is refused", async () => {
  const socket = await started();
  const hold = connection.ask({ type: "hold", op: "01J", resource: "hall" });
  const subscribe = connection.ask({ type: "subscribe", channel: "availability:hall" });
  socket.breaks(1006);
  await assert.rejects(subscribe, { code: "offline" });
  await world.pass(500);
  world.socket.welcomes();
  const again = world.socket.last("hold");
  assert.equal(again.op, "01J");
  world.socket.says({ type: "held", ref: again.ref, hold: { id: "h" } });
  assert.equal((await hold).hold.id, "h");
});

test("an answer that never comes is a refusal, not a hang", async () => {
  await started();
  const hold = connection.ask({ type: "hold", op: "01J" });
  const refused = assert.rejects(hold, { code: "offline", retry: "later" });
  await world.pass(15_000);
  await refused;
});

test("an error is the refusal of what was asked, with what to do next", async () => {
  const socket = await started();
  const hold = connection.ask({ type: "hold", op: "01J" });
  const { ref } = socket.last("hold");
  socket.says({ type: "error", ref, code: "slot_taken", message: "taken", retry: "never", slots: ["A-1"] });
  await assert.rejects(hold, { code: "slot_taken", slots: ["A-1"] });
});

test("offline is shown, the line is kept until silence proves it, and coming back takes a new one at once", async () => {
  const socket = await started();
  world.isOnline = false;
  connection.networkLost();
  assert.equal(connection.state, "offline");
  socket.says({ type: "heartbeat", server_time: 1 });
  assert.equal(connection.state, "live", "it speaks, so it lives");
  connection.networkLost();
  world.isOnline = true;
  connection.networkBack();
  await world.pass(0);
  assert.equal(world.sockets.length, 2);
});

test("a stop ends it at once and a start begins again", async () => {
  const socket = await started();
  connection.stop();
  assert.equal(socket.closed, 1000);
  await world.pass(60_000);
  assert.equal(world.sockets.length, 1);
  connection.start();
  await settled();
  assert.equal(world.sockets.length, 2);
});

test("a delay in the reason of a close is kept", async () => {
  const socket = await started();
  socket.breaks(4201, "too slow; retry_after=5");
  await world.pass(4999);
  assert.equal(world.sockets.length, 1);
  await world.pass(1);
  assert.equal(world.sockets.length, 2);
});

test("a hello that is not taken is said again, with new credentials where the server wants some", async () => {
  connection.start();
  await settled();
  world.socket.onopen();
  const { ref } = world.socket.last("hello");
  world.socket.says({ type: "error", ref, code: "unauthorized", message: "", retry: "refresh" });
  await settled();
  assert.equal(connection.state, "reconnecting");
  await world.pass(500);
  assert.deepEqual([world.sockets.length, proofs], [2, 2]);
  world.socket.onopen();
  world.socket.says({ type: "error", ref: world.socket.last("hello").ref, code: "unavailable", message: "", retry: "later" });
  await settled();
  await world.pass(1000);
  assert.deepEqual([world.sockets.length, proofs], [3, 2]);
});

test("credentials are asked with the hello that was refused, and with none where a line was closed or somebody else is there", async () => {
  const refuses = (retry) => {
    world.socket.says({ type: "error", ref: world.socket.last("hello").ref, code: "", message: "", retry });
    return settled();
  };
  const next = async (token) => {
    await world.pass(2000);
    connection.remember({ token, session: "s" });
    world.socket.onopen();
  };
  (await started()).breaks(4400);
  await next("one");
  await refuses("refresh");
  connection.renew();
  await next("two");
  await refuses("refresh");
  await next("three");
  await refuses("later");
  await world.pass(2000);
  world.socket.welcomes();
  world.socket.breaks(4400);
  await world.pass(2000);
  assert.deepEqual(refused, [null, null, null, { token: "two", session: "s" }, null]);
});

test("somebody else begins anew at once, and nothing is asked again as them", async () => {
  const socket = await started();
  const asked = connection.ask({ type: "hold", op: "one", resource: "hall" });
  connection.renew();
  await assert.rejects(asked, { code: "offline" });
  assert.equal(socket.closed, 1000);
  await world.pass(0);
  assert.deepEqual([world.sockets.length, proofs], [2, 2]);
  world.socket.welcomes();
  assert.deepEqual(world.socket.sent.map(({ type }) => type), ["hello"]);
});

test("newer credentials are told over this line and shown on the next", async () => {
  const socket = await started();
  connection.refresh({ token: "newer", session: "s" });
  assert.equal(socket.last("refresh").token, "newer");
  socket.breaks(1006);
  await world.pass(500);
  world.socket.welcomes();
  const { token, session } = world.socket.last("hello");
  assert.deepEqual([token, session, proofs], ["newer", "s", 1]);
});
