/** The page on which a buyer pays a booking: the card form, the time left, and the ways out. */

import { get } from "../client/http.js";
import { formatMoney } from "../client/money.js";
import { formatTime } from "../client/times.js";
import "../elements/hold-timer.js";
import { make } from "../elements/make.js";
import { notify } from "../elements/notices.js";
import { checkAttempt, liveAttempt } from "./attempts.js";
import { paymentSentence } from "./away-words.js";
import { BookedLines } from "./booked-lines.js";
import { PayDesk, stripeOfPage } from "./pay-desk.js";
import { find, idOfPage, startPage, tell } from "./shell.js";
import { securedOf } from "./split-shares.js";
import { pageOf } from "./ways.js";

const LOOK_AGAIN = 2000;
const GAINED = 1000;

const id = idOfPage(1);
const home = `/bookings/${encodeURIComponent(id)}`;
const { key, checkout } = stripeOfPage();
const holdfast = startPage();
const lines = new BookedLines(() => booking && describe());
let booking = null;
let payment = null;
let wayOut = home;

const desk = new PayDesk({
  attempt,
  check: async () => payment && checkAttempt(holdfast.session, payment.id),
  arrived: leave,
  refused,
  until: () => (booking ? formatTime(booking.expires_at) : ""),
  returnUrl: new URL(home, location.href).href,
});

holdfast.addEventListener("booking", ({ detail }) => detail.id === id && booking && hear(detail));
holdfast.connection.addEventListener("welcome", () => booking && lookOnce());
find("timer").clock = holdfast.clock;
find("timer").addEventListener("over", over);
find("cancel").addEventListener("click", () => act(cancel));
find("instead").addEventListener("click", () => act(toCheckout));
addEventListener("pageshow", (event) => event.persisted && desk.wake());

/** The booking's page tells how it stands, the form has the places of one that was cancelled; Back does not lead here again. */
function leave() {
  location.replace(wayOut);
}

/** Where others have taken all of it on, there is nothing left for the buyer to pay. */
async function attempt() {
  if (!holdfast.session.csrf) await holdfast.session.open();
  show((await get(`/api${home}`)).booking);
  if (isOver(booking)) return null;
  payment = await liveAttempt(holdfast.session, booking, key ? "element" : undefined);
  find("instead").hidden = !checkout || !payment.client_secret;
  if (payment.client_secret || payment.redirect_url) return payment;
  leave();
  return null;
}

function isOver({ status, owed }) {
  return status !== "pending" || owed.amount === 0;
}

function show(now) {
  const before = booking;
  booking = now;
  if (isOver(now)) {
    leave();
    return;
  }
  find("checkout").hidden = false;
  find("message").hidden = true;
  describe();
  const gained = before ? deadline(now) - deadline(before) : 0;
  if (gained > GAINED) notify(`You have a little more time to pay: until ${formatTime(now.expires_at)}.`);
}

/** Others' shares may have changed what is left to the buyer; the form that still holds keeps what was typed. */
function hear(now) {
  const { owed, payment: before } = booking;
  show(now);
  if (!desk.busy && (now.owed.amount !== owed.amount || now.payment !== before)) desk.open();
}

function deadline({ expires_at: moment }) {
  return new Date(moment).getTime();
}

function describe() {
  find("timer").expiresAt = deadline(booking);
  find("reference").textContent = booking.reference;
  if (booking.change_of) find("cancel").textContent = "Cancel the change";
  find("lines").replaceChildren(...lines.draw(booking.items));
  const secured = securedOf(booking);
  const sums = [["Total", booking.total], ...(secured.amount > 0 ? [["Already paid", secured]] : [])];
  find("sums").replaceChildren(...sums.map(([name, money]) => make("p.sum", {}, make("span", {}, name), make("b", {}, formatMoney(money)))));
}

/** What came at the last moment is still looked at; the booking then says how it ended. */
function over() {
  desk.close();
  find("ways").hidden = true;
  find("over").hidden = false;
  find("over").focus();
  lookAgain();
}

async function lookAgain() {
  await lookOnce();
  setTimeout(lookAgain, LOOK_AGAIN);
}

async function lookOnce() {
  try {
    hear((await get(`/api${home}`)).booking);
  } catch (refusal) {
    if (refusal.name !== "Refusal") throw refusal;
  }
}

async function act(task) {
  if (desk.busy) return;
  const buttons = [...document.querySelectorAll("[data-rests]")];
  for (const button of buttons) button.disabled = true;
  try {
    await task();
  } catch (refusal) {
    tell(refusal, paymentSentence);
    await desk.open();
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

/** The socket may tell of it before the answer comes. */
async function cancel() {
  wayOut = booking.change_of ? pageOf(booking) : "/booking";
  try {
    await holdfast.session.change("PUT", `/api${home}/cancel`, {});
    leave();
  } catch (refusal) {
    wayOut = home;
    throw refusal;
  }
}

async function toCheckout() {
  const { redirect_url: address } = await liveAttempt(holdfast.session, booking, "checkout");
  location.assign(address);
}

/** The booking may have ended meanwhile, and says so itself; what is not ours to see does not. */
function refused(refusal) {
  if (refusal.name !== "Refusal") throw refusal;
  if (refusal.code === "conflict") {
    leave();
    return;
  }
  const gone = refusal.code === "not_found";
  const title = gone ? "There is no such booking" : "That did not work";
  const text = gone ? "Bookings can only be paid in the browser that made them." : paymentSentence(refusal);
  find("checkout").hidden = true;
  find("message").hidden = false;
  find("message").replaceChildren(make("h1", {}, title), make("p", {}, text), make("a.secondary", { href: "/" }, "See what is on"));
}

desk.open();
