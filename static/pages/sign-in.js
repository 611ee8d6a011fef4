/**
 * `/sign-in#token=…&next=/path`: where the owner of the shop sends who has signed in with them. It also says who is signed in, and signs
 * out. The fragment never reaches a server and leaves the address at once.
 */

import { Session } from "../client/session.js";
import { claimsOf, ownPath, user } from "../client/user.js";
import { sentence } from "../client/wording.js";
import { STALE, brought, isFromHere, stepFor } from "./sign-in-words.js";

const BEGUN = "holdfast.signing-in";

const given = brought(location.hash);
history.replaceState(null, "", location.pathname);

const session = new Session();
const [title, words, change, onward, out] = ["title", "words", "switch", "onward", "out"].map((id) => document.getElementById(id));

function say(heading, text, { asked = "", otherwise = "Go on" } = {}) {
  title.textContent = heading;
  words.textContent = text;
  document.title = `${heading} · Holdfast`;
  change.hidden = !asked;
  change.textContent = asked;
  out.hidden = !user.signedIn;
  onward.hidden = !user.signedIn && !asked;
  onward.href = ownPath(given.next);
  onward.className = asked ? "secondary" : "primary";
  onward.textContent = otherwise;
}

function sayWhoIsIn() {
  if (user.signedIn) say(`You are ${user.name}`, "You are signed in in this browser.");
  else say("You are not signed in", "Sign in where you have your account; it brings you back here.");
}

async function enter() {
  try {
    user.signIn(given.token);
    await session.open();
  } catch (refusal) {
    if (refusal.name !== "Refusal") throw refusal;
    say("That did not work", refusal.code === "unauthorized" ? STALE : sentence(refusal));
    return;
  }
  if (!user.signedIn) say("That did not work", STALE);
  else if (given.next) location.replace(ownPath(given.next));
  else sayWhoIsIn();
}

/** A link may be anybody's: nobody who is signed in becomes somebody else without being asked. */
function askWhoIsIn(name) {
  say(`You are ${user.name}`, `This link signs you in as ${name}. What you do then, they see.`, { asked: `Become ${name}`, otherwise: `Stay ${user.name}` });
}

function askNobody(name) {
  say(`Sign in as ${name}?`, "What is in your cart and what you book is then theirs. If that is not you, go on without.", { asked: `Sign in as ${name}`, otherwise: "Go on without" });
}

/** When somebody followed a link of this site to here in this tab, to come back from their account; 0 for never. It counts once. */
function begunAt() {
  try {
    const kept = Number(sessionStorage.getItem(BEGUN));
    if (given.token) sessionStorage.removeItem(BEGUN);
    else if (fromHere) sessionStorage.setItem(BEGUN, Date.now());
    return kept;
  } catch {
    return 0; // A browser that keeps nothing: it asks.
  }
}

change.addEventListener("click", enter);
out.addEventListener("click", async () => {
  user.signOut();
  sayWhoIsIn();
  title.focus();
  await session.open().catch(() => {});
});
user.addEventListener("change", () => given.token === null && sayWhoIsIn());

const fromHere = isFromHere(document.referrer, location.origin);
const claims = given.token && claimsOf(given.token);
const facts = { id: user.id, fromHere, begunAt: begunAt(), now: Date.now() };
const step = given.token ? stepFor(claims, facts) : "say";
if (step === "say") sayWhoIsIn();
else if (step === "enter") enter();
else if (step === "ask") askNobody(claims.name || claims.sub);
else askWhoIsIn(claims.name || claims.sub);
