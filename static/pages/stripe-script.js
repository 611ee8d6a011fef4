/** Stripe's own script. It has to come from Stripe; a page that could not get it may ask again. */

const PATIENCE = 20_000;

let loading = null;

/** @param {string} address @returns {Promise<Function>} `Stripe` @throws {Error} when it does not come in time */
export function loadStripe(address) {
  loading ??= fetchScript(address).catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

function fetchScript(address) {
  const script = Object.assign(document.createElement("script"), { src: address, async: true });
  return new Promise((resolve, reject) => {
    const fail = () => {
      script.remove();
      reject(new Error("the payment form's script did not come"));
    };
    const late = setTimeout(fail, PATIENCE);
    script.onerror = fail;
    script.onload = () => (window.Stripe ? resolve(window.Stripe) : fail());
    document.head.append(script);
    script.addEventListener("load", () => clearTimeout(late));
  });
}
