/**
 * One socket to the server that comes back by itself. Knows the conversation's frame: hello and welcome, refs and ops,
 * heartbeats, goodbye, close codes. Knows nothing of seats.
 *
 * Events: `state` when `state` has changed, `welcome` and `message` with the message as `detail`.
 */

import { afterGoodbye, fullJitter } from "./backoff.js";
import { msgpack } from "./codec.js";
import { After, ANSWERS, BACKOFF_BASE, BACKOFF_CAP, CONNECT_TIMEOUT, HEARTBEAT_PERIODS, HOLDER_CAP, REQUEST_TIMEOUT, State, afterClose, delayGiven } from "./protocol.js";
import { Refusal } from "./refusal.js";
import { Requests } from "./requests.js";
import { Watchdog } from "./watchdog.js";

const LOST = 1006;
const GOING_AWAY = 1000;

/** What a connection needs of the world; tests give their own. */
export function browserWorld() {
  return {
    openSocket: (url, subprotocol) => new WebSocket(url, subprotocol),
    setTimeout: (task, wait) => setTimeout(task, wait),
    clearTimeout: (timer) => clearTimeout(timer),
    now: () => performance.now(),
    random: Math.random,
    online: () => navigator.onLine !== false,
  };
}

export class Connection extends EventTarget {
  state = State.STOPPED;
  #hello = {};
  #url;
  #codec;
  #credentials;
  #hasToLose;
  #world;
  #socket = null;
  #welcomed = false;
  #requests = new Requests();
  #watchdog;
  #timer = null;
  #attempt = 0;
  #turn = 0;
  #delay = null;
  #needsCredentials = true;
  #refused = null;

  /**
   * @param {string} url of `/ws`
   * @param {{credentials: (refused: object | null) => Promise<{token?: string}>, hasToLose?: () => boolean, codec?: object, world?: object}} options
   *   `credentials` is asked before the first connection and whenever the server wants a new token, with the `hello` that it refused,
   *   if it refused one; what it gives goes into `hello`. `hasToLose`: whether the server would give something of ours to others if we
   *   stayed away
   */
  constructor(url, { credentials, hasToLose = () => false, codec = msgpack, world = browserWorld() }) {
    super();
    this.#url = url;
    this.#codec = codec;
    this.#credentials = credentials;
    this.#hasToLose = hasToLose;
    this.#world = world;
    this.#watchdog = new Watchdog(world, () => this.#lost(LOST));
  }

  start() {
    if (this.state !== State.STOPPED) return;
    this.#become(State.CONNECTING);
    this.#connect();
  }

  /** Ends it; `start` begins again. What was asked and carries an `op` is asked again then. */
  stop() {
    this.#turn += 1;
    this.#world.clearTimeout(this.#timer);
    this.#drop();
    this.#become(State.STOPPED);
  }

  /** Somebody else is there now: another line, with credentials asked for anew. Nothing that was asked is asked again as them. */
  renew() {
    this.#needsCredentials = true;
    this.#refused = null;
    if (this.state === State.STOPPED) return;
    this.#requests.forget();
    this.networkBack({ anew: true });
  }

  /** What lines after this one begin with. @param {{token?: string}} hello */
  remember(hello) {
    this.#hello = hello;
  }

  /** Newer credentials of the same: for this line, and for those after it. @param {{token?: string}} hello */
  refresh(hello) {
    this.remember(hello);
    if (hello.token) this.ask({ type: "refresh", token: hello.token }).catch(() => {});
  }

