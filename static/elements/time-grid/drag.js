/** Taps on steps, and drags from one to another with a mouse or a pen. A finger that drags scrolls. */

const PRIMARY = 1;

export class Drag {
  #meanings;
  #from = null;
  #moved = false;

  /** @param {HTMLElement} board @param {{tap: (index: number, touch: boolean) => void, stretch: (anchor: number, index: number) => void}} meanings */
  constructor(board, meanings) {
    this.#meanings = meanings;
    board.addEventListener("pointerdown", (event) => this.#down(event));
    board.addEventListener("pointerover", (event) => this.#over(event));
    board.addEventListener("click", (event) => this.#click(event));
  }

  #down(event) {
    this.#moved = false;
    this.#from = event.button === 0 && event.pointerType !== "touch" ? indexOf(event) : null;
  }

  #over(event) {
    const index = indexOf(event);
    if (!(event.buttons & PRIMARY)) this.#from = null;
    if (this.#from === null || index === null || (index === this.#from && !this.#moved)) return;
    this.#moved = true;
    this.#meanings.stretch(this.#from, index);
  }

  /** What ends a drag is no tap. */
  #click(event) {
    const index = indexOf(event);
    if (index !== null && !this.#moved) this.#meanings.tap(index, event.pointerType === "touch");
    this.#moved = false;
  }
}

function indexOf(event) {
  const cell = event.target.closest("[data-index]");
  return cell ? Number(cell.dataset.index) : null;
}
