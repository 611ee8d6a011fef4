/** A world for the client without network or time: sockets that the test answers, a clock that the test moves. */

export class FakeSocket {
  sent = [];
  closed = null;

  constructor(url, subprotocol) {
    Object.assign(this, { url, subprotocol });
  }

  send(frame) {
    this.sent.push(JSON.parse(frame));
  }

  close(code) {
    this.closed = code;
  }

  /** @returns {object} the last message of a type that the client sent */
  last(type) {
    return this.sent.findLast((message) => message.type === type);
  }

  says(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  breaks(code, reason = "") {
    this.onclose?.({ code, reason });
  }

  /** Opens the line and welcomes the client, as the server does. */
  welcomes(facts = {}) {
    this.onopen();
    const { ref } = this.last("hello");
    this.says({ type: "welcome", ref, session: "s", heartbeat_seconds: 10, server_time: 0, cart: null, holds: [], ...facts });
  }
}

export class FakeWorld {
  time = 0;
  sockets = [];
  isOnline = true;
  chance = 0.5;
  #timers = new Map();
  #last = 0;

  openSocket = (url, subprotocol) => {
    this.sockets.push(new FakeSocket(url, subprotocol));
    return this.sockets.at(-1);
  };

  setTimeout = (task, wait) => {
    this.#last += 1;
    this.#timers.set(this.#last, { task, at: this.time + wait });
    return this.#last;
  };

  clearTimeout = (timer) => this.#timers.delete(timer);
  now = () => this.time;
  random = () => this.chance;
  online = () => this.isOnline;

  get socket() {
    return this.sockets.at(-1);
  }

  /** Lets time pass, running what falls due in its order. */
  async pass(milliseconds) {
    const end = this.time + milliseconds;
    for (let due = this.#next(end); due; due = this.#next(end)) {
      const [timer, { task, at }] = due;
      this.#timers.delete(timer);
      this.time = at;
      task();
      await settled();
    }
    this.time = end;
    await settled();
  }

  #next(end) {
    return [...this.#timers].filter(([, { at }]) => at <= end).sort(([, one], [, other]) => one.at - other.at)[0];
  }
}

/** Lets promises that are already decided run their course. */
export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}
