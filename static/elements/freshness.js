/** How true what is shown is, in words. Pure. */

import { State } from "../client/protocol.js";

/** @returns {string} such as `12 seconds`, `3 minutes`, `2 hours` */
export function inWords(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  const [count, unit] = seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [Math.round(seconds / 60), "minute"] : [Math.round(seconds / 3600), "hour"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/**
 * @param {{state: string, age: number | null, stale: boolean}} facts `age` in milliseconds since the server last spoke of what is shown
 * @returns {{level: "live" | "waiting" | "stale" | "off", text: string}}
 */
export function freshness({ state, age, stale }) {
  const shown = age === null ? "" : ` · as of ${inWords(age)} ago`;
  if (state === State.LIVE && !stale) return { level: "live", text: "Live" };
  if (state === State.LIVE) return { level: "stale", text: `May be out of date${shown}` };
  if (state === State.CONNECTING) return { level: "waiting", text: "Connecting…" };
  if (state === State.OFFLINE) return { level: "off", text: `You are offline${shown}` };
  if (state === State.RECONNECTING) return { level: "waiting", text: `Reconnecting…${shown}` };
  return { level: "off", text: `Not connected${shown}` };
}
