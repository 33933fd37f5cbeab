import { performance } from 'node:perf_hooks';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';

export type LeaseOptions = { readonly heartbeatMs: number; readonly deadAfterMs: number };

const claimBatch = 200;
/** A write whose connection broke is carried out or given up by the server within so long. */
const settledAfterMs = 10_000;
/** A lease ends for its holder this much before the others may take over. */
const leaseMarginShare = 0.2;

/**
 * This process among those on one database: it beats so that the others know that it lives, and takes on the runs
 * of those that no longer do. One write per beat, however many runs it drives (design, section 6).
 */
export class Lease {
  readonly id: string;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #settings: LeaseOptions;
  readonly #adopt: (run: Run) => void;
  readonly #log: Log;
  #cancelBeat: () => void = () => {};
  #lastBeatMs = Number.NEGATIVE_INFINITY;
  #isCutOff = false;
  /** Before it, nobody's silence proves anything. */
  #claimsFromMs = Number.NEGATIVE_INFINITY;
  /** Until then what this process owns may be more than it knows; null: it is not. */
  #doubtUntilMs: number | null = null;
  #stopped = false;
  #beating: Promise<void> = Promise.resolve();

  constructor(
    id: string,
    deps: { readonly store: Store; readonly clock: Clock; readonly log: Log },
    settings: LeaseOptions,
    adopt: (run: Run) => void,
  ) {
    this.id = id;
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#settings = settings;
    this.#adopt = adopt;
  }

  /** First beat and first claims; rejects with `StorageFault`. */
  async start(): Promise<void> {
    await this.#turn();
    this.#arm();
  }

  /**
   * Whether the others still count this process among the living. A process that was paused past its lease finds
   * false here before it can ask a vendor for anything. Monotonic time: a clock that is set changes nothing.
   */
  holdsLease(): boolean {
    if (!this.#store.shared) return true;
    const leaseMs = this.#settings.deadAfterMs * (1 - leaseMarginShare);
    return performance.now() - this.#lastBeatMs < leaseMs;
  }

  /**
   * A write by which this process came to own runs may have been carried out without its hearing of it. Nobody else
   * takes such a run while this process lives, so it looks for them itself.
   */
  doubt(): void {
    if (this.#store.shared) this.#doubtUntilMs = performance.now() + settledAfterMs;
  }

  /** Leaves: what this process drove is free for the others at once. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelBeat();
    await this.#beating;
    try {
      await this.#store.release(this.id);
    } catch (error) {
      this.#log.warn({ err: error }, 'the store does not answer; the others will find out by the silence');
    }
  }

  #arm(): void {
    if (this.#stopped) return;
    this.#cancelBeat = this.#clock.schedule(this.#settings.heartbeatMs, () => {
      this.#beating = this.#turn()
        .catch((error: unknown) => this.#log.warn({ err: error }, 'a heartbeat failed'))
        .then(() => this.#arm());
    });
  }

  /** While the store was away the others could not beat either: they get as long to be heard as if they beat just now. */
  async #beat(): Promise<void> {
    try {
      await this.#store.beat(this.id);
    } catch (error) {
      this.#isCutOff = true;
      throw error;
    }
    if (!this.#isCutOff) return;
    this.#isCutOff = false;
    this.#claimsFromMs = performance.now() + this.#settings.deadAfterMs;
    this.#log.info({}, 'the store answers again; the others are given time to be heard');
  }

  async #turn(): Promise<void> {
    // The lease counts from before the beat was sent: the store may have taken long to write it.
    const sentMs = performance.now();
    await this.#beat();
    this.#lastBeatMs = sentMs;
    await this.#adoptOwned(sentMs);
    if (sentMs < this.#claimsFromMs) return;
    let claimed: readonly Run[];
    let total = 0;
    do {
      claimed = this.#stopped ? [] : await this.#claim();
      for (const run of claimed) this.#adopt(run);
      total += claimed.length;
    } while (claimed.length === claimBatch);
    if (total > 0) this.#log.info({ runs: total }, 'took on runs that nobody drove');
  }

  async #claim(): Promise<readonly Run[]> {
    try {
      return await this.#store.claim({
        replica: this.id,
        deadAfterMs: this.#settings.deadAfterMs,
        limit: claimBatch,
      });
    } catch (error) {
      this.doubt();
      throw error;
    }
  }

  /** While there is doubt, and once after it; what is driven already stays as it is. */
  async #adoptOwned(nowMs: number): Promise<void> {
    if (this.#doubtUntilMs === null) return;
    const isLast = nowMs > this.#doubtUntilMs;
    let owned: readonly Run[];
    let afterRunId: string | null = null;
    do {
      owned = this.#stopped ? [] : await this.#store.owned(this.id, afterRunId, claimBatch);
      for (const run of owned) this.#adopt(run);
      afterRunId = owned.at(-1)?.runId ?? null;
    } while (owned.length === claimBatch);
    // A doubt that came meanwhile has a time of its own.
    if (isLast && nowMs > this.#doubtUntilMs) this.#doubtUntilMs = null;
  }
}
