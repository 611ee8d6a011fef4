/** One booking, live: waiting, confirmed, declined, cancelled, refunded. */

import { get } from "../client/http.js";
import { formatMoney } from "../client/money.js";
import { resource } from "../client/resources.js";
import { sentence } from "../client/wording.js";
import { clockFace } from "../elements/countdown.js";
import { icon, make } from "../elements/make.js";
import { wordsOf } from "./booking-words.js";
import { slotTitle } from "./cart-lines.js";
import { find, idOfPage, startPage, tell } from "./shell.js";

const SIGNS = { tick: "M5 13l4.5 4.5L19 7", clock: "M12 6.5V12l3.5 3.5", cross: "M7 7l10 10M17 7L7 17" };
const LOOK_AGAIN = 5000;

const id = idOfPage();
const holdfast = startPage();
const resources = new Map();
let booking = null;
let timer = null;

holdfast.addEventListener("booking", ({ detail }) => detail.id === id && show(detail));
holdfast.connection.addEventListener("welcome", () => load());

async function load() {
  try {
    if (!holdfast.session.csrf) await holdfast.session.open();
    const answer = await get(`/api/bookings/${encodeURIComponent(id)}`);
    show(answer.booking);
  } catch (refusal) {
    missing(refusal);
  }
}

function missing(refusal) {
  if (booking) return;
  const gone = refusal.code === "not_found";
  const title = gone ? "There is no such booking" : "That did not work";
  const text = gone ? "Bookings can only be seen in the browser that made them." : sentence(refusal);
  find("message").hidden = false;
  find("message").replaceChildren(make("h1", {}, title), make("p", {}, text), make("a.secondary", { href: "/" }, "See what is on"));
}

function show(now) {
  const before = booking;
  booking = now;
  find("message").hidden = true;
  find("ticket").hidden = false;
  if (JSON.stringify(look(before)) !== JSON.stringify(look(now))) draw();
  for (const { resource: name } of now.items) fetchResource(name);
  if (before && before.status !== now.status) find("ticket").querySelector("h1").focus();
  clearTimeout(timer);
  if (now.status === "pending") timer = setTimeout(load, LOOK_AGAIN);
}

/** What of a booking is seen; over HTTP and on the socket it has its times in different ways. */
function look(one) {
  return one && { ...wordsOf(one), payment: one.payment, total: one.total, deadline: new Date(one.expires_at).getTime() };
}

async function fetchResource(name) {
  if (resources.has(name)) return;
  resources.set(name, null);
  try {
    resources.set(name, await resource(name));
    draw();
  } catch {
    resources.delete(name);
  }
}

function draw() {
  const words = wordsOf(booking);
  document.title = `${words.title} · Holdfast`;
  find("ticket").dataset.tone = words.tone;
  const sign = make("span.sign", {}, icon(SIGNS[words.sign]));
  const head = make("div.head", { role: "status" }, sign, make("h1", { tabIndex: -1 }, words.title), make("p", {}, words.text));
  find("ticket").replaceChildren(head, facts(), make("ul.items", {}, ...booking.items.map(item)), actions(words));
}

function facts() {
  const places = booking.items.reduce((sum, { quantity }) => sum + quantity, 0);
  const known = [["Reference", booking.reference], ["Places", String(places)], ["Total", formatMoney(booking.total)]];
  const left = make("span", { role: "timer" });
  const lists = known.map(([name, value]) => make("dl", {}, make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  if (booking.status === "pending") {
    lists.push(make("dl", {}, make("div", {}, make("dt", {}, "Time left"), make("dd", {}, left))));
    countDown(left);
  }
  return make("div.facts", {}, ...lists);
}

function countDown(element) {
  const deadline = new Date(booking.expires_at).getTime();
  const tick = () => {
    element.textContent = clockFace(holdfast.clock.left(deadline));
    if (element.isConnected) setTimeout(tick, 1000);
  };
  requestAnimationFrame(tick);
}

function item({ resource: name, slot, label, quantity, price }) {
  const known = resources.get(name);
  const place = known ? slotTitle(known.slots.find((one) => one.id === slot), known) : label;
  const title = quantity > 1 ? `${quantity} × ${place}` : place;
  return make("li", {}, make("div", {}, make("b", {}, title), make("span", {}, known?.title ?? "")), formatMoney({ ...price, amount: price.amount * quantity }));
}

function actions({ pays }) {
  if (!pays) return make("div.actions", {}, make("a.secondary", { href: "/" }, "See what else is on"));
  const pay = make("button.primary", { type: "button", onclick: (event) => once(event.currentTarget, goToPayment) }, booking.payment_status === "failed" ? "Try again" : "Go to payment");
  const back = make("button.secondary", { type: "button", onclick: (event) => once(event.currentTarget, cancel) }, "Cancel, and keep my places");
  return make("div.actions", {}, pay, back);
}

async function once(button, task) {
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  try {
    await task();
  } catch (refusal) {
    tell(refusal);
    await load();
  } finally {
    button.ariaBusy = "false";
  }
}

async function goToPayment() {
  const { payment } = await livePayment();
  if (payment.redirect_url) location.assign(payment.redirect_url);
}

/** The attempt that can still be paid; after a decline a new one. */
async function livePayment() {
  const now = booking.payment && booking.payment_status === "pending" ? await get(`/api/payments/${encodeURIComponent(booking.payment)}`) : null;
  return now?.payment.redirect_url ? now : holdfast.session.change("POST", `/api/bookings/${encodeURIComponent(id)}/payments`, {});
}

async function cancel() {
  await holdfast.session.change("PUT", `/api/bookings/${encodeURIComponent(id)}/cancel`, {});
  location.assign("/booking");
}

load();
