/** Points in square cells, so that the nearest is found without looking at all of them. Pure. */

const NONE = -1;
/** There are at most so many cells for each point, however far the points are from each other. */
const CELLS_A_POINT = 4;

export class Cells {
  #first;
  #next;
  #xs;
  #ys;
  #size;
  #left = Infinity;
  #top = Infinity;
  #columns = 0;
  #rows = 0;

  constructor(xs, ys, size) {
    this.#xs = xs;
    this.#ys = ys;
    this.#next = new Int32Array(xs.length);
    this.#frame(size);
    this.#first = new Int32Array(this.#columns * this.#rows).fill(NONE);
    for (let point = 0; point < xs.length; point += 1) {
      const cell = this.#column(xs[point]) + this.#row(ys[point]) * this.#columns;
      this.#next[point] = this.#first[cell];
      this.#first[cell] = point;
    }
  }

  #frame(size) {
    let right = -Infinity;
    let bottom = -Infinity;
    for (let point = 0; point < this.#xs.length; point += 1) {
      this.#left = Math.min(this.#left, this.#xs[point]);
      right = Math.max(right, this.#xs[point]);
      this.#top = Math.min(this.#top, this.#ys[point]);
      bottom = Math.max(bottom, this.#ys[point]);
    }
    const [width, height] = this.#xs.length > 0 ? [right - this.#left, bottom - this.#top] : [0, 0];
    const most = CELLS_A_POINT * this.#xs.length + 1;
    this.#size = Math.max(size, Math.sqrt((width * height) / most), Math.max(width, height) / most);
    this.#columns = Math.floor(width / this.#size) + 1;
    this.#rows = Math.floor(height / this.#size) + 1;
  }

  #column(x) {
    return Math.min(Math.max(Math.floor((x - this.#left) / this.#size), 0), this.#columns - 1);
  }

  #row(y) {
    return Math.min(Math.max(Math.floor((y - this.#top) / this.#size), 0), this.#rows - 1);
  }

  /** Visits every point within `reach` of (x, y), with its distance. */
  near(x, y, reach, visit) {
    if (this.#xs.length === 0) return;
    const [right, bottom] = [this.#column(x + reach), this.#row(y + reach)];
    for (let row = this.#row(y - reach); row <= bottom; row += 1) {
      for (let column = this.#column(x - reach); column <= right; column += 1) this.#visitCell(column + row * this.#columns, x, y, reach, visit);
    }
  }

  #visitCell(cell, x, y, reach, visit) {
    for (let point = this.#first[cell]; point !== NONE; point = this.#next[point]) {
      const [dx, dy] = [this.#xs[point] - x, this.#ys[point] - y];
      const distance = Math.sqrt(dx * dx + dy * dy);
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
