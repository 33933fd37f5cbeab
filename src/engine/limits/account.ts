import type { Clock } from '../../contract/domain/clock.ts';
import { PushArrivals } from '../pacing/push-arrivals.ts';
import type { PushChannel } from '../pacing/push-channel.ts';
import type { AccountHealth, AccountState } from './account-health.ts';
import type { CallQueue } from './call-queue.ts';
import type { ConcurrencyLimit } from './concurrency-limit.ts';
import type { HeldCalls } from './held-calls.ts';

export type AccountDeps = {
  readonly clock: Clock;
  readonly health: AccountHealth;
  readonly callQueue: CallQueue;
  readonly concurrency: ConcurrencyLimit;
  readonly heldCalls: HeldCalls;
  readonly push: PushChannel | null;
  /** Called whenever a run has to wait. */
  readonly onWait: () => void;
  /** Called when nothing uses the account any more. */
  readonly onUnused: () => void;
  /** Ends its share of a budget that replicas divide. */
  readonly stopLease: () => void;
};

/** What the account is, in the config's words. */
export type AccountName = {
  readonly backend: string;
  /** The vendor's account: backends with the same one share its health. */
  readonly id: string;
  /** The tenants that share it; null: all. */
  readonly tenants: readonly string[] | null;
};

/** The limits that the runs of one backend share which the vendor knows by the same credentials. */
export class Account {
  readonly name: AccountName;
  readonly clock: Clock;
  readonly callQueue: CallQueue;
  readonly concurrency: ConcurrencyLimit;
  readonly heldCalls: HeldCalls;
  readonly push: PushChannel | null;
  /** The pushes of a vendor that calls one URL for the whole account. */
  readonly accountPushes = new PushArrivals();
  readonly #deps: AccountDeps;
  #users = 0;

  constructor(name: AccountName, deps: AccountDeps) {
    this.name = name;
    this.clock = deps.clock;
    this.callQueue = deps.callQueue;
    this.concurrency = deps.concurrency;
    this.heldCalls = deps.heldCalls;
    this.push = deps.push;
    this.#deps = deps;
  }

  get state(): AccountState {
    return this.#deps.health.state;
  }

  /** Whether it can be forgotten: a new one in its place would behave the same. */
  get isForgettable(): boolean {
    const { health, callQueue, concurrency } = this.#deps;
    const isUnused = this.#users === 0 && callQueue.isIdle && concurrency.isIdle;
    return isUnused && health.isForgettable && !this.accountPushes.isAlive;
  }

  /** A run, or a call outside any, uses the account until it is released as often as it was held. */
  hold(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#deps.onUnused();
  }

  onWait(): void {
    this.#deps.onWait();
  }

  /** Another account takes its place: its runs leave it one by one. */
  retire(): void {
    this.#deps.stopLease();
  }

  close(): void {
    this.#deps.stopLease();
    this.callQueue.close();
  }
}
