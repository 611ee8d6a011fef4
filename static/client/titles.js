/** What resources are called, for lists that name many of them. */

import { resource } from "./resources.js";

export class Titles {
  #known = new Map();
  #onknown;

  /** @param {() => void} onknown another title has come; draw again */
  constructor(onknown) {
    this.#onknown = onknown;
  }

  /** @returns {string} empty until it is known */
  of(id) {
    if (!this.#known.has(id)) this.#fetch(id);
    return this.#known.get(id) ?? "";
  }

  async #fetch(id) {
    this.#known.set(id, "");
    try {
      this.#known.set(id, (await resource(id)).title);
      this.#onknown();
    } catch (refusal) {
      if (refusal.name !== "Refusal") throw refusal;
      if (refusal.code !== "not_found" && refusal.code !== "unknown_resource") this.#known.delete(id);
    }
  }
}
