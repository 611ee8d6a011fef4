/** The sandbox provider's own page. It stands for a bank's, so it knows nothing of carts: a payment, its outcomes, the way back. */

import { get } from "../client/http.js";
import { formatMoney } from "../client/money.js";
import { Session } from "../client/session.js";
import { sentence } from "../client/wording.js";
import { find, idOfPage } from "./shell.js";

const LATE_SECONDS = 20;
const id = idOfPage();
const session = new Session();
let payment = null;

const ACTS = {
  pay: () => report({ outcome: "succeed" }),
  decline: () => report({ outcome: "decline" }),
  late: () => report({ outcome: "succeed", delay_seconds: LATE_SECONDS }),
  twice: () => report({ outcome: "succeed", twice: true }),
  away: () => Promise.resolve(),
};

function report(outcome) {
  return session.change("POST", `/api/sandbox/payments/${encodeURIComponent(id)}`, outcome);
}

async function act(name) {
  setBusy(true);
  find("problem").textContent = "";
  try {
    await ACTS[name]();
    find("status").textContent = "Taking you back…";
    location.assign(`/bookings/${encodeURIComponent(payment.booking)}`);
  } catch (refusal) {
    setBusy(false);
    find("problem").textContent = sentence(refusal);
  }
}

function setBusy(busy) {
  for (const button of find("choices").querySelectorAll("button")) button.disabled = busy;
}

async function load() {
  try {
    await session.open();
    ({ payment } = await get(`/api/payments/${encodeURIComponent(id)}`));
    find("amount").textContent = formatMoney(payment.amount);
    find("what").textContent = payment.attempt > 1 ? `Attempt ${payment.attempt}` : "";
    find("choices").hidden = false;
  } catch (refusal) {
    find("amount").textContent = "";
    find("problem").textContent = refusal.code === "not_found" ? "There is no such payment." : sentence(refusal);
  }
}

for (const button of find("choices").querySelectorAll("button")) button.addEventListener("click", () => act(button.dataset.do));
addEventListener("pageshow", (event) => event.persisted && setBusy(false));
load();
