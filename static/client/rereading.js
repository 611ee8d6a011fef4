/**
 * Reading again what another one was told of: everybody who looks on is told in the same moment, for a second more another process of
 * the server may answer with the one before, and what fails in the rush goes well later.
 */

import { fullJitter } from "./backoff.js";

/** The waits are those of a lost line after so many attempts: all who look on come spread over two seconds. */
const BEGIN = 2;

/**
 * Reads until it is what is wanted, after a wait each time.
 * @param {() => Promise<any>} read @param {(found: any) => boolean} isWanted
 * @param {{signal?: AbortSignal, random?: () => number, later?: Function}} [options] what is aborted is never heard of again
 * @returns {Promise<any>} what was wanted @throws {Refusal} where nothing else is to be expected later
 */
export function reread(read, isWanted, { signal, random, later = setTimeout } = {}) {
  return new Promise((resolve, reject) => {
    const wait = (attempt, atLeast) => later(() => look(attempt), atLeast + fullJitter(attempt, random));
    const look = async (attempt) => {
      if (signal?.aborted) return;
      const { found, refusal } = await read().then((answer) => ({ found: answer }), (error) => ({ refusal: error }));
      if (signal?.aborted) return;
      if (refusal && refusal.retry !== "later") reject(refusal);
      else if (!refusal && isWanted(found)) resolve(found);
      else wait(attempt + 1, (refusal?.retryAfter ?? 0) * 1000);
    };
    wait(BEGIN, 0);
  });
}
