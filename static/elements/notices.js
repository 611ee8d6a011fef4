/** Short notices at the edge of the page: `notify("…")`. They are spoken, they can be dismissed, and they go by themselves. */

import { make } from "./make.js";

const STAY = 7000;
const MOST = 3;

let stack = null;

function theStack() {
  stack ??= document.body.appendChild(make("div.notices", { role: "status" }));
  return stack;
}

/** @param {string} text @param {"info" | "problem" | "good"} kind */
export function notify(text, kind = "info") {
  const notice = make("div.notice", { "data-kind": kind }, make("p", {}, text));
  const close = () => notice.remove();
  notice.append(make("button.quiet", { type: "button", "aria-label": "Dismiss", onclick: close }, "×"));
  const others = [...theStack().children];
  for (const other of others) if (other.firstElementChild.textContent === text) other.remove();
  for (const other of others.slice(0, Math.max(0, others.length - MOST + 1))) other.remove();
  stack.append(notice);
  setTimeout(close, STAY);
}
