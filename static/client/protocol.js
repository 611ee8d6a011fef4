/** The names, codes and rules of Holdfast's wire protocol, version 1. Everything else takes them from here. */

export const SUBPROTOCOLS = Object.freeze({ msgpack: "holdfast.v1.msgpack", json: "holdfast.v1.json" });

/** What a connection is doing. */
export const State = Object.freeze({
  CONNECTING: "connecting",
  LIVE: "live",
  RECONNECTING: "reconnecting",
  OFFLINE: "offline",
  STOPPED: "stopped",
});

/** What to do after a close: `now` with jitter, after the `delay` given, after a new `token`, `never`, or `backoff`. */
export const After = Object.freeze({
  NOW: "now",
  DELAY: "delay",
  TOKEN: "token",
  NEVER: "never",
  BACKOFF: "backoff",
});

/** Wrong kind of frame, against the policy, too big: what was sent would be refused again. */
const FINAL = new Set([1003, 1008, 1009]);
const RANGES = [
  [4000, 4199, After.NOW],
  [4200, 4399, After.DELAY],
  [4400, 4499, After.TOKEN],
  [4500, 4999, After.NEVER],
];

/** @param {number} code a WebSocket close code @returns {string} one of `After` */
export function afterClose(code) {
  if (FINAL.has(code)) return After.NEVER;
  const range = RANGES.find(([first, last]) => code >= first && code <= last);
  return range ? range[2] : After.BACKOFF;
}

/** @param {string} reason of a close, such as `too slow; retry_after=5` @returns {number | null} milliseconds to wait */
export function delayGiven(reason) {
  const given = /retry_after=([\d.]+)/.exec(reason ?? "");
  return given ? Number(given[1]) * 1000 : null;
}

/** Durations in milliseconds, but for HEARTBEAT_PERIODS. */
export const HEARTBEAT_PERIODS = 2.5;
export const BACKOFF_BASE = 500;
export const BACKOFF_CAP = 20_000;
/** Longest reconnect delay while the cart has holds: well below DISCONNECT_GRACE_SECONDS. */
export const HOLDER_CAP = 4_000;
export const CONNECT_TIMEOUT = 10_000;
export const REQUEST_TIMEOUT = 15_000;

/** A quiet channel repeats its position each ten seconds or so; one that is silent for so long has been forgotten. */
export const QUIET_LIMIT = 25_000;

export const HELD = "held";
export const PAYING = "paying";

/** The channel that carries one resource's slots. */
export function availabilityChannel(resourceId) {
  return `availability:${resourceId}`;
}

/** Messages that answer a request; all others are told to everybody who listens. */
export const ANSWERS = new Set(["welcome", "ok", "error", "held"]);
