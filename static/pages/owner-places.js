/** What an owner owns, and what of what they are told is of it. */

export class OwnPlaces {
  all = [];
  #list;
  #asked = 0;

  /** @param {() => Promise<object[]>} list asks for the resources of whoever is signed in; it may throw a Refusal */
  constructor(list) {
    this.#list = list;
  }

  /** @throws {Refusal} */
  async read() {
    this.#asked += 1;
    const mine = this.#asked;
    const found = await this.#list();
    if (mine === this.#asked) this.all = found;
  }

  /**
   * The socket tells a user what they book elsewhere, too. What is not known may be a new place: then all are read anew.
   * @param {{items: {resource: string}[]}} booking @returns {Promise<boolean>} whether it is of one of theirs @throws {Refusal}
   */
  async have(booking) {
    if (!this.#know(booking)) await this.read();
    return this.#know(booking);
  }

  #know({ items }) {
    return items.some(({ resource }) => this.all.some(({ id }) => id === resource));
  }
}
