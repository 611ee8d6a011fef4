/** One booking, live: waiting, shared, confirmed, declined, cancelled, refunded. */

import { get } from "../client/http.js";
import { formatMoney } from "../client/money.js";
import { formatMoment } from "../client/times.js";
import { sentence } from "../client/wording.js";
import { clockFace } from "../elements/countdown.js";
import { icon, make } from "../elements/make.js";
import { settle } from "../elements/settle.js";
import { comeBack } from "./addresses.js";
import { checkAttempt, liveAttempt } from "./attempts.js";
import { paymentSentence } from "./away-words.js";
import { BookedLines } from "./booked-lines.js";
import { BookingMore } from "./booking-more.js";
import { SIGNS, wordsOf } from "./booking-words.js";
import { rateOf } from "./quote-words.js";
import { find, idOfPage, isSandbox, startPage, tell } from "./shell.js";
import { SplitPanel } from "./split.js";
import { pageOf } from "./ways.js";

const LOOK_AGAIN = 5000;
const LOOK_SOON = 1000;

const returned = comeBack();
const id = idOfPage();
const path = `/api/bookings/${encodeURIComponent(id)}`;
const holdfast = startPage();
const lines = new BookedLines(() => booking && draw());
const split = new SplitPanel(find("split"), holdfast.session);
const more = new BookingMore(find("more"), holdfast.session, path);
let booking = null;
let acts = null;
let timer = null;

holdfast.addEventListener("booking", ({ detail }) => detail.id === id && show(detail));
holdfast.connection.addEventListener("welcome", () => load());

async function load() {
  try {
    if (!holdfast.session.csrf) await holdfast.session.open();
    show((await get(path)).booking);
  } catch (refusal) {
    missing(refusal);
  }
}

/** Whoever comes from paying need not wait until the provider has told the server. */
async function check() {
  await load();
  if (booking?.status !== "pending" || !booking.payment) return;
  try {
    await checkAttempt(holdfast.session, booking.payment);
    await load();
  } catch (refusal) {
    if (refusal.name !== "Refusal") throw refusal;
  }
}

function missing(refusal) {
  if (refusal.name !== "Refusal") throw refusal;
  if (booking) return;
  const gone = refusal.code === "not_found";
  const title = gone ? "There is no such booking" : "That did not work";
  const text = gone ? "Bookings can only be seen in the browser that made them." : sentence(refusal);
  find("message").hidden = false;
  find("message").replaceChildren(make("h1", {}, title), make("p", {}, text), make("a.secondary", { href: "/" }, "See what is on"));
}

/** Of a change that is made the booking itself tells; of one that is on its way only this page does, as nobody is told of it. */
function show(now) {
  if (now.change_of && now.cancel_reason === "changed") {
    location.replace(pageOf(now));
    return;
  }
  const before = booking;
  booking = now;
  find("message").hidden = true;
  find("ticket").hidden = false;
  if (JSON.stringify(look(before)) !== JSON.stringify(look(now))) draw();
  if (before && before.status !== now.status) find("ticket").querySelector("h1").focus();
  if (!now.change_of) more.show(now);
  showShares();
  clearTimeout(timer);
  const isBeingMade = now.change_of && now.status === "confirmed";
  if (now.status === "pending" || isBeingMade) timer = setTimeout(returned ? check : load, isBeingMade ? LOOK_SOON : LOOK_AGAIN);
}

async function showShares() {
  const before = [share(), split.isServed].join();
  try {
    await split.show(booking);
  } catch (refusal) {
    if (refusal.name !== "Refusal") throw refusal;
  }
  if ([share(), split.isServed].join() !== before) draw();
}

/** What the buyer's own button stands for: null for the whole, else what nobody else has taken on, in minor units. */
function share() {
  return split.isSplit ? split.open : null;
}

/** What of a booking is seen; over HTTP and on the socket it has its times in different ways. */
function look(one) {
  return one && { ...wordsOf(one), payment: one.payment, total: one.total, owed: one.owed, refunded: one.refunded, deadline: new Date(one.expires_at).getTime() };
}

