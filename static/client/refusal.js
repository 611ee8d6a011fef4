/** A request that the server, or the way to it, refused. `code` is one of the contract's, or `offline`. */
export class Refusal extends Error {
  /** @param {{code: string, message?: string, retry?: string, retryAfter?: number, slots?: string[], errors?: {field: string, message: string}[]}} facts */
  constructor({ code, message = "", retry = "never", retryAfter = null, slots = [], errors = [] }) {
    super(message || code);
    this.name = "Refusal";
    Object.assign(this, { code, retry, retryAfter, slots, errors });
  }

  /** @param {object} message an `error` of the socket */
  static ofMessage(message) {
    return new Refusal({ ...message, retryAfter: message.retry_after ?? null, slots: message.slots ?? [] });
  }

  /** @param {object} problem a body of `application/problem+json` */
  static ofProblem(problem, status) {
    return new Refusal({
      code: problem.code ?? `http_${status}`,
      message: problem.detail ?? problem.title,
      retry: status >= 500 || status === 429 || problem.retry_after ? "later" : "never",
      retryAfter: problem.retry_after ?? null,
      slots: problem.slots ?? [],
      errors: problem.errors ?? [],
    });
  }

  static offline() {
    return new Refusal({ code: "offline", retry: "later" });
  }
}
