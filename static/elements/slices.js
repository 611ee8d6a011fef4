/** Long work in slices, so that nothing else has to wait for it. Work is a generator that yields wherever it may be parted. */

/** Milliseconds of a slice: with what else belongs to a frame it stays within 16. */
const SLICE = 6;

/** How many seats, or other things as quickly looked at, work goes through between two yields. */
export const STRIDE = 2048;

/** Does it at once. @returns {any} what the work returns */
export function atOnce(work) {
  let step = work.next();
  while (!step.done) step = work.next();
  return step.value;
}

/**
 * Does it slice by slice, beginning by and by.
 * @param {Generator} work
 * @param {{signal?: AbortSignal, now?: () => number, later?: (task: Function) => void}} [options] an aborted work is never heard of again
 * @returns {Promise<any>} what the work returns
 */
export function inSlices(work, { signal, now = () => performance.now(), later = (task) => setTimeout(task) } = {}) {
  return new Promise((resolve, reject) => {
    const slice = () => {
      if (signal?.aborted) return;
      try {
        const until = now() + SLICE;
        let step = work.next();
        while (!step.done && now() < until) step = work.next();
        if (step.done) resolve(step.value);
        else later(slice);
      } catch (error) {
        reject(error);
      }
    };
    later(slice);
  });
}
