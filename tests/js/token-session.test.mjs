import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { TokenSession } from "../../static/client/token-session.js";

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

test("what the server would not have is forgotten, what it took is not", async () => {
  const session = made();
  await session.open();
  session.welcomed({ session: "s", token: "hs1.abc" });
  await session.open();
  assert.equal(session.hello.token, "hs1.abc", "a line that was lost proves nothing");
  await session.open();
  assert.deepEqual(session.hello, { token: undefined });
  assert.equal(kept.size, 0);
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
