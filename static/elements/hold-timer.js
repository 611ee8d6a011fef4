/**
 * <hold-timer>: how long the cart is still held, by the server's clock. `timer.clock` is a ServerClock, `timer.expiresAt` its
 * milliseconds or null. Fires `renew` when the buyer wants more time and `over` when there is none left. Attribute `label`: what
 * it counts down to; `fixed`: there is no more time to be had.
 */

import { clockFace, urgency, warning } from "./countdown.js";
import { make } from "./make.js";

export class HoldTimer extends HTMLElement {
  clock = null;
  #expiresAt = null;
  #timer = null;
  #urgency = "calm";
  #face = make("span.face", { role: "timer", "aria-live": "off" });
  #live = make("span.hush", { role: "status" });
  #renew = make("button.quiet", { type: "button", onclick: () => this.dispatchEvent(new CustomEvent("renew", { bubbles: true })) }, "More time");

  connectedCallback() {
    if (this.childElementCount === 0) this.append(make("span.label", {}, this.getAttribute("label") ?? "Held for you"), this.#face, this.#renew, this.#live);
    this.#renew.hidden = this.hasAttribute("fixed");
    this.#tick();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  get expiresAt() {
    return this.#expiresAt;
  }

  set expiresAt(milliseconds) {
    this.#expiresAt = milliseconds;
    this.hidden = milliseconds === null;
    this.#tick();
  }

  #tick() {
    clearTimeout(this.#timer);
    if (this.#expiresAt === null || !this.clock || !this.isConnected) return;
    const left = this.clock.left(this.#expiresAt);
    this.#show(left);
    if (left > 0) this.#timer = setTimeout(() => this.#tick(), ((left + 500) % 1000) || 1000);
  }

  #show(left) {
    const now = urgency(left);
    const aloud = warning(this.#urgency, now);
    if (aloud) this.#live.textContent = aloud;
    if (now === "over" && this.#urgency !== "over") this.dispatchEvent(new CustomEvent("over", { bubbles: true }));
    this.#urgency = now;
    this.dataset.urgency = now;
    this.#face.textContent = clockFace(left);
  }
}

customElements.define("hold-timer", HoldTimer);
