export type Rate = {
  /** A whole number, or less than one: 0.5 is one request every two seconds. */
  readonly requestsPerSecond: number;
  /** How many may go back to back; the others of a second are spread over the rest of it. */
  readonly burst: number;
};

/** A request on its way to the vendor. */
export type Flight = { readonly sentMs: number };

/** A second, and what the reading of a clock in whole milliseconds may be wrong by. */
const windowMs = 1010;
/** An answer that takes longer than so long after the sending tells nothing more of when the request arrived. */
const maxFlightMs = 1000;

/**
 * A sliding window over what reaches the vendor: within any second no more requests than the rate allows, whatever the
 * burst. When a request arrives is not known; it may wait for a connection, or for a vendor that is busy, and arrive
 * together with later ones. So it counts from the moment when it is permitted until a second after its answer.
 */
export class RateLimit {
  readonly #windowMs: number;
  readonly #burst: number;
  #permits: number;
  /** Permitted, and not yet sent. */
  #open = 0;
  /** Sent and not yet answered, in the order of sending. */
  readonly #flights = new Set<Flight>();
  /** By when the newest requests have arrived, ascending; older ones do not matter any more. */
  #arrivedMs: number[] = [];
  /** How many of them, from the oldest on, are out of the window. */
  #passed = 0;
  /** When the newest requests were sent, ascending: what the burst is told from. */
  #sentMs: number[] = [];

  constructor({ requestsPerSecond, burst }: Rate) {
    this.#permits = Math.max(1, Math.floor(requestsPerSecond));
    this.#windowMs = windowMs * Math.max(1, 1 / requestsPerSecond);
    this.#burst = Math.max(1, Math.min(burst, this.#permits));
  }

  /** How many requests may arrive within one {@link windowMs}. */
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

  /** Until it is worth asking again; 0: a request may be permitted. `Infinity`: only the fate of open ones can tell. */
  waitMs(nowMs: number): number {
    return Math.max(this.#windowWaitMs(nowMs), this.#burstWaitMs(nowMs));
  }

  take(): void {
    this.#open += 1;
  }

  drop(): void {
    this.#open -= 1;
  }

  sent(nowMs: number): Flight {
    this.#open -= 1;
    this.#sentMs = pushAscending(this.#sentMs, nowMs);
    if (this.#sentMs.length > 2 * this.#permits + 64) this.#sentMs = this.#sentMs.slice(-this.#permits - 1);
    const flight = { sentMs: nowMs };
    this.#flights.add(flight);
    return flight;
  }

  /** The vendor answered, or never will: whenever the request arrived, it was before now. */
  landed(flight: Flight, nowMs: number): void {
    if (this.#flights.delete(flight)) this.#arrivedMs = pushAscending(this.#arrivedMs, nowMs);
  }

  /** Requests that are permitted, under way or within the window. */
  inUse(nowMs: number): number {
    this.#forget(nowMs);
    return this.#open + this.#flights.size + this.#arrivedMs.length - this.#passed;
  }

  #windowWaitMs(nowMs: number): number {
    const excess = this.inUse(nowMs) - this.#permits;
    if (excess < 0) return 0;
    if (this.#open >= this.#permits) return Number.POSITIVE_INFINITY;
    const leavesMs = this.#arrivedMs[this.#passed + excess];
    if (leavesMs !== undefined) return within(leavesMs + this.#windowMs - nowMs, this.#windowMs);
    const [oldest] = this.#flights;
    return oldest === undefined ? Number.POSITIVE_INFINITY : within(oldest.sentMs + maxFlightMs - nowMs, windowMs);
  }

  #burstWaitMs(nowMs: number): number {
    const burst = Math.min(this.#burst, this.#permits);
    if (this.#open >= burst) return Number.POSITIVE_INFINITY;
    const oldestMs = this.#sentMs[this.#sentMs.length - (burst - this.#open)];
    if (oldestMs === undefined) return 0;
    const burstMs = (this.#windowMs * burst) / this.#permits;
    return within(oldestMs + burstMs - nowMs, burstMs);
  }

  #forget(nowMs: number): void {
    for (const flight of this.#flights) {
      if (flight.sentMs > nowMs - maxFlightMs) break;
      this.landed(flight, nowMs);
    }
    while ((this.#arrivedMs[this.#passed] ?? nowMs) <= nowMs - this.#windowMs) this.#passed += 1;
    if (this.#passed < 256) return;
    this.#arrivedMs = this.#arrivedMs.slice(this.#passed);
    this.#passed = 0;
  }
}

/** A clock that was set back must not hold everything up until it is where it was. */
function pushAscending(instantsMs: number[], nowMs: number): number[] {
  const newestMs = instantsMs.at(-1);
  const ascending =
    newestMs !== undefined && newestMs > nowMs ? instantsMs.map((ms) => Math.min(ms, nowMs)) : instantsMs;
  ascending.push(nowMs);
  return ascending;
}

function within(waitMs: number, maxMs: number): number {
  return Math.min(Math.max(waitMs, 0), maxMs);
}
