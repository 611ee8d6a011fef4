/** What the booking form asks drivers beyond names: where they come from, if they like to tell; and what owners want to decide. */

import { approvalWords } from "./approval-words.js";
import { find } from "./shell.js";

export class DriverQuestions {
  #read;
  #asked = "";

  /** @param {(id: string) => Promise<object>} read a resource */
  constructor(read) {
    this.#read = read;
    find("location-share").addEventListener("change", () => this.#open());
  }

  /** @param {object[]} held holds of the cart; only time that is booked has a driver */
  async show(held) {
    find("location-ask").hidden = !held.some(({ range }) => range);
    const ids = [...new Set(held.map(({ resource }) => resource))];
    if (ids.join() === this.#asked) return;
    this.#asked = ids.join();
    const known = await Promise.allSettled(ids.map((id) => this.#read(id)));
    if (ids.join() !== this.#asked) return;
    const words = approvalWords(known.filter(({ value }) => value).map(({ value }) => value));
    find("asks").hidden = words === "";
    find("asks").textContent = words;
  }

  /** @returns {object} the form's values without what the driver keeps to themselves */
  answered({ driver_location: location, ...values }) {
    const tells = find("location-share").checked && !find("location-ask").hidden;
    return tells ? { ...values, driver_location: location } : values;
  }

  #open() {
    const { checked } = find("location-share");
    find("location-field").hidden = !checked;
    if (checked) find("location").focus();
  }
}
