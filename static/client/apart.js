/**
 * Reads large answers without keeping the page waiting: a worker parses them, and what it found comes over in pieces, each a task
 * of its own. Where there can't be a worker, as on pages of other origins, they are parsed here.
 */

import { IS_FOREIGN } from "./origin.js";

/** Bytes from which on it is worth it: less is parsed within a frame or two. */
const LARGE = 500_000;

function startWorker() {
  if (IS_FOREIGN || typeof Worker === "undefined") return null;
  try {
    return new Worker(new URL("./parse-worker.js", import.meta.url), { type: "module" });
  } catch {
    return null;
  }
}

/** @param {Uint8Array[]} chunks @returns {any} the document that they are together */
export function here(chunks) {
  const decoder = new TextDecoder();
  const text = chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("");
  return JSON.parse(text + decoder.decode());
}

/**
 * @param {Response} response with JSON @param {{large?: number, start?: () => Worker | null}} [options]
 * @returns {Promise<any>} what it says
 */
export async function readApart(response, { large = LARGE, start = startWorker } = {}) {
  const chunks = [];
  const reader = response.body.getReader();
  let size = 0;
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    chunks.push(value);
    size += value.byteLength;
  }
  const worker = size >= large ? start() : null;
  if (!worker) return here(chunks);
  try {
    return await ask(worker, chunks);
  } finally {
    worker.terminate();
  }
}

/** A worker that can't be had after all, for its script does not come, is done without. */
function ask(worker, chunks) {
  return new Promise((resolve, reject) => {
    const pieces = new Pieces();
    worker.onerror = () => {
      try {
        resolve(here(chunks));
      } catch (error) {
        reject(error);
      }
    };
    // By and by: reading, handing over and whatever begins with the document are tasks of their own.
    worker.onmessage = ({ data }) => pieces.add(data) && setTimeout(() => resolve(pieces.whole));
    setTimeout(() => {
      for (const chunk of chunks) worker.postMessage(chunk);
      worker.postMessage(null);
    });
  });
}

/** Puts together again what `piecesOf` took apart. */
export class Pieces {
  whole = null;

  /** @returns {boolean} whether this was the last piece */
  add({ whole, name, items, last }) {
    if (whole !== undefined) this.whole = whole;
    if (name !== undefined) for (const item of items) this.whole[name].push(item);
    return last === true;
  }
}

/** Items of a piece: some milliseconds of copying. */
const PIECE = 1000;

/** Takes a document apart: first it with its long lists empty, then those lists in pieces. */
export function* piecesOf(document) {
  const isLong = (value) => Array.isArray(value) && value.length > PIECE;
  const long = document === null || Array.isArray(document) ? [] : Object.entries(document).filter(([, value]) => isLong(value));
  yield { whole: long.length === 0 ? document : { ...document, ...Object.fromEntries(long.map(([name]) => [name, []])) } };
  for (const [name, items] of long) {
    for (let at = 0; at < items.length; at += PIECE) yield { name, items: items.slice(at, at + PIECE) };
  }
  yield { last: true };
}
