/** The page of somebody who pays a share of another's booking. The link's secret is all they need. */

import { ServerClock } from "../client/clock.js";
import { change } from "../client/http.js";
import { formatMoney } from "../client/money.js";
import { formatTime } from "../client/times.js";
import { clockFace } from "../elements/countdown.js";
import { icon, make } from "../elements/make.js";
import { comeBack, takeFragment } from "./addresses.js";
import { paymentSentence } from "./away-words.js";
import { BookedLines } from "./booked-lines.js";
import { SIGNS } from "./booking-words.js";
import { PayDesk } from "./pay-desk.js";
import { find, idOfPage, isSandbox } from "./shell.js";
import { shareState } from "./share-words.js";

const LOOK_AGAIN = 3000;

const id = idOfPage();
const isFirst = !comeBack() && location.hash.length > 1;
const secret = takeFragment(`holdfast.share:${id}`);
const path = `/api/payments/${encodeURIComponent(id)}`;
const clock = new ServerClock();
const lines = new BookedLines(() => share && draw());
let share = null;
let shown = null;
let timer = null;

const desk = new PayDesk({
  attempt,
  check,
  arrived: () => look(),
  refused,
  until,
  returnUrl: new URL(location.pathname, location.href).href,
  hosted: ({ redirect_url: address }) => (isSandbox ? `${address}#${new URLSearchParams({ share: id, secret })}` : address),
});

find("ribbon").hidden = !isSandbox;
for (const hint of document.querySelectorAll("[data-sandbox]")) hint.hidden = !isSandbox;
addEventListener("pageshow", (event) => event.persisted && desk.wake());
// The whole link, opened over an incomplete one, changes no more than the fragment.
addEventListener("hashchange", () => location.reload());

function until() {
  return share ? formatTime(share.booking.expires_at) : "";
}

/** Opening a share answers with what can be paid, after a decline with a new attempt. */
async function open() {
  const answer = await change("POST", `${path}/open`, { secret }, { clock, key: "" });
  share = answer;
  return shareState(share, until());
}

async function attempt() {
  const { pays } = await open();
  draw();
  return pays ? share.payment : null;
}

async function check() {
  await change("POST", `${path}/check`, { secret }, { key: "" });
}

/** Nobody tells a payer without a session, so the page asks. */
async function look() {
  clearTimeout(timer);
  try {
    if (!desk.busy && share) await lookOnce();
  } catch (refusal) {
    if (refusal.name !== "Refusal") throw refusal;
  } finally {
    timer = setTimeout(look, LOOK_AGAIN);
  }
}

async function lookOnce() {
  const before = share.payment.id;
  const { pays } = await open();
  draw();
  if (pays && share.payment.id !== before) await desk.open();
}

function draw() {
  const words = shareState(share, until());
  const seen = JSON.stringify([words, share.payment.amount, share.booking.owed, share.booking.expires_at, lines.known]);
  if (seen === shown) return;
  const changed = shown !== null && document.title !== `${words.title} · Holdfast`;
  shown = seen;
  document.title = `${words.title} · Holdfast`;
  find("message").hidden = true;
  find("ticket").hidden = false;
  find("ticket").dataset.tone = words.tone;
  find("ticket").replaceChildren(head(words), facts(words), make("ul.items", {}, ...lines.draw(share.booking.items)));
  if (!words.pays) find("desk").hidden = true;
  if (changed) find("ticket").querySelector("h1").focus();
}

function head(words) {
  const sign = make("span.sign", {}, icon(SIGNS[words.sign]));
  const title = make("h1", { tabIndex: -1 }, words.title);
  return make("div.head", { role: "status" }, sign, title, make("p.what", {}, share.booking.title ?? ""), make("p", {}, words.text));
}

function facts({ pays }) {
  const { payment, booking } = share;
  const known = [["Your share", formatMoney(payment.amount)], ["Whole bill", formatMoney(booking.total)], ["Still open", formatMoney(booking.owed)]];
  const rows = known.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
  if (pays) rows.push(make("div", {}, make("dt", {}, "Time left"), make("dd", {}, countDown(new Date(booking.expires_at).getTime()))));
  return make("dl.facts", {}, ...rows);
}

function countDown(deadline) {
  const face = make("span", { role: "timer" });
  const tick = () => {
    face.textContent = clockFace(clock.left(deadline));
    if (face.isConnected) setTimeout(tick, 1000);
  };
  requestAnimationFrame(tick);
  return face;
}

function refused(refusal) {
  if (refusal.name !== "Refusal") throw refusal;
  if (share && refusal.code === "conflict") return;
  const gone = refusal.code === "not_found";
  const text = gone ? "Please open the link once more just as it was sent to you." : paymentSentence(refusal);
  find("desk").hidden = true;
  find("ticket").hidden = true;
  find("message").hidden = false;
  find("message").replaceChildren(make("h1", {}, gone ? "This link is incomplete" : "That did not work"), make("p", {}, text));
}

/** Whoever comes back from paying, or looks again, need not wait until the provider has told the server. */
async function begin() {
  if (!secret) {
    refused({ name: "Refusal", code: "not_found" });
    return;
  }
  if (!isFirst) await check().catch(() => null);
  await desk.open();
  look();
}

begin();
