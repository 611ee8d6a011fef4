/**
 * `/sign-in#token=…&next=/path`: where the owner of the shop sends who has signed in with them. It also says who is signed in, and signs
 * out. The fragment never reaches a server and leaves the address at once.
 */

import { Session } from "../client/session.js";
import { claimsOf, ownPath, user } from "../client/user.js";
import { sentence } from "../client/wording.js";
import { STALE, brought } from "./sign-in-words.js";

const given = brought(location.hash);
history.replaceState(null, "", location.pathname);

const session = new Session();
const [title, words, change, onward, out] = ["title", "words", "switch", "onward", "out"].map((id) => document.getElementById(id));

function say(heading, text, { other = false } = {}) {
  title.textContent = heading;
  words.textContent = text;
  document.title = `${heading} · Holdfast`;
  change.hidden = !other;
  out.hidden = !user.signedIn;
  onward.hidden = !user.signedIn;
  onward.href = ownPath(given.next);
  onward.textContent = other ? `Stay ${user.name}` : "Go on";
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
function askFirst(name) {
  change.textContent = `Become ${name}`;
  say(`You are ${user.name}`, `This link signs you in as ${name}. What you do then, they see.`, { other: true });
}

change.addEventListener("click", enter);
out.addEventListener("click", async () => {
  user.signOut();
  sayWhoIsIn();
  title.focus();
  await session.open().catch(() => {});
});
user.addEventListener("change", () => given.token === null && sayWhoIsIn());

const claims = given.token && claimsOf(given.token);
if (!given.token) sayWhoIsIn();
else if (claims && user.signedIn && user.id !== claims.sub) askFirst(claims.name || claims.sub);
else enter();
