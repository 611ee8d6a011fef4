/**
 * <connection-state>: whether what is shown is the truth of this moment. `element.follow(holdfast, () => availability)` keeps it
 * right; without an availability it speaks of the line alone. Attribute `brief`: the page says itself how old its truth is.
 */

import { freshness } from "./freshness.js";
import { make } from "./make.js";

const PATIENCE = 1200;

export class ConnectionState extends HTMLElement {
  #facts = null;
  #timer = null;
  #since = performance.now();
  #state = null;
  #dot = make("span.dot", { "aria-hidden": "true" });
  #text = make("span.text");
  #live = make("span.hush", { role: "status" });

  connectedCallback() {
    if (this.childElementCount === 0) this.append(this.#dot, this.#text, this.#live);
    this.#tick();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  /** @param {Holdfast} holdfast @param {() => Availability | null} [availability] */
  follow(holdfast, availability = () => null) {
    this.#facts = () => ({ state: holdfast.state, age: availability()?.age ?? null, stale: availability()?.stale ?? false });
    holdfast.addEventListener("state", () => this.#tick());
    this.#tick();
  }

  #tick() {
    clearTimeout(this.#timer);
    if (!this.#facts || !this.isConnected) return;
    this.#show(this.#facts());
    this.#timer = setTimeout(() => this.#tick(), 1000);
  }

  /** A line that is back within a moment is not worth a word to those who only hear it. */
  #show(facts) {
    const { level, text } = freshness(facts);
    if (level !== this.#state) [this.#state, this.#since] = [level, performance.now()];
    if (this.dataset.level !== level) this.dataset.level = level;
    const [aloud] = text.split(" · ");
    const shown = this.hasAttribute("brief") ? aloud : text;
    if (this.#text.textContent !== shown) this.#text.textContent = shown;
    if (performance.now() - this.#since > PATIENCE && this.#live.textContent !== aloud) this.#live.textContent = aloud;
  }
}

customElements.define("connection-state", ConnectionState);
