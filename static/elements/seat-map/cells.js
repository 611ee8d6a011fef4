/** Points in square cells, so that the nearest is found without looking at all of them. Pure. */

const NONE = -1;

export class Cells {
  #first = new Map();
  #next;
  #xs;
  #ys;
  #size;

  constructor(xs, ys, size) {
    this.#xs = xs;
    this.#ys = ys;
    this.#size = size;
    this.#next = new Int32Array(xs.length);
    for (let point = 0; point < xs.length; point += 1) {
      const key = this.#key(this.#cell(xs[point]), this.#cell(ys[point]));
      this.#next[point] = this.#first.get(key) ?? NONE;
      this.#first.set(key, point);
    }
  }

  #cell(coordinate) {
    return Math.floor(coordinate / this.#size);
  }

  #key(column, row) {
    return column * 0x200000 + row;
  }

  /** Visits every point within `reach` of (x, y), with its distance. */
  near(x, y, reach, visit) {
    const [right, bottom] = [this.#cell(x + reach), this.#cell(y + reach)];
    for (let column = this.#cell(x - reach); column <= right; column += 1) {
      for (let row = this.#cell(y - reach); row <= bottom; row += 1) this.#visitCell(this.#key(column, row), x, y, reach, visit);
    }
  }

  #visitCell(key, x, y, reach, visit) {
    for (let point = this.#first.get(key) ?? NONE; point !== NONE; point = this.#next[point]) {
      const distance = Math.hypot(this.#xs[point] - x, this.#ys[point] - y);
      if (distance <= reach) visit(point, distance);
    }
  }

  /** @returns {number} the point nearest to (x, y) within `reach`, or -1 */
  nearest(x, y, reach) {
    let best = NONE;
    let least = Infinity;
    this.near(x, y, reach, (point, distance) => {
      if (distance < least) [best, least] = [point, distance];
    });
    return best;
  }

  /** @returns {number} how far the nearest other point is, looking `reach` far; Infinity if none is there */
  nearestDistance(point, reach) {
    let least = Infinity;
    this.near(this.#xs[point], this.#ys[point], reach, (other, distance) => {
      if (other !== point && distance < least) least = distance;
    });
    return least;
  }
}
