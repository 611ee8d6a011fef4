import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { change, get } from "../../static/client/http.js";
import { Session } from "../../static/client/session.js";
import { User, claimsOf, ownPath, signInAddress, user } from "../../static/client/user.js";
import { brought, isFromHere, stepFor } from "../../static/pages/sign-in-words.js";
import { settled } from "./world.mjs";

function token(sub, more = {}) {
  const part = Buffer.from(JSON.stringify({ sub, exp: 2_000_000_000, ...more })).toString("base64url");
  return `e30.${part}.signature${more.turn ?? ""}`;
}

/** A browser's storage that all its tabs share; each tab hears of what the others write. */
class Browser {
  kept = new Map();
  tabs = [];

  tab() {
    const tab = new EventTarget();
    const tell = (key) => this.tabs.filter((one) => one !== tab).forEach((one) => one.dispatchEvent(Object.assign(new Event("storage"), { key })));
    tab.localStorage = {
      getItem: (key) => this.kept.get(key) ?? null,
      setItem: (key, value) => { this.kept.set(key, value); tell(key); },
      removeItem: (key) => { this.kept.delete(key); tell(key); },
    };
    this.tabs.push(tab);
    return new User(tab);
  }
}

const real = globalThis.fetch;
let asked;
let answers;

/** Answers each request with the next of `answers`: `[status, body]`. */
beforeEach(() => {
  asked = [];
  answers = [];
  globalThis.fetch = async (path, { method = "GET", headers = {} }) => {
    asked.push({ path, method, headers });
    const [status, body] = answers.shift() ?? [500, {}];
    return new Response(JSON.stringify(body), { status });
  };
});

afterEach(() => {
  globalThis.fetch = real;
  user.renewer = null;
  user.signOut();
});

const over = [401, { code: "token_expired" }];
const foreign = [401, { code: "unauthorized" }];
const opened = (session, mark = "") => [201, { session, token: `token of ${session}${mark}`, csrf: "c" }];
const shown = () => asked.map(({ headers }) => [headers.Authorization ?? null, headers["Holdfast-Session"] ?? null]);

test("a token says who somebody is, in any letters", () => {
  const ann = new Browser().tab();
  ann.signIn(token("ann", { name: "Änne 🚗", roles: ["owner", "buyer"] }));
  assert.deepEqual([ann.signedIn, ann.id, ann.name, ann.has("owner"), ann.has("operator")], [true, "ann", "Änne 🚗", true, false]);
  assert.equal(ann.expiresAt, 2_000_000_000_000);
  ann.signIn(token("ben", { roles: "owner" }));
  assert.deepEqual([ann.name, ann.roles], ["ben", []]);
  ann.signOut();
  assert.deepEqual([ann.signedIn, ann.id, ann.name, ann.headers], [false, null, "", {}]);
});

test("a token may end between two seconds", () => {
  const ann = new Browser().tab();
  ann.signIn(token("ann", { exp: 2_000_000_000.75 }));
  assert.deepEqual([ann.signedIn, ann.expiresAt], [true, 2_000_000_000_000]);
});

test("what is no token signs nobody in", () => {
  const ann = new Browser().tab();
  for (const text of ["", "x", "a.b.c", "e30.e30.x", null, `e30.${Buffer.from("[]").toString("base64url")}.x`]) {
    assert.equal(claimsOf(text), null);
    assert.throws(() => ann.signIn(text), { name: "Refusal", code: "unauthorized" });
  }
  assert.equal(ann.signedIn, false);
});

test("one way back leads into this site, and no other does", () => {
  const own = (next) => ownPath(next, "https://shop.example");
  assert.equal(own("/my?x=1#y"), "/my?x=1#y");
  for (const next of ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example", "my", "", null, "/.//evil.example"]) {
    assert.equal(own(next), "/", next);
  }
  assert.deepEqual(brought(signInAddress("/my?a=b&c").slice("/sign-in".length)), { token: null, next: "/my?a=b&c" });
  assert.deepEqual(brought("#token=a.b.c&next=/x"), { token: "a.b.c", next: "/x" });
});

test("a link signs in unasked only who began it here, and who is that somebody already", () => {
  const facts = { id: null, fromHere: false, begunAt: 0, now: 1_800_000_000_000 };
  const step = (changed, claims = { sub: "eve" }) => stepFor(claims, { ...facts, ...changed });
  assert.equal(step({}), "ask");
  assert.equal(step({ id: "ann" }), "become");
  assert.equal(step({ id: "ann", fromHere: true }), "become");
  assert.equal(step({ id: "eve" }), "enter");
  assert.equal(step({ fromHere: true }), "enter");
  assert.equal(step({ begunAt: facts.now - 60_000 }), "enter");
  assert.equal(step({ begunAt: facts.now - 3_600_000 }), "ask");
  assert.equal(step({ begunAt: facts.now + 60_000 }), "ask");
  assert.equal(step({}, null), "enter", "what is no token is told so");
  assert.deepEqual(["https://a.example/x", "https://a.example.evil/", "", "about:blank"].map((from) => isFromHere(from, "https://a.example")), [true, false, false, false]);
});

