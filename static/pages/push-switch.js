/** The switch that lets this device be told while no page is open. It is only there where the browser and the server can. */

import { get } from "../client/http.js";
import { user } from "../client/user.js";
import { make } from "../elements/make.js";
import { notify } from "../elements/notices.js";
import { tell } from "./shell.js";

const WORKER = "/service-worker.js";
const PATH = "/api/push-subscriptions";

/** @returns {Uint8Array} of base64url */
export function bytesOf(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.codePointAt(0));
}

/** @param {HTMLElement} box is filled with the switch once one can be told @param {Session} session */
export async function pushSwitch(box, session) {
  box.replaceChildren();
  if (!user.signedIn || !("serviceWorker" in navigator) || !("PushManager" in window)) return;
  try {
    const { public_key: key } = await get(PATH);
    if (!key) return;
    const registration = await navigator.serviceWorker.register(WORKER);
    new Switch(box, { session, registration, key }).draw();
  } catch (refusal) {
    // A browser that allows no worker here, as in a private window, has no switch.
    if (refusal.name !== "Refusal" && !(refusal instanceof DOMException)) throw refusal;
  }
}

class Switch {
  #box;
  #session;
  #registration;
  #key;

  constructor(box, { session, registration, key }) {
    this.#box = box;
    this.#session = session;
    this.#registration = registration;
    this.#key = key;
  }

  async draw() {
    const subscribed = await this.#registration.pushManager.getSubscription();
    const words = subscribed ? "Don't tell this device any more" : "Tell this device when no page is open";
    const button = make("button.secondary", { type: "button" }, words);
    button.addEventListener("click", () => this.#turn(button, subscribed));
    this.#box.replaceChildren(button);
  }

  async #turn(button, subscribed) {
    if (button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    try {
      await (subscribed ? this.#off(subscribed) : this.#on());
    } catch (refusal) {
      if (refusal instanceof DOMException) notify("Your browser does not allow that; its settings for this site say why.", "problem");
      else tell(refusal);
    }
    await this.draw();
  }

  async #on() {
    const subscription = await this.#registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytesOf(this.#key) });
    const { endpoint, keys, expirationTime } = subscription.toJSON();
    await this.#session.change("POST", PATH, { endpoint, keys, expirationTime });
    notify("This device is told from now on.", "good");
  }

  async #off(subscription) {
    await this.#session.change("DELETE", PATH, { endpoint: subscription.endpoint });
    await subscription.unsubscribe();
  }
}
