/** A countdown in words. Pure: time is an argument, in milliseconds. */

const SOON = 120_000;
const LAST = 30_000;

/** @returns {string} such as `14:05`, or `1:02:00` */
export function clockFace(left) {
  const seconds = Math.round(left / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const tail = String(seconds % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** @returns {"calm" | "soon" | "last" | "over"} how pressing it is */
export function urgency(left) {
  if (left <= 0) return "over";
  if (left <= LAST) return "last";
  return left <= SOON ? "soon" : "calm";
}

/** @returns {string | null} what to say aloud when urgency has grown from one to the other */
export function warning(before, now) {
  if (before === now) return null;
  return { soon: "Two minutes left to check out.", last: "30 seconds left to check out.", over: "The time is up." }[now] ?? null;
}