test("all tabs know who is signed in, and that nobody is any more", () => {
  const browser = new Browser();
  const [one, other] = [browser.tab(), browser.tab()];
  let changes = 0;
  other.addEventListener("change", () => { changes += 1; });
  one.signIn(token("ann"));
  one.keepSession({ session: "s", token: "t" });
  assert.deepEqual([other.id, other.session], ["ann", { session: "s", token: "t" }]);
  one.keepSession({ session: "s", token: "t, renewed" });
  assert.equal(other.headers["Holdfast-Session"], "t, renewed");
  assert.equal(changes, 2);
  one.signIn(token("ann", { turn: 2 }));
  assert.equal(other.session.session, "s");
  one.signIn(token("ben"));
  assert.deepEqual([other.id, other.session], ["ben", null]);
  other.signOut();
  assert.equal(one.signedIn, false);
  assert.equal(browser.kept.size, 0);
  assert.equal(browser.tab().signedIn, false);
});

test("where a browser keeps nothing, a page still knows", () => {
  const blocked = { get localStorage() { throw new Error("blocked"); } };
  const ann = new User(blocked);
  ann.signIn(token("ann"));
  assert.equal(ann.id, "ann");
  const full = { localStorage: { getItem: () => "{", setItem: () => { throw new Error("full"); }, removeItem() {} } };
  const ben = new User(full);
  ben.signIn(token("ben"));
  assert.equal(ben.id, "ben");
});

test("requests show who is signed in; a new token is asked for once by all who need it", async () => {
  user.signIn(token("ann"));
  user.keepSession({ session: "s", token: "t" });
  let renewals = 0;
  user.renewer = async () => {
    renewals += 1;
    await settled();
    return token("ann", { turn: 2 });
  };
  answers = [over, over, [200, { n: 1 }], [200, { n: 2 }]];
  const found = await Promise.all([get("/a"), change("POST", "/b", {}, { key: "k" })]);
  assert.deepEqual(found, [{ n: 1 }, { n: 2 }]);
  assert.equal(renewals, 1);
  assert.deepEqual(new Set(shown().slice(0, 2).flat()), new Set([`Bearer ${token("ann")}`, "t"]));
  assert.deepEqual(new Set(shown().slice(2).flat()), new Set([`Bearer ${token("ann", { turn: 2 })}`, "t"]));
  assert.deepEqual(asked.filter(({ path }) => path === "/b").map(({ headers }) => headers["Idempotency-Key"]), ["k", "k"]);
});

test("without a newer token what everybody may read is read as nobody, and nothing is changed as somebody else", async () => {
  user.signIn(token("ann"));
  answers = [over, [200, { n: 1 }]];
  assert.deepEqual(await get("/a"), { n: 1 });
  assert.deepEqual(shown(), [[`Bearer ${token("ann")}`, null], [null, null]]);
  assert.equal(user.signedIn, false);
  user.signIn(token("ann"));
  user.renewer = async () => token("ben");
  answers = [over];
  await assert.rejects(change("POST", "/b"), { code: "token_expired" });
  assert.equal(asked.length, 3);
});

test("who signs in takes the browser's session along", async () => {
  const session = new Session();
  answers = [opened("s")];
  await session.open();
  assert.deepEqual(session.hello, {});
  user.signIn(token("ann"));
  assert.equal(session.csrf, null);
  answers = [opened("s"), opened("s", ", ann's")];
  await session.open();
  assert.deepEqual(shown(), [[null, null], [null, null], [`Bearer ${token("ann")}`, "token of s"]]);
  assert.deepEqual(session.hello, { token: token("ann"), session: "token of s, ann's" });
  answers = [opened("s", ", renewed")];
  await session.open();
  assert.equal(session.hello.session, "token of s, renewed");
});

test("a session that is somebody else's is left alone, a token that does not hold is forgotten", async () => {
  user.signIn(token("ann"));
  user.keepSession({ session: "other", token: "t" });
  const session = new Session();
  answers = [foreign, opened("new"), opened("new", ", ann's")];
  await session.open();
  assert.deepEqual([session.id, user.id], ["new", "ann"]);
  answers = [over, opened("nobody's")];
  await session.open();
  assert.deepEqual([session.id, user.signedIn, session.hello], ["nobody's", false, {}]);
});

test("whoever signs in while the session opens is whose session it is", async () => {
  const session = new Session();
  answers = [opened("s"), opened("s"), opened("s", ", ann's")];
  const opening = session.open();
  user.signIn(token("ann"));
  await opening;
  assert.equal(session.hello.session, "token of s, ann's");
});
