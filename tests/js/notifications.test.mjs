/** A user's notices in one tab: each once, the latest first, read in all tabs when it is read in one. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Notifications } from "../../static/client/notifications.js";
import { Refusal } from "../../static/client/refusal.js";

class Line extends EventTarget {
  says(message) {
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  welcomes() {
    this.dispatchEvent(new CustomEvent("welcome", { detail: {} }));
  }
}

class Somebody extends EventTarget {
  id = "olga";

  becomes(id) {
    this.id = id;
    this.dispatchEvent(new CustomEvent("change"));
  }
}

function storage() {
  const kept = new Map();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
}

const told = (number, more = {}) => ({
  type: "notification", id: `n${number}`, kind: "booking_confirmed", title: `Title ${number}`, message: "Text", data: {}, created_at: 1000 + number, ...more,
});
const listed = (number, readAt = null) => {
  const { type, created_at: at, ...rest } = told(number);
  return { ...rest, created_at: new Date(at).toISOString(), read_at: readAt };
};

let line;
let olga;
let world;
let asked;
let pages;
let refuses;
let shown;

function opens() {
  const http = {
    get: async (path) => {
      asked.push(path);
      return pages.shift() ?? { items: [], next: null, unread: 0 };
    },
    change: async (method, path, body) => {
      asked.push(`${method} ${path} ${body.ids.length}`);
      if (refuses) throw Refusal.offline();
      return { unread: 0 };
    },
  };
  line = new Line();
  const notices = new Notifications(line, { user: olga, world, http });
  notices.addEventListener("notice", ({ detail }) => shown.push(detail.id));
  return notices;
}

const ids = (notices) => notices.items.map(({ id }) => id);

beforeEach(() => {
  olga = new Somebody();
  world = { sessionStorage: storage() };
  asked = [];
  pages = [];
  refuses = false;
  shown = [];
});

test("each is shown once, the latest first, however often it comes", () => {
  const notices = opens();
  for (const number of [1, 2, 1, 3, 2]) line.says(told(number));
  assert.deepEqual(ids(notices), ["n3", "n2", "n1"]);
  assert.deepEqual(shown, ["n1", "n2", "n3"]);
  assert.equal(notices.unread, 3);
  assert.equal(notices.items[0].at, 1003);
});

test("of one moment, the later told is the later", () => {
  const notices = opens();
  for (const number of [1, 2, 3]) line.says(told(number, { created_at: 5 }));
  assert.deepEqual(ids(notices), ["n3", "n2", "n1"]);
});

test("the next page of the tab shows none again, and has all that are unread", () => {
  opens();
  line.says(told(1));
  const next = opens();
  line.says(told(1));
  line.says(told(2));
  assert.deepEqual(shown, ["n1", "n2"]);
  assert.equal(next.unread, 2);
});

test("what is read in another tab is read here, even if it is heard of before it is told", () => {
  const notices = opens();
  line.says(told(1));
  line.says({ type: "notifications_read", ids: ["n1", "n2"] });
  line.says(told(2));
  assert.equal(notices.unread, 0);
  assert.deepEqual(shown, ["n1"]);
});

test("reading is shown at once, and undone where the server does not know of it", async () => {
  const notices = opens();
  line.says(told(1));
  line.says(told(2));
  const reading = notices.read(notices.items[0]);
  assert.equal(notices.unread, 1);
  await reading;
  assert.deepEqual(asked, ["POST /api/notifications/read 1"]);
  await notices.read(notices.items[0]);
  assert.equal(asked.length, 1, "twice is once");
  refuses = true;
  await assert.rejects(notices.readAll(), Refusal);
  assert.equal(notices.unread, 1);
});

test("pages bring what was read long ago, and the one before the oldest", async () => {
  const notices = opens();
  line.says(told(4));
  pages = [
    { items: [listed(4, "2026-11-21T09:00:00.000Z"), listed(3)], next: "two", unread: 1 },
    { items: [listed(2), listed(1, "2026-11-21T09:00:00.000Z")], next: null, unread: 1 },
  ];
  await notices.load();
  assert.ok(notices.hasOlder);
  await notices.older();
  await notices.older();
  assert.deepEqual(ids(notices), ["n4", "n3", "n2", "n1"]);
  assert.deepEqual(notices.items.map(({ read }) => read), [true, false, false, true]);
  assert.deepEqual(asked, ["/api/notifications?limit=50", "/api/notifications?limit=50&after=two"]);
  assert.deepEqual(shown, ["n4"], "what a page brings is not news");
});

test("after a line that was down, what was read elsewhere is asked for", async () => {
  const notices = opens();
  line.welcomes();
  line.says(told(1));
  pages = [{ items: [listed(1, "2026-11-21T09:00:00.000Z")], next: null, unread: 0 }];
  line.welcomes();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(notices.unread, 0);
});

test("somebody else has other notices", () => {
  const notices = opens();
  line.says(told(1));
  olga.becomes("olga");
  assert.equal(notices.unread, 1, "a newer token is no other user");
  olga.becomes("ben");
  assert.deepEqual(notices.items, []);
});

test("what is kept is bounded, and nothing unread is dropped for it", () => {
  const notices = opens();
  for (let number = 0; number < 10; number += 1) line.says(told(number));
  line.says({ type: "notifications_read", ids: Array.from({ length: 10 }, (_, number) => `n${number}`) });
  for (let number = 10; number < 600; number += 1) line.says(told(number));
  assert.equal(notices.items.length, 590);
  assert.equal(notices.unread, 590);
});

test("a browser that keeps nothing shows them all the same", () => {
  world = { get sessionStorage() { throw new Error("blocked"); } };
  opens();
  line.says(told(1));
  line.says(told(1));
  assert.deepEqual(shown, ["n1"]);
  world = { sessionStorage: { getItem: () => "nonsense", setItem: () => { throw new Error("full"); } } };
  opens();
  line.says(told(2));
  assert.deepEqual(shown, ["n1", "n2"]);
});
