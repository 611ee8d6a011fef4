/** Everything that this browser, or whoever is signed in, has booked; live. */

import { get } from "../client/http.js";
import { Titles } from "../client/titles.js";
import { signInAddress, user } from "../client/user.js";
import { sentence } from "../client/wording.js";
import { make } from "../elements/make.js";
import { settleOf } from "../elements/settle.js";
import { bookingEntry } from "./booking-entry.js";
import { sorted } from "./bookings-words.js";
import { pushSwitch } from "./push-switch.js";
import { find, startPage, tell } from "./shell.js";

const PAGE = 50;

const holdfast = startPage();
const titles = new Titles(() => draw());
let bookings = new Map();
let next = null;
let loaded = false;

holdfast.addEventListener("booking", ({ detail }) => changed(detail));
holdfast.connection.addEventListener("welcome", () => load());
user.addEventListener("change", () => {
  bookings = new Map();
  sayWhose();
});
find("more").addEventListener("click", () => older());

function sayWhose() {
  const link = make("a", { href: signInAddress("/my-bookings") }, user.signedIn ? "Somebody else?" : "Sign in");
  const words = user.signedIn ? `Those of ${user.name}. ` : "Those made in this browser. ";
  find("whose").replaceChildren(words, link);
}

async function load() {
  try {
    if (!holdfast.session.csrf) await holdfast.session.open();
    const page = await get(`/api/bookings?role=buyer&limit=${PAGE}`);
    bookings = new Map(page.items.map((booking) => [booking.id, booking]));
    next = page.next;
    loaded = true;
    draw();
    pushSwitch(find("push"), holdfast.session);
  } catch (refusal) {
    failed(refusal);
  }
}

async function older() {
  const button = find("more");
  button.ariaBusy = "true";
  try {
    const page = await get(`/api/bookings?role=buyer&limit=${PAGE}&after=${encodeURIComponent(next)}`);
    for (const booking of page.items) bookings.set(booking.id, booking);
    next = page.next;
    draw();
  } catch (refusal) {
    tell(refusal);
  } finally {
    button.ariaBusy = "false";
  }
}

/** On the socket an owner hears of bookings that are not theirs to list here, and times are numbers: it is read anew. */
async function changed({ id }) {
  if (!bookings.has(id)) return load();
  try {
    bookings.set(id, (await get(`/api/bookings/${encodeURIComponent(id)}`)).booking);
    draw();
  } catch (refusal) {
    if (refusal.name !== "Refusal") throw refusal;
  }
  return undefined;
}

function failed(refusal) {
  if (refusal.name !== "Refusal") throw refusal;
  if (loaded) return;
  find("coming").replaceChildren();
  find("coming").removeAttribute("aria-busy");
  const again = make("button.secondary", { type: "button", onclick: () => location.reload() }, "Try again");
  find("message").hidden = false;
  find("message").replaceChildren(make("h2", {}, "That did not work"), make("p", {}, sentence(refusal)), again);
}

function draw() {
  if (!loaded) return;
  const { coming, over } = sorted([...bookings.values()], holdfast.clock.now());
  const titleOf = (id) => titles.of(id);
  const facts = (booking) => [booking, booking.items.map(({ resource }) => titleOf(resource))];
  find("coming").removeAttribute("aria-busy");
  for (const [name, list] of Object.entries({ coming, over })) settleOf(find(name), list, facts, (booking) => bookingEntry(booking, titleOf));
  find("over-section").hidden = over.length === 0;
  find("more").hidden = !next;
  find("message").hidden = coming.length > 0;
  if (coming.length === 0) find("message").replaceChildren(make("h2", {}, "Nothing is coming"), make("p", {}, "What you book appears here."), make("a.secondary", { href: "/" }, "See what is on"));
}

sayWhose();
