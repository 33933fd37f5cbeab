import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { QuotaStore } from '../../contract/store/quota-store.ts';
import type { AccountHealth } from './account-health.ts';
import { CallQueue } from './call-queue.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import type { Rate } from './rate-limit.ts';

export type QuotaLeaseDeps = {
  readonly quotas: QuotaStore;
  readonly replica: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly health: AccountHealth;
};

/** The budget of a backend's account, which the replicas share. */
export type SharedBudgetOptions = {
  readonly backend: string;
  /** Null: all tenants share one. */
  readonly account: string | null;
  /** Of the account; null: all. */
  readonly tenants: readonly string[] | null;
  /** Of agents that have this backend only, and of those that have others too. */
  readonly agentIds: readonly string[];
  readonly spreadAgentIds?: readonly string[] | undefined;
  readonly rate: Rate | null;
  readonly maxConcurrentRuns: number | null;
  readonly maxPauseMs: number;
  readonly maxConnections: number;
};

/** The period of round trips to the store while there is demand, however many calls go to the vendor. */
const turnMs = 500;
/** The shortest time between two round trips, for a run that waits for a slot. */
const minTurnMs = 100;
const leaseMs = 5000;
/** The share is used no longer than this, so that its last requests are a second old when the store gives it away. */
const useMs = leaseMs - 2500;
/** After this many turns without demand the share is left to expire. */
const idleTurns = 4;

/** Holds this replica's share of the budget of one backend's account: as much as it needs, at most a fair part of what all need. */
export class QuotaLease {
  /** Allows calls within the share; none before the store has granted one. */
  readonly callQueue: CallQueue;
  /** Admits runs as the store grants starts. */
  readonly concurrency: ConcurrencyLimit;
  readonly #deps: QuotaLeaseDeps;
  readonly #budget: SharedBudgetOptions;
  /** Requests within a second, of all replicas; 0 for a backend without such a budget. */
  readonly #totalRequests: number;
  #requests = 0;
  #others: readonly { readonly requests: number; readonly wanted: number }[] = [];
  #idle = 0;
  #turning = false;
  #lastTurnMs = Number.NEGATIVE_INFINITY;
  #stopped = false;
  #cancelTurn: (() => void) | null = null;
  #dueMs = 0;
  #cancelExpiry: () => void = () => {};

  constructor(deps: QuotaLeaseDeps, budget: SharedBudgetOptions) {
    const { clock, health } = deps;
    const { maxPauseMs, maxConnections } = budget;
    this.#deps = deps;
    this.#budget = budget;
    this.#totalRequests = budget.rate === null ? 0 : Math.max(1, Math.floor(budget.rate.requestsPerSecond));
    this.callQueue = new CallQueue(
      { clock, health, maxPauseMs, maxConnections, onWait: () => this.#wake(turnMs) },
      budget.rate,
    );
    this.callQueue.allow(0);
    this.concurrency = new ConcurrencyLimit(
      budget.maxConcurrentRuns === null ? { kind: 'own', max: Number.POSITIVE_INFINITY } : { kind: 'granted' },
      () => this.#wake(minTurnMs),
    );
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTurn?.();
    this.#cancelExpiry();
  }

  /** There is demand: the next turn is due `spacingMs` after the last one. */
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
    this.#cancelTurn = clock.schedule(Math.max(0, dueMs - clock.monotonicMs()), () => {
      this.#cancelTurn = null;
      void this.#turn();
    });
  }

  async #turn(): Promise<void> {
    const { quotas, replica, clock, log } = this.#deps;
    const { backend, account, tenants, agentIds, spreadAgentIds, maxConcurrentRuns } = this.#budget;
    const { callQueue, concurrency } = this;
    this.#turning = true;
    this.#lastTurnMs = clock.monotonicMs();
    const wanted = Math.min(callQueue.demand === 0 ? 0 : Math.ceil(callQueue.demand * 1.25) + 1, this.#totalRequests);
    const asked = Math.min(wanted, this.#fairRequests(wanted));
    // The excess is not used from now on, and is given back once the last second of its use is over.
    if (asked < this.#requests) callQueue.allow(asked);
    const sentMs = this.#lastTurnMs;
    // The store would not know of a run that is admitted while it answers.
    if (maxConcurrentRuns !== null) concurrency.voidGrants();
    const { opening } = concurrency;
    try {
      const share = await quotas.share({
        backend,
        account,
        replica,
        leaseMs,
        requests: { total: this.#totalRequests, wanted: asked, inUse: callQueue.inUse },
        runs: {
          total: maxConcurrentRuns,
          agentIds,
          spreadAgentIds,
          tenants,
          inUse: opening,
          wanted: concurrency.waiting,
        },
      });
      this.#requests = Math.min(asked, share.requests);
      this.#others = share.others;
      this.#cancelExpiry();
      this.#cancelExpiry = clock.schedule(Math.max(0, sentMs + useMs - clock.monotonicMs()), () => this.#expire());
      callQueue.allow(this.#requests);
      if (maxConcurrentRuns !== null) concurrency.grant(share.starts - opening);
    } catch (error) {
      log.warn({ err: error }, 'store unavailable; budget share not renewed, retrying');
    }
    this.#turning = false;
    this.#idle = callQueue.demand === 0 && concurrency.waiting === 0 ? this.#idle + 1 : 0;
    if (!this.#stopped && this.#idle < idleTurns) this.#arm(turnMs);
  }

  #fairRequests(wanted: number): number {
    const others = this.#others.map((other) => other.wanted);
    const fair = divideFairly(this.#totalRequests, wanted, others);
    // With more replicas than requests, a replica that had a request leaves the next one to the others.
    return fair >= 1 ? Math.floor(fair) : this.#requests > 0 ? 0 : 1;
  }

  #expire(): void {
    this.#requests = 0;
    this.callQueue.allow(0);
    if (this.#budget.maxConcurrentRuns !== null) this.concurrency.expireGrants();
  }
}

/** The part of `wanted` in a max-min fair division of `total`: none gets more than it wants, and the rest is split equally. */
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
