export type Rate = {
  /** A whole number, or less than one: 0.5 is one request every two seconds. */
  readonly requestsPerSecond: number;
  /** How many requests may go back to back; the others of a second are spread over the rest of it. */
  readonly burst: number;
};

/** A request on its way to the vendor. */
export type Flight = { readonly sentMs: number };

/** A second, plus the possible error of a clock that is read in whole milliseconds. */
const windowMs = 1010;
/** A request has arrived at the latest this long after it was sent, however long its answer takes. */
const maxFlightMs = 1000;

/**
 * A sliding window over the requests that reach the vendor: no more in any second than the rate allows, whatever the
 * burst. The instant of arrival is unknown: a request may wait for a connection or a busy vendor, and arrive together with
 * later ones. So a request counts from its permit until a second after its answer.
 */
export class RateLimit {
  readonly #windowMs: number;
  readonly #burst: number;
  #permits: number;
  /** Permitted, and not yet sent. */
  #open = 0;
  /** Sent and not yet answered, in the order of sending. */
  readonly #flights = new Set<Flight>();
  /** The instants by which the newest requests had arrived, ascending. */
  #arrivedMs: number[] = [];
  /** How many of them, from the oldest on, have left the window. */
  #expired = 0;
  /** When the newest requests were sent, ascending; the burst is measured by it. */
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

  /** Sets this process's share of the rate, from now on. */
  allow(permits: number): void {
    this.#permits = permits;
  }

  /** Milliseconds until it is worth asking again; 0: a request may go. `Infinity`: not before an open permit is used. */
  waitMs(nowMs: number): number {
    return Math.max(this.#windowWaitMs(nowMs), this.#burstWaitMs(nowMs));
  }

  /** Counts a request that is permitted and not yet sent. */
  reserve(): void {
    this.#open += 1;
  }

  /** Takes back a reservation that is not sent. */
  release(): void {
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

  /** The vendor answered, or never will: the request arrived before now, if at all. */
  landed(flight: Flight, nowMs: number): void {
    if (this.#flights.delete(flight)) this.#arrivedMs = pushAscending(this.#arrivedMs, nowMs);
  }

  /** Requests that are permitted, under way or within the window. */
  inUse(nowMs: number): number {
    this.#forget(nowMs);
    return this.#open + this.#flights.size + this.#arrivedMs.length - this.#expired;
  }

  #windowWaitMs(nowMs: number): number {
    const excess = this.inUse(nowMs) - this.#permits;
    if (excess < 0) return 0;
    if (this.#open >= this.#permits) return Number.POSITIVE_INFINITY;
    const leavesMs = this.#arrivedMs[this.#expired + excess];
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
    while ((this.#arrivedMs[this.#expired] ?? nowMs) <= nowMs - this.#windowMs) this.#expired += 1;
    if (this.#expired < 256) return;
    this.#arrivedMs = this.#arrivedMs.slice(this.#expired);
    this.#expired = 0;
  }
}

/** Keeps the list ascending when the clock is set back, so that requests do not wait until it has caught up. */
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
