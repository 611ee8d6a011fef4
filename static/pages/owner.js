/** What an owner needs at hand: requests, news, the week, opening hours and earnings; all of it live. */

import { get } from "../client/http.js";
import { listResources } from "../client/resources.js";
import { signInAddress, user } from "../client/user.js";
import { sentence } from "../client/wording.js";
import { make } from "../elements/make.js";
import { readAsTold } from "./bookings-words.js";
import { showEarnings } from "./owner-earnings.js";
import { HoursForm } from "./owner-hours.js";
import { Inbox } from "./owner-inbox.js";
import { OwnPlaces } from "./owner-places.js";
import { Requests } from "./owner-requests.js";
import { Week } from "./owner-week.js";
import { pushSwitch } from "./push-switch.js";
import { find, startPage } from "./shell.js";

const MOST_PAGES = 10;
const PAUSE_MS = 300;

const holdfast = startPage();
const bookings = new Map();
const places = new OwnPlaces(listOwned);
let turn = 0;

const titleOf = (id) => places.all.find((place) => place.id === id)?.title ?? "";
const requests = new Requests(find("requests"), { session: holdfast.session, titleOf, changed: take });
const week = new Week({ box: find("calendar"), name: find("week"), before: find("before"), after: find("after") }, { clock: holdfast.clock });
const hours = new HoursForm({ form: find("hours"), choice: find("place"), problem: find("hours-problem") }, holdfast.session);
const inbox = new Inbox({ list: find("inbox"), readAll: find("read-all") }, holdfast.notifications);

holdfast.addEventListener("booking", ({ detail }) => readAnew(detail));
holdfast.connection.addEventListener("welcome", () => load());
user.addEventListener("change", () => load());

async function load() {
  turn += 1;
  const mine = turn;
  sayWhose();
  if (!user.signedIn) return askToSignIn();
  try {
    if (!holdfast.session.csrf) await holdfast.session.open();
    const [booked, earned] = await Promise.all([allBookings(), get("/api/earnings"), places.read()]);
    if (mine !== turn) return undefined;
    bookings.clear();
    for (const booking of booked) bookings.set(booking.id, booking);
    showEarnings(find("earnings"), earned.items);
    hours.show(places.all);
    inbox.load();
    pushSwitch(find("push"), holdfast.session);
    draw();
  } catch (refusal) {
    if (refusal.name !== "Refusal") throw refusal;
    if (mine === turn) failed(refusal);
  }
  return undefined;
}

async function listOwned() {
  return (await listResources({ owner: user.id })).filter(({ owner }) => owner === user.id);
}

async function allBookings() {
  const found = [];
  let next = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await get(`/api/bookings?role=owner&limit=100${next ? `&after=${encodeURIComponent(next)}` : ""}`);
    found.push(...answer.items);
    next = answer.next;
    if (!next) break;
  }
  return found;
}

/** The socket tells that something changed; HTTP says what of it an owner may see, in one way everywhere. */
async function readAnew(told) {
  const read = async () => {
    const { booking } = await get(`/api/bookings/${encodeURIComponent(told.id)}`);
    take(booking);
    return booking;
  };
  const pause = () => new Promise((then) => setTimeout(then, PAUSE_MS));
  try {
    if (!(await places.have(told))) return;
    await readAsTold(told, read, pause);
    showEarnings(find("earnings"), (await get("/api/earnings")).items);
  } catch (refusal) {
    if (refusal.name !== "Refusal") throw refusal;
  }
}

function take(booking) {
  bookings.set(booking.id, booking);
  draw();
}

function draw() {
  find("message").hidden = true;
  find("owner").hidden = false;
  const all = [...bookings.values()];
  requests.show(all);
  week.show(places.all, all);
}

function sayWhose() {
  find("whose").textContent = user.signedIn ? `Those of ${user.name}.` : "";
}

function askToSignIn() {
  find("owner").hidden = true;
  find("message").hidden = false;
  const link = make("a.primary", { href: signInAddress("/owner") }, "Sign in");
  find("message").replaceChildren(make("h2", {}, "Who are you?"), make("p", {}, "Owners see their places here once they are signed in."), link);
}

function failed(refusal) {
  if (!find("owner").hidden) return;
  const words = refusal.code === "forbidden" ? "You are signed in, but not as an owner." : sentence(refusal);
  const again = make("button.secondary", { type: "button", onclick: () => location.reload() }, "Try again");
  find("message").hidden = false;
  find("message").replaceChildren(make("h2", {}, "That did not work"), make("p", {}, words), again);
}

if (!user.signedIn) load();