  /** Tells the server something that has no answer. @returns {boolean} whether there was a line to say it on */
  tell(message) {
    if (!this.#welcomed) return false;
    this.#send(message);
    return true;
  }

  /**
   * Asks, and asks again over the next line when it carries an `op`.
   * @returns {Promise<object>} the answer @throws {Refusal} the server's, or `offline` when none comes in time
   */
  ask(message) {
    const { message: asked, answer } = this.#requests.add(message);
    const late = this.#world.setTimeout(() => this.#requests.refuse(asked.ref, Refusal.offline()), REQUEST_TIMEOUT);
    if (this.#welcomed) this.#send(asked);
    else if (!asked.op) this.#requests.refuse(asked.ref, Refusal.offline());
    return answer.finally(() => this.#world.clearTimeout(late));
  }

  /** The browser says that the network is gone. Only silence proves it, so the socket is kept until then. */
  networkLost() {
    if (this.state !== State.STOPPED) this.#become(State.OFFLINE);
  }

  /** The network is back, or the page is: look whether the line still stands, and take a new one at once if not. */
  networkBack({ anew = false } = {}) {
    if (this.state === State.STOPPED || (!anew && this.state === State.LIVE && !this.#watchdog.overdue)) return;
    this.#attempt = 0;
    this.#drop();
    this.#become(State.RECONNECTING);
    this.#retryIn(0);
  }

  /** A later turn, or a stop, overtakes one that still waits for its credentials. */
  async #connect() {
    this.#turn += 1;
    const turn = this.#turn;
    try {
      if (this.#needsCredentials) await this.#prove();
      if (turn === this.#turn) this.#open();
    } catch {
      if (turn === this.#turn) this.#again(After.BACKOFF);
    }
  }

  async #prove() {
    this.#hello = await this.#credentials(this.#refused);
    this.#needsCredentials = false;
    this.#refused = null;
  }

  #open() {
    const socket = this.#world.openSocket(this.#url, this.#codec.subprotocol);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#watchdog.start(CONNECT_TIMEOUT);
    socket.onopen = () => this.#sayHello(socket);
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => {
      this.#delay ??= delayGiven(event.reason);
      this.#lost(event.code);
    };
  }

  #sayHello(socket) {
    const { message, answer } = this.#requests.add({ type: "hello", ...this.#hello });
    answer.catch((refusal) => socket === this.#socket && this.#unwelcome(refusal, message));
    this.#send(message);
  }

  /** The server will not have this hello: with another token perhaps, else later. */
  #unwelcome({ retry }, { token, session }) {
    if (retry === "refresh") this.#refused = { token, session };
    this.#drop();
    this.#again(retry === "refresh" ? After.TOKEN : After.BACKOFF);
  }

  #send(message) {
    this.#socket.send(this.#codec.encode(message));
  }

  #receive(frame) {
    this.#watchdog.feed();
    const message = this.#codec.decode(frame);
    if (message.type === "welcome") this.#welcome(message);
    else if (message.type === "goodbye") this.#delay = afterGoodbye(message, this.#world.random);
    else if (message.type === "heartbeat") this.#attempt = 0;
    if (this.#welcomed) this.#become(State.LIVE);
    if (ANSWERS.has(message.type)) this.#requests.settle(message);
    this.#announce("message", message);
  }

  #welcome(message) {
    this.#watchdog.start(message.heartbeat_seconds * 1000 * HEARTBEAT_PERIODS);
    this.#delay = null;
    this.#welcomed = true;
    this.#become(State.LIVE);
    this.#announce("welcome", message);
    for (const asked of this.#requests.unanswered()) if (asked.op) this.#send(asked);
  }

  /** Lets go of the socket without waiting for its close, which a dead network may delay for minutes. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#welcomed = false;
    this.#watchdog.stop();
    this.#requests.lose();
    if (!socket) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close(GOING_AWAY);
  }

  #lost(code) {
    this.#drop();
    this.#again(afterClose(code));
  }

  #again(what) {
    if (this.state === State.STOPPED) return;
    if (what === After.NEVER) {
      this.#become(State.STOPPED);
      return;
    }
    if (what === After.TOKEN) this.#needsCredentials = true;
    this.#become(this.#world.online() ? State.RECONNECTING : State.OFFLINE);
    this.#retryIn(this.#wait(what));
  }

  #wait(what) {
    const given = this.#delay;
    this.#delay = null;
    const jitter = fullJitter(this.#attempt, this.#world.random, this.#hasToLose() ? HOLDER_CAP : BACKOFF_CAP);
    this.#attempt += 1;
    if (given !== null) return given;
    return what === After.DELAY ? BACKOFF_BASE + jitter : jitter;
  }

  #retryIn(wait) {
    this.#world.clearTimeout(this.#timer);
    this.#timer = this.#world.setTimeout(() => this.#connect(), wait);
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.#announce("state", state);
  }

  #announce(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
