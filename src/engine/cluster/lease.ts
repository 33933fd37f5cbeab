import { performance } from 'node:perf_hooks';
import { v7 as uuidV7 } from 'uuid';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';
import { repeat } from '../sleeper.ts';

export type LeaseOptions = { readonly heartbeatMs: number; readonly deadAfterMs: number };

/** Drives a live run that this process owns. Does nothing for one that it drives already. */
type Recover = (run: Run) => void;

const claimBatch = 200;
/** A write whose connection broke is carried out or rolled back by the server within this time. */
const settledAfterMs = 10_000;
/** A lease ends for its holder this much before other replicas may claim its runs. */
const leaseMarginShare = 0.2;

/**
 * This process among the replicas on one database: its heartbeat shows that it lives, and it claims the runs of replicas
 * that are dead. One write per heartbeat, however many runs the process drives.
 */
export class Lease {
  /** Identifies this process, as the owner of runs. */
  readonly replica = uuidV7();
  readonly #store: Store;
  readonly #clock: Clock;
  readonly options: LeaseOptions;
  readonly #log: Log;
  #stopBeating: () => Promise<void> = () => Promise.resolve();
  #lastBeatMs = Number.NEGATIVE_INFINITY;
  #isCutOff = false;
  /** Until then a missing heartbeat of another replica proves nothing. */
  #claimsFromMs = Number.NEGATIVE_INFINITY;
  /** Until then this process may own runs that it does not know of; null: it does not. */
  #unknownRunsUntilMs: number | null = null;
  #stopped = false;
  #claimsPaused = false;

  constructor(deps: { readonly store: Store; readonly clock: Clock; readonly log: Log }, options: LeaseOptions) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.options = options;
  }

  /** Sends the first heartbeat and makes the first claims. Rejects with `StorageFault`. */
  async start(recover: Recover): Promise<void> {
    await this.#turn(recover);
    const { heartbeatMs } = this.options;
    this.#stopBeating = repeat(this.#clock, heartbeatMs, async () => {
      await this.#turn(recover).catch((error: unknown) =>
        this.#log.warn({ err: error }, 'store unavailable; heartbeat skipped, other replicas may claim these runs'),
      );
      return heartbeatMs;
    });
  }

  /**
   * Whether other replicas still count this process as alive: only then may it ask vendors for anything that must not
   * happen twice. A process that was paused past its lease finds false here before it can send a request. The time is
   * monotonic, so setting the clock changes nothing.
   */
  isHeld(): boolean {
    if (this.#store.fence !== null && this.#store.fence.fault !== null) return false;
    if (!this.#store.shared) return true;
    const leaseMs = this.options.deadAfterMs * (1 - leaseMarginShare);
    return performance.now() - this.#lastBeatMs < leaseMs;
  }

  /**
   * A write by which this process came to own runs may have been carried out although its answer was lost. No other
   * replica claims such a run while this process lives, so this process looks for it.
   */
  expectUnknownRuns(): void {
    if (this.#store.shared) this.#unknownRunsUntilMs = performance.now() + settledAfterMs;
  }

  /** While it is paused, runs of dead replicas are left to the others. */
  pauseClaims(isPaused: boolean): void {
    this.#claimsPaused = isPaused;
  }

  /** Gives the runs of this process to the other replicas at once. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#stopBeating();
    try {
      await this.#store.release(this.replica);
    } catch (error) {
      this.#log.warn(
        { err: error },
        'store unavailable; lease not released, other replicas will wait until it expires',
      );
    }
  }

  /** While the store was unavailable the other replicas could not beat either: they get a whole period to be heard. */
  async #beat(): Promise<void> {
    try {
      await this.#store.beat(this.replica);
    } catch (error) {
      this.#isCutOff = true;
      throw error;
    }
    if (!this.#isCutOff) return;
    this.#isCutOff = false;
    this.#claimsFromMs = performance.now() + this.options.deadAfterMs;
    this.#log.info({}, "store recovered; waiting for other replicas' heartbeats before claiming runs");
  }

  async #turn(recover: Recover): Promise<void> {
    // The lease counts from before the heartbeat was sent, because the store may have taken long to write it.
    const sentMs = performance.now();
    await this.#beat();
    this.#lastBeatMs = sentMs;
    await this.#recoverUnknownRuns(sentMs, recover);
    if (sentMs < this.#claimsFromMs || this.#claimsPaused) return;
    let claimed: readonly Run[];
    let total = 0;
    do {
      claimed = this.#stopped ? [] : await this.#claim();
      for (const run of claimed) recover(run);
      total += claimed.length;
    } while (claimed.length === claimBatch);
    if (total > 0) this.#log.info({ runs: total }, 'claimed orphaned runs');
  }

  async #claim(): Promise<readonly Run[]> {
    try {
      return await this.#store.claim({
        replica: this.replica,
        deadAfterMs: this.options.deadAfterMs,
        limit: claimBatch,
      });
    } catch (error) {
      this.expectUnknownRuns();
      throw error;
    }
  }

  /** Reads the owned runs while unknown ones are expected, and once after that. */
  async #recoverUnknownRuns(nowMs: number, recover: Recover): Promise<void> {
    if (this.#unknownRunsUntilMs === null) return;
    const isLast = nowMs > this.#unknownRunsUntilMs;
    let owned: readonly Run[];
    let afterRunId: string | null = null;
    do {
      owned = this.#stopped ? [] : await this.#store.owned(this.replica, afterRunId, claimBatch);
      for (const run of owned) recover(run);
      afterRunId = owned.at(-1)?.runId ?? null;
    } while (owned.length === claimBatch);
    // Another write may have been lost in the meantime, with a deadline of its own.
    if (isLast && nowMs > this.#unknownRunsUntilMs) this.#unknownRunsUntilMs = null;
  }
}
