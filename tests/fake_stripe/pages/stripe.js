/**
 * A stand-in for Stripe.js: the same names, the same promises, the same errors. Cards are typed into a frame of its own,
 * which also makes the calls; the page only hears how they ended.
 */
(() => {
  const HOME = new URL(document.currentScript.src).origin;
  const ABANDONED = { type: "api_connection_error", message: "An error occurred while contacting the API." };

  class IntegrationError extends Error {
    name = "IntegrationError";
  }

  const must = (truth, message) => {
    if (!truth) throw new IntegrationError(message);
  };

  /** What both frames and elements do: `on`, `once`, `off`. */
  class Emitter {
    #listeners = new Map();

    on(name, listener) {
      this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
      return this;
    }

    once(name, listener) {
      const first = (event) => {
        this.off(name, first);
        listener(event);
      };
      return this.on(name, first);
    }

    off(name, listener) {
      const rest = (this.#listeners.get(name) ?? []).filter((one) => listener && one !== listener);
      this.#listeners.set(name, rest);
      return this;
    }

    emit(name, event) {
      for (const listener of this.#listeners.get(name) ?? []) listener(event);
    }
  }

  /** A page of Stripe's inside ours; it is asked by messages. */
  class Frame extends Emitter {
    #node = document.createElement("iframe");
    #asked = new Map();
    #last = 0;
    #hears = (message) => this.#hear(message);

    constructor(path, title) {
      super();
      const name = `__privateStripeFrame${Math.floor(Math.random() * 1e6)}`;
      Object.assign(this.#node, { src: HOME + path, title, name, allow: "payment *" });
      this.#node.style.cssText = "border: 0; width: 100%; height: 1px; display: block; color-scheme: light only";
      this.#node.onerror = () => this.emit("loaderror", {});
      addEventListener("message", this.#hears);
    }

    get node() {
      return this.#node;
    }

    ask(what, details = {}) {
      this.#last += 1;
      const asked = new Promise((resolve) => this.#asked.set(this.#last, resolve));
      this.send({ what, id: this.#last, ...details });
      return asked;
    }

    send(message) {
      this.#node.contentWindow?.postMessage(message, HOME);
    }

    close() {
      removeEventListener("message", this.#hears);
      this.#node.remove();
    }

    #hear({ source, origin, data }) {
      if (source !== this.#node.contentWindow || origin !== HOME) return;
      if (data.height) this.#node.style.height = `${data.height}px`;
      if (data.answers) this.#asked.get(data.answers)?.(data.result);
      if (data.event) this.emit(data.event, data.details ?? {});
    }
  }

  class PaymentElement extends Emitter {
    #stripe;
    #elements;
    #frame = null;
    #destroyed = false;

    constructor(stripe, elements) {
      super();
      this.#stripe = stripe;
      this.#elements = elements;
    }

    get frame() {
      must(this.#frame, "We could not retrieve data from the specified Element. Please make sure it is still mounted.");
      return this.#frame;
    }

    mount(place) {
      must(!this.#destroyed, "This Element has already been destroyed. Please create a new one.");
      const box = typeof place === "string" ? document.querySelector(place) : place;
      must(box instanceof HTMLElement, `Invalid DOM element. Call mount() with a valid DOM element or selector: ${place}`);
      this.unmount();
      const frame = new Frame("/js/element", "Secure payment input frame");
      frame.on("loaded", () => frame.send({ what: "begin", key: this.#stripe.key, ...this.#elements.options }));
      frame.on("ready", () => this.emit("ready", { elementType: "payment" }));
      frame.on("loaderror", (error) => this.emit("loaderror", { elementType: "payment", error }));
      for (const name of ["change", "focus", "blur"]) frame.on(name, (event) => this.emit(name, { elementType: "payment", ...event }));
      this.#frame = frame;
      box.replaceChildren(frame.node);
      box.classList.add("StripeElement");
    }

    unmount() {
      this.#frame?.close();
      this.#frame = null;
    }

    destroy() {
      this.unmount();
      this.#destroyed = true;
      this.#elements.forget(this);
    }

    update() {}
    collapse() {}
    focus() {
      this.frame.send({ what: "focus" });
    }
    blur() {}
    clear() {}
  }

  class Elements {
    #stripe;
    #element = null;

    constructor(stripe, options) {
      this.#stripe = stripe;
      this.options = options;
    }

    create(kind, _options = {}) {
      must(kind === "payment", `This stand-in has no ${kind} Element.`);
      must(!this.#element, "Can only create one Element of type payment.");
      this.#element = new PaymentElement(this.#stripe, this);
      return this.#element;
    }

    getElement(kind) {
      return kind === "payment" ? this.#element : null;
    }

    forget(element) {
      if (this.#element === element) this.#element = null;
    }

    update(options) {
      Object.assign(this.options, options);
      this.#element?.frame.send({ what: "look", appearance: this.options.appearance });
    }

    async fetchUpdates() {
      return {};
    }

    /** What is missing is said in the form too. */
    async submit() {
      must(this.#element, "elements.submit() needs a mounted Payment Element.");
      return this.#element.frame.ask("submit");
    }
  }

  class Stripe {
    constructor(key) {
      must(typeof key === "string" && key.startsWith("pk_"), "Please call Stripe() with your publishable key.");
      this.key = key;
    }

    elements(options = {}) {
      must(options.clientSecret, "This stand-in's elements() needs a clientSecret.");
      must(/^pi_\w+_secret_\w+$/.test(options.clientSecret), "Invalid value for elements(): clientSecret should be of the form ${id}_secret_${secret}.");
      return new Elements(this, { ...options });
    }

    async retrievePaymentIntent(clientSecret) {
      const id = clientSecret.split("_secret_")[0];
      const query = new URLSearchParams({ key: this.key, client_secret: clientSecret });
      try {
        const answer = await fetch(`${HOME}/v1/payment_intents/${id}?${query}`);
        const body = await answer.json();
        return body.error ? { error: body.error } : { paymentIntent: body };
      } catch {
        return { error: ABANDONED };
      }
    }

    /** Resolves with `{error}`, with `{paymentIntent}` where no redirect is needed, and else never. */
    async confirmPayment({ elements, clientSecret, confirmParams = {}, redirect = "always" }) {
      must(elements, "stripe.confirmPayment() needs `elements`.");
      const secret = elements.options.clientSecret;
      must(!clientSecret || clientSecret === secret, "The clientSecret does not match that of `elements`.");
      const returnUrl = confirmParams.return_url;
      must(returnUrl || redirect === "if_required", "stripe.confirmPayment() needs `confirmParams.return_url`.");
      const frame = elements.getElement("payment").frame;
      const entered = await frame.ask("submit");
      if (entered.error) return { error: entered.error };
      const { error, paymentIntent } = await frame.ask("confirm", { returnUrl });
      if (error) return { error };
      return this.#after(paymentIntent, { returnUrl, redirect });
    }

    /** Goes on with what the bank asks for. */
    async handleNextAction({ clientSecret }) {
      const { error, paymentIntent } = await this.retrievePaymentIntent(clientSecret);
      if (error) return { error };
      return this.#after(paymentIntent, { redirect: "if_required" });
    }

    async #after(intent, { returnUrl, redirect }) {
      const action = intent.status === "requires_action" ? intent.next_action : null;
      if (action?.type === "redirect_to_url") return leave(action.redirect_to_url.url);
      if (action?.type === "use_stripe_sdk") {
        await challenge(action.use_stripe_sdk.url);
        const { error, paymentIntent } = await this.retrievePaymentIntent(intent.client_secret);
        if (error) return { error };
        intent = paymentIntent;
      }
      if (intent.status === "requires_payment_method" && intent.last_payment_error) {
        return { error: { ...intent.last_payment_error, payment_intent: intent } };
      }
      if (redirect === "if_required") return { paymentIntent: intent };
      return leave(returned(returnUrl, intent));
    }
  }

  function returned(returnUrl, intent) {
    const address = new URL(returnUrl);
    address.searchParams.set("payment_intent", intent.id);
    address.searchParams.set("payment_intent_client_secret", intent.client_secret);
    address.searchParams.set("redirect_status", intent.status === "processing" ? "pending" : "succeeded");
    return address.href;
  }

  /** The page is left: nothing that waits for this promise goes on. */
  function leave(address) {
    location.assign(address);
    return new Promise(() => {});
  }

  /** The bank's page over ours, until it is answered or closed. */
  function challenge(address) {
    const layer = document.createElement("div");
    layer.style.cssText = "position: fixed; inset: 0; z-index: 2147483647; background: rgba(0, 0, 0, 0.5); display: grid; place-items: center";
    const frame = new Frame(`${new URL(address).pathname}?overlay`, "Secure bank confirmation frame");
    frame.node.style.cssText = "border: 0; width: min(400px, 92vw); height: 420px; border-radius: 12px; background: #fff";
    layer.append(frame.node);
    document.body.append(layer);
    return new Promise((resolve) => {
      frame.once("answered", () => {
        frame.close();
        layer.remove();
        resolve();
      });
    });
  }

  window.Stripe = Object.assign((key) => new Stripe(key), { version: "endive" });
})();
