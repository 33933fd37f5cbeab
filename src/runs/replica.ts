import { performance } from 'node:perf_hooks';
import type { Clock } from '../contract/clock.ts';
import type { Log } from '../contract/log.ts';
import type { Run } from '../contract/run.ts';
import type { Store } from '../contract/store.ts';

export type ReplicaSettings = { readonly heartbeatMs: number; readonly deadAfterMs: number };

const claimBatch = 200;
/** A lease ends for its holder this much before the others may take over. */
const leaseMarginShare = 0.2;

/**
 * This process among those on one database: it beats so that the others know that it lives, and takes on the runs
 * of those that no longer do. One write per beat, however many runs it drives (design, section 6).
 */
export class Replica {
  readonly id: string;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #settings: ReplicaSettings;
  readonly #adopt: (run: Run) => void;
  readonly #log: Log;
  #cancelBeat: () => void = () => {};
  #lastBeatMs = Number.NEGATIVE_INFINITY;
  #stopped = false;
  #beating: Promise<void> = Promise.resolve();

  constructor(
    id: string,
    parts: { readonly store: Store; readonly clock: Clock; readonly log: Log },
    settings: ReplicaSettings,
    adopt: (run: Run) => void,
  ) {
    this.id = id;
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#log = parts.log;
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

  /** Leaves: what this process drove is free for the others at once. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelBeat();
    await this.#beating;
    await this.#store.release(this.id);
  }

  #arm(): void {
    if (this.#stopped) return;
    this.#cancelBeat = this.#clock.schedule(this.#settings.heartbeatMs, () => {
      this.#beating = this.#turn()
        .catch((error: unknown) => this.#log.warn({ err: error }, 'a heartbeat failed'))
        .then(() => this.#arm());
    });
  }

  async #turn(): Promise<void> {
    // The lease counts from before the beat was sent: the store may have taken long to write it.
    const sentMs = performance.now();
    await this.#store.beat(this.id);
    this.#lastBeatMs = sentMs;
    let claimed: readonly Run[];
    let total = 0;
    do {
      const claim = { replica: this.id, deadAfterMs: this.#settings.deadAfterMs, limit: claimBatch };
      claimed = this.#stopped ? [] : await this.#store.claim(claim);
      for (const run of claimed) this.#adopt(run);
      total += claimed.length;
    } while (claimed.length === claimBatch);
    if (total > 0) this.#log.info({ runs: total }, 'took on runs that nobody drove');
  }
}
