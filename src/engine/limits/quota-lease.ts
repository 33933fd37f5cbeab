import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { QuotaStore } from '../../contract/store/quota-store.ts';
import type { CallQueue } from './call-queue.ts';
import type { ConcurrencyLimit } from './concurrency-limit.ts';

export type QuotaLeaseDeps = {
  readonly quotas: QuotaStore;
  readonly replica: string;
  readonly clock: Clock;
  readonly log: Log;
};

export type SharedBackend = {
  readonly name: string;
  readonly callQueue: CallQueue;
  readonly concurrency: ConcurrencyLimit;
  readonly agentIds: readonly string[];
  /** Requests within a second; 0 for a backend without such a budget. */
  readonly requests: number;
  /** Null for a backend without such a budget. */
  readonly runs: number | null;
};

/** One round trip to the store so often while there is demand, however many calls go to the vendor. */
const turnMs = 500;
/** No sooner than that, although a run waits for one that ended. */
const minTurnMs = 100;
const leaseMs = 5000;
/** Before the store gives a share to others, its last requests must have arrived, and a second more be over. */
const useMs = leaseMs - 2500;
/** After so many turns without demand the share is left to run out. */
const idleTurns = 4;

/** Keeps this replica's share of one backend's budget: as much as it needs, at most a fair part of what all need. */
export class QuotaLease {
  readonly #deps: QuotaLeaseDeps;
  readonly #backend: SharedBackend;
  #requests = 0;
  #others: readonly { readonly requests: number; readonly wanted: number }[] = [];
  #idle = 0;
  #turning = false;
  #lastTurnMs = 0;
  #stopped = false;
  #cancelTurn: (() => void) | null = null;
  #dueMs = 0;
  #cancelExpiry: () => void = () => {};

  constructor(deps: QuotaLeaseDeps, backend: SharedBackend) {
    this.#deps = deps;
    this.#backend = backend;
    backend.callQueue.onWait(() => this.#wake(turnMs));
    backend.concurrency.onWait(() => this.#wake(minTurnMs));
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTurn?.();
    this.#cancelExpiry();
  }

  /** Demand came up: the next turn is due so long after the last one. */
  #wake(spacingMs: number): void {
    this.#idle = 0;
    if (!this.#turning && !this.#stopped) this.#arm(spacingMs);
  }

  #arm(spacingMs: number): void {
    const { clock } = this.#deps;
    const dueMs = this.#lastTurnMs + spacingMs;
    if (this.#cancelTurn !== null && this.#dueMs <= dueMs) return;
    this.#cancelTurn?.();
    this.#dueMs = dueMs;
    this.#cancelTurn = clock.schedule(Math.max(0, dueMs - clock.nowMs()), () => {
      this.#cancelTurn = null;
      void this.#turn();
    });
  }

  async #turn(): Promise<void> {
    const { quotas, replica, clock, log } = this.#deps;
    this.#turning = true;
    this.#lastTurnMs = clock.nowMs();
    const { callQueue, concurrency, name, agentIds } = this.#backend;
    const wanted = Math.min(
      callQueue.demand === 0 ? 0 : Math.ceil(callQueue.demand * 1.25) + 1,
      this.#backend.requests,
    );
    const asked = Math.min(wanted, this.#fairRequests(wanted));
    // Less is used from now on, and given back once the last second of its use is over.
    if (asked < this.#requests) callQueue.allow(asked);
    const sentMs = this.#lastTurnMs;
    // What is let in while the store answers would be unknown to it.
    if (this.#backend.runs !== null) concurrency.voidGrants();
    const { opening } = concurrency;
    try {
      const share = await quotas.share({
        backend: name,
        replica,
        leaseMs,
        requests: { total: this.#backend.requests, wanted: asked, inUse: callQueue.inUse },
        runs: { total: this.#backend.runs, agentIds, inUse: opening, wanted: concurrency.waiting },
      });
      this.#requests = Math.min(asked, share.requests);
      this.#others = share.others;
      this.#cancelExpiry();
      this.#cancelExpiry = clock.schedule(Math.max(0, sentMs + useMs - clock.nowMs()), () => this.#expire());
      callQueue.allow(this.#requests);
      if (this.#backend.runs !== null) concurrency.grant(share.starts - opening);
    } catch (error) {
      log.warn({ err: error, backend: name }, 'the share of a budget could not be renewed; it is tried again');
    }
    this.#turning = false;
    this.#idle = callQueue.demand === 0 && concurrency.waiting === 0 ? this.#idle + 1 : 0;
    if (!this.#stopped && this.#idle < idleTurns) this.#arm(turnMs);
  }

  #fairRequests(wanted: number): number {
    const fair = divideFairly(
      this.#backend.requests,
      wanted,
      this.#others.map((other) => other.wanted),
    );
    // More replicas than requests: a replica that had one leaves the next to the others.
    return fair >= 1 ? Math.floor(fair) : this.#requests > 0 ? 0 : 1;
  }

  #expire(): void {
    this.#requests = 0;
    this.#backend.callQueue.allow(0);
    if (this.#backend.runs !== null) this.#backend.concurrency.voidGrants();
  }
}

/** What `wanted` gets of a total when no share exceeds what was wanted and the rest is divided evenly. */
export function divideFairly(total: number, wanted: number, others: readonly number[]): number {
  let left = total;
  let sharers = others.length + 1;
  for (const want of [...others, wanted].sort((a, b) => a - b)) {
    const equal = left / sharers;
    if (want >= equal || want >= wanted) return Math.min(wanted, equal);
    left -= want;
    sharers -= 1;
  }
  return Math.min(wanted, left);
}
