/** Moves a view smoothly to a new place. */

const LASTS = 220;

/** @returns {boolean} whether whoever looks asked for less motion */
export function wantsStillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** @param {Viewport} view @param {() => void} change puts it where it is to be @param {() => void} paint after each step */
export function glide(view, change, paint) {
  const from = view.place;
  change();
  const to = view.place;
  const begun = performance.now();
  const step = (now) => {
    const share = Math.min(1, Math.max(0, (now - begun) / LASTS));
    const eased = 1 - (1 - share) ** 3;
    const between = (name) => from[name] + (to[name] - from[name]) * eased;
    view.place = { scale: between("scale"), x: between("x"), y: between("y") };
    paint();
    if (share < 1) requestAnimationFrame(step);
  };
  view.place = from;
  requestAnimationFrame(step);
}
