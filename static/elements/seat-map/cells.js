/** Points in square cells, so that the nearest is found without looking at all of them. Pure. */
export class Cells {
  #cells = new Map();
  #xs;
  #ys;
  #size;

  constructor(xs, ys, size) {
    this.#xs = xs;
    this.#ys = ys;
    this.#size = size;
    xs.forEach((x, point) => {
      const key = this.#key(this.#cell(x), this.#cell(ys[point]));
      if (this.#cells.has(key)) this.#cells.get(key).push(point);
      else this.#cells.set(key, [point]);
    });
  }

  #cell(coordinate) {
    return Math.floor(coordinate / this.#size);
  }

  #key(column, row) {
    return column * 0x200000 + row;
  }

  *#within(left, top, right, bottom) {
    for (let column = this.#cell(left); column <= this.#cell(right); column += 1) {
      for (let row = this.#cell(top); row <= this.#cell(bottom); row += 1) {
        yield* this.#cells.get(this.#key(column, row)) ?? [];
      }
    }
  }

  /** @returns {number} the point nearest to (x, y) within `reach`, or -1 */
  nearest(x, y, reach, except = -1) {
    let best = -1;
    let bestDistance = reach;
    for (const point of this.#within(x - reach, y - reach, x + reach, y + reach)) {
      const distance = Math.hypot(this.#xs[point] - x, this.#ys[point] - y);
      if (point !== except && distance <= bestDistance) [best, bestDistance] = [point, distance];
    }
    return best;
  }

  /** @returns {number} how far the nearest other point is, looking three cells far; Infinity if none is there */
  nearestDistance(x, y, except) {
    const found = this.nearest(x, y, this.#size * 3, except);
    return found < 0 ? Infinity : Math.hypot(this.#xs[found] - x, this.#ys[found] - y);
  }
}
