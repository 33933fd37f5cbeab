export type Rate = {
  /** A whole number, or less than one: 0.5 is one request every two seconds. */
  readonly requestsPerSecond: number;
  /** How many may go back to back; the others of a second are spread over the rest of it. */
  readonly burst: number;
};

/** A second as the sender counts it: longer, since what is sent evenly may arrive closer together. */
const windowMs = 1050;

/**
 * A sliding window over what was sent: within any second no more requests than the rate allows, whatever the burst. A
 * request counts from the moment when it is permitted, and leaves the window one second after it was sent.
 */
export class RateLimit {
  readonly #windowMs: number;
  readonly #burst: number;
  #permits: number;
  /** Permitted, and not yet sent. */
  #open = 0;
  /** When the newest requests were sent, ascending; older ones do not matter any more. */
  #sentMs: number[] = [];

  constructor({ requestsPerSecond, burst }: Rate) {
    this.#permits = Math.max(1, Math.floor(requestsPerSecond));
    this.#windowMs = windowMs * Math.max(1, 1 / requestsPerSecond);
    this.#burst = Math.max(1, Math.min(burst, this.#permits));
  }

  /** How many requests may be sent within one {@link windowMs}. */
  get permits(): number {
    return this.#permits;
  }

  get windowMs(): number {
    return this.#windowMs;
  }

  /** Another share of the rate, from now on. */
  allow(permits: number): void {
    this.#permits = permits;
  }

  /** Until the next request may be permitted; `Infinity` where only the fate of open ones can tell. */
  waitMs(nowMs: number): number {
    const burst = Math.min(this.#burst, this.#permits);
    const burstMs = this.#permits === 0 ? 0 : (this.#windowMs * burst) / this.#permits;
    return Math.max(this.#waitForMs(this.#permits, this.#windowMs, nowMs), this.#waitForMs(burst, burstMs, nowMs));
  }

  take(): void {
    this.#open += 1;
  }

  drop(): void {
    this.#open -= 1;
  }

  sent(nowMs: number): void {
    this.#open -= 1;
    const newestMs = this.#sentMs.at(-1);
    // A clock that was set back must not hold everything up until it is where it was.
    if (newestMs !== undefined && newestMs > nowMs) this.#sentMs = this.#sentMs.map(() => nowMs);
    this.#sentMs.push(nowMs);
    if (this.#sentMs.length > 2 * this.#permits + 64) this.#sentMs = this.#within(nowMs);
  }

  /** Requests permitted or sent within the last window. */
  inUse(nowMs: number): number {
    return this.#open + this.#within(nowMs).length;
  }

  #within(nowMs: number): number[] {
    return this.#sentMs.filter((sentMs) => sentMs > nowMs - this.#windowMs);
  }

  #waitForMs(most: number, withinMs: number, nowMs: number): number {
    if (this.#open >= most) return Number.POSITIVE_INFINITY;
    const oldestMs = this.#sentMs[this.#sentMs.length - (most - this.#open)];
    if (oldestMs === undefined) return 0;
    return Math.min(Math.max(0, oldestMs + withinMs - nowMs), withinMs);
  }
}
