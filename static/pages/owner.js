/** What an owner needs at hand: requests, news, the week, opening hours and earnings; all of it live. */

import { get } from "../client/http.js";
import { listResources } from "../client/resources.js";
import { signInAddress, user } from "../client/user.js";
import { sentence } from "../client/wording.js";
import { make } from "../elements/make.js";
import { readAsTold } from "./bookings-words.js";
import { OwnBookings } from "./owner-bookings.js";
import { showEarnings } from "./owner-earnings.js";
import { HoursForm } from "./owner-hours.js";
import { Inbox } from "./owner-inbox.js";
import { OwnPlaces } from "./owner-places.js";
import { Requests } from "./owner-requests.js";
import { Week } from "./owner-week.js";
import { pushSwitch } from "./push-switch.js";
import { find, startPage } from "./shell.js";

const PAUSE_MS = 300;

const holdfast = startPage();
const bookings = new OwnBookings(get);
const places = new OwnPlaces(listOwned);
let turn = 0;
let loaded = false;

const titleOf = (id) => places.all.find((place) => place.id === id)?.title ?? "";
const requests = new Requests(find("requests"), { session: holdfast.session, titleOf, changed: take });
const week = new Week({ box: find("calendar"), name: find("week"), before: find("before"), after: find("after") }, { clock: holdfast.clock, read: readWeek });
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
    const then = bookings.ask();
    const [earned] = await Promise.all([get("/api/earnings"), places.read(), bookings.readRequests()]);
    if (mine !== turn) return undefined;
    await bookings.readWeek(week.begin(places.all));
    if (mine !== turn) return undefined;
    bookings.forgetBefore(then);
    loaded = true;
    showEarnings(find("earnings"), earned.items);
    hours.show(places.all);
    inbox.load();
    pushSwitch(find("push"), holdfast.session);
    find("message").hidden = true;
    find("owner").hidden = false;
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

/** Of a week that is leafed to; the one at hand is read along with everything else. @throws {Refusal} */
async function readWeek(first) {
  if (!bookings.knows(first)) await bookings.readWeek(first);
}

/** The socket tells that something changed; HTTP says what of it an owner may see, in one way everywhere. */
async function readAnew(told) {
  const read = async () => {
    const asked = bookings.ask();
    const { booking } = await get(`/api/bookings/${encodeURIComponent(told.id)}`);
    take(booking, asked);
    return booking;
  };
  const mine = turn;
  const pause = () => new Promise((then) => setTimeout(then, PAUSE_MS));
  try {
    if (!(await places.have(told))) return;
    await readAsTold(told, read, pause);
    showEarnings(find("earnings"), (await get("/api/earnings")).items);
  } catch (refusal) {
    if (refusal.name !== "Refusal") throw refusal;
    if (mine === turn && refusal.code !== "not_found") failed(refusal);
  }
}

function take(booking, asked) {
  bookings.take(booking, asked);
  draw();
}

function draw() {
  if (!loaded) return;
  requests.show(bookings.all);
  week.show(places.all, bookings);
}

function sayWhose() {
  find("whose").textContent = user.signedIn ? `Those of ${user.name}.` : "";
}

function askToSignIn() {
  hide();
  find("message").hidden = false;
  const link = make("a.primary", { href: signInAddress("/owner") }, "Sign in");
  find("message").replaceChildren(make("h2", {}, "Who are you?"), make("p", {}, "Owners see their places here once they are signed in."), link);
}

function hide() {
  loaded = false;
  find("owner").hidden = true;
}

/** What is shown stays to be seen, but may be out of date: what is not there is not known any more. */
function failed(refusal) {
  bookings.doubt();
  if (refusal.code === "forbidden") hide();
  draw();
  const title = loaded ? "This may be out of date" : "That did not work";
  const words = refusal.code === "forbidden" ? "You are signed in, but not as an owner." : sentence(refusal);
  const again = make("button.secondary", { type: "button", onclick: () => location.reload() }, "Try again");
  find("message").hidden = false;
  find("message").replaceChildren(make("h2", {}, title), make("p", {}, words), again);
}

if (!user.signedIn) load();
