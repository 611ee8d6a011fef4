import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { json } from "../../static/client/codec.js";
import { Connection } from "../../static/client/connection.js";
import { TokenSession } from "../../static/client/token-session.js";
import { FakeWorld, settled } from "./world.mjs";

let kept;
let user;
const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value), removeItem: (name) => kept.delete(name) };
const made = () => new TokenSession({ origin: "https://tickets.example", storage, user });

beforeEach(() => {
  kept = new Map();
  user = { signedIn: false };
});

test("the first hello shows nothing, and what the welcome brings is shown from then on, after a reload too", async () => {
  const session = made();
  await session.open();
  assert.deepEqual(session.hello, { token: undefined });
  session.welcomed({ session: "s", token: "hs1.abc" });
  assert.deepEqual(session.hello, { token: "hs1.abc" });
  assert.deepEqual(session.headers, { Authorization: "Bearer hs1.abc" });
  assert.deepEqual([...kept], [["holdfast.session https://tickets.example", "hs1.abc"]]);
  const reloaded = made();
  await reloaded.open();
  assert.deepEqual(reloaded.hello, { token: "hs1.abc" });
});

test("what the server would not have by itself is forgotten, what a lost line had shown is not", async () => {
  const session = made();
  await session.open();
  session.welcomed({ session: "s", token: "hs1.abc" });
  await session.open();
  await session.open();
  assert.equal(session.hello.token, "hs1.abc", "a line that was lost, or closed for another token, proves nothing");
  await session.open(session.hello);
  assert.deepEqual(session.hello, { token: undefined });
  assert.equal(kept.size, 0);
});

/** The session of a tab that was loaded again, on a line whose server the test is. */
function reloaded() {
  kept.set("holdfast.session https://tickets.example", "hs1.cart");
  const session = made();
  const world = new FakeWorld();
  const credentials = async (refused) => {
    await session.open(refused);
    return session.hello;
  };
  const connection = new Connection("ws://x/ws", { credentials, codec: json, world });
  connection.addEventListener("welcome", ({ detail }) => session.welcomed(detail));
  connection.start();
  return { session, world, connection };
}

/** @returns {[string, string]} the token and the session that the next line shows */
async function nextHello(world) {
  const before = world.sockets.length;
  while (world.sockets.length === before) await world.pass(100);
  return opens(world);
}

function opens(world) {
  world.socket.onopen();
  const { token, session } = world.socket.last("hello");
  return [token, session];
}

const refuses = (world, code) => world.socket.says({ type: "error", ref: world.socket.last("hello").ref, code, message: "", retry: "refresh" });

test("who signs in before the first welcome takes the session along that the tab had", async () => {
  const { connection, world } = reloaded();
  await settled();
  Object.assign(user, { signedIn: true, token: "jwt" });
  connection.renew();
  assert.deepEqual(await nextHello(world), ["jwt", "hs1.cart"]);
});

test("a user's token that is over costs the session nothing: a newer one shows it again", async () => {
  const asked = [];
  user = { signedIn: true, token: "jwt-1", keepSession: () => {}, renew: async (used) => (asked.push(used), false) };
  const { session, world } = reloaded();
  await settled();
  opens(world);
  for (let tries = 0; tries < 3; tries += 1) {
    refuses(world, "token_expired");
    await nextHello(world);
  }
  assert.deepEqual(asked, ["jwt-1", "jwt-1", "jwt-1"]);
  user.token = "jwt-2";
  assert.deepEqual(session.hello, { token: "jwt-2", session: "hs1.cart" });
});

test("where a newer token can be had it is shown with the session", async () => {
  user = { signedIn: true, token: "jwt-1", renew: async () => Boolean((user.token = "jwt-2")) };
  const { world } = reloaded();
  await settled();
  opens(world);
  refuses(world, "token_expired");
  assert.deepEqual(await nextHello(world), ["jwt-2", "hs1.cart"]);
});

test("whether it was the session that the server would not have is seen by the user's token alone", async () => {
  user = { signedIn: true, token: "jwt", keepSession: () => {}, renew: async () => false };
  const { session, world } = reloaded();
  await settled();
  assert.deepEqual(opens(world), ["jwt", "hs1.cart"]);
  refuses(world, "unauthorized");
  assert.deepEqual(await nextHello(world), ["jwt", undefined]);
  refuses(world, "unauthorized");
  assert.deepEqual(await nextHello(world), ["jwt", "hs1.cart"], "it was not");
  refuses(world, "unauthorized");
  await nextHello(world);
  world.socket.says({ type: "welcome", ref: world.socket.last("hello").ref, session: "t", token: "hs1.new", heartbeat_seconds: 10, server_time: 0 });
  assert.deepEqual(session.hello, { token: "jwt", session: "hs1.new" }, "it was");
});

test("a session that is at fault is seen to be, though there is always a newer token of the user", async () => {
  let last = 1;
  user = { signedIn: true, token: "jwt-1", renew: async () => Boolean((user.token = `jwt-${(last += 1)}`)) };
  const { world } = reloaded();
  await settled();
  const shown = [opens(world)];
  for (let tries = 0; tries < 3; tries += 1) {
    refuses(world, "unauthorized");
    shown.push(await nextHello(world));
  }
  assert.deepEqual(shown, [["jwt-1", "hs1.cart"], ["jwt-2", "hs1.cart"], ["jwt-2", undefined], ["jwt-3", "hs1.cart"]]);
});

test("whoever signs in takes the session along", async () => {
  const session = made();
  await session.open();
  session.welcomed({ session: "s", token: "hs1.abc" });
  const told = [];
  user = { signedIn: true, token: "jwt", keepSession: (opened) => told.push(opened) };
  const theirs = made();
  assert.deepEqual(theirs.hello, { token: "jwt", session: "hs1.abc" });
  theirs.welcomed({ session: "s", token: "hs1.def" });
  assert.deepEqual(told, [{ session: "s", token: "hs1.def" }]);
});

test("a change waits for the session and shows its token", async (context) => {
  const asked = [];
  context.mock.method(globalThis, "fetch", async (path, options) => {
    asked.push([path, options.headers.Authorization, options.credentials]);
    return new Response(null, { status: 204 });
  });
  const session = made();
  const answer = session.change("POST", "/api/cart/release", {});
  assert.deepEqual(asked, []);
  session.welcomed({ session: "s", token: "hs1.abc" });
  await answer;
  assert.deepEqual(asked, [["/api/cart/release", "Bearer hs1.abc", "same-origin"]]);
});