function draw() {
  const words = wordsOf(booking);
  document.title = `${words.title} · Holdfast`;
  find("ticket").dataset.tone = words.tone;
  const sign = make("span.sign", {}, icon(SIGNS[words.sign]));
  const head = make("div.head", { role: "status" }, sign, make("h1", { tabIndex: -1 }, words.title), make("p", {}, words.text), away(words));
  settle(find("ticket"), [head, facts(), make("ul.items", {}, ...lines.draw(booking.items)), actionsOf(words)]);
}

function away({ pays }) {
  return pays && !split.isServed && make("p", {}, "The payment service isn't answering just now; your places are kept meanwhile.");
}

function facts() {
  const { reference, items, total, owed, refunded, quote, status } = booking;
  const places = items.reduce((sum, { quantity }) => sum + quantity, 0);
  const isTime = items.every(({ range }) => range);
  const known = [["Reference", reference], ...(isTime ? [] : [["Places", String(places)]]), ["Total", formatMoney(total)], ...receipt()];
  if (status === "pending" && owed.amount < total.amount) known.push(["Still to be paid", formatMoney(owed)]);
  if (quote?.rate) known.push(["Rate", rateOf(quote.base, quote.rate, total.currency)]);
  if (refunded.amount > 0) known.push(["Given back", formatMoney(refunded)]);
  if (status === "pending") known.push([isAwaited() ? "Time to answer" : "Time left", countDown(new Date(booking.expires_at).getTime())]);
  return make("dl.facts", {}, ...known.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function isAwaited() {
  return booking.status === "pending" && booking.approval?.state === "awaited";
}

/** What a receipt has besides: who has booked, and when it was confirmed. */
function receipt() {
  const { status, customer, confirmed_at: confirmed } = booking;
  if (status !== "confirmed" && status !== "completed") return [];
  return [["Booked for", customer.name], ["Confirmed", formatMoment(confirmed)]];
}

function countDown(deadline) {
  const face = make("span", { role: "timer" });
  const tick = () => {
    face.textContent = clockFace(holdfast.clock.left(deadline));
    if (face.isConnected) setTimeout(tick, 1000);
  };
  requestAnimationFrame(tick);
  return face;
}

/** What can be done stays under the finger that presses it while the rest is drawn anew. */
function actionsOf(words) {
  const now = JSON.stringify([isAwaited(), words.pays, share() === 0, payWords(), receipt().length]);
  if (acts?.dataset.drawn === now) return acts;
  acts = actions(words);
  acts.dataset.drawn = now;
  return acts;
}

function actions({ pays }) {
  if (isAwaited()) return make("div.actions", {}, make("button.secondary", { type: "button", onclick: (event) => once(event.currentTarget, withdraw) }, "Cancel the request"));
  if (!pays && booking.change_of) return make("div.actions", {}, make("a.secondary", { href: pageOf(booking) }, "See your booking"));
  if (!pays) return make("div.actions", {}, make("a.secondary", { href: "/" }, "See what else is on"), printing());
  const pay = make("button.primary", { type: "button", onclick: (event) => once(event.currentTarget, goToPayment) }, payWords());
  const back = make("button.secondary", { type: "button", onclick: (event) => once(event.currentTarget, cancel) }, booking.change_of ? "Cancel the change" : "Cancel, and keep my places");
  return make("div.actions", {}, share() === 0 ? null : pay, back);
}

function printing() {
  return receipt().length > 0 && make("button.secondary", { type: "button", onclick: () => print() }, "Print the receipt");
}

/** Nobody has accepted it yet, so it costs nothing. */
async function withdraw() {
  await holdfast.session.change("PUT", `${path}/cancel`, {});
  await load();
}

function payWords() {
  if (share() !== null) return `Pay my share · ${formatMoney({ ...booking.total, amount: share() })}`;
  return booking.payment_status === "failed" ? "Try again" : "Go to payment";
}

async function once(button, task) {
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  try {
    await task();
  } catch (refusal) {
    tell(refusal, paymentSentence);
    await load();
  } finally {
    button.ariaBusy = "false";
  }
}

/** Cards are taken on a page of ours; the sandbox has one of its own. */
async function goToPayment() {
  const address = isSandbox ? (await liveAttempt(holdfast.session, booking)).redirect_url : `/bookings/${encodeURIComponent(id)}/pay`;
  if (address) location.assign(address);
}

async function cancel() {
  await holdfast.session.change("PUT", `${path}/cancel`, {});
  location.assign(booking.change_of ? pageOf(booking) : "/booking");
}

check();
