import type { Clock } from '../../contract/domain/clock.ts';
import type { WakeSignals } from '../../contract/store/wake-signals.ts';
import type { EventBus } from '../events/event-bus.ts';
import type { RemoteWatchers } from '../events/remote-watchers.ts';
import { repeat } from '../sleeper.ts';

export type SharedWatchesDeps = {
  /** Null where no other process shares the store. */
  readonly wakes: WakeSignals | null;
  readonly bus: Pick<EventBus, 'isWatched' | 'isThreadWatched' | 'keys' | 'threadIds'>;
  readonly live: {
    get(runId: string): { wake(): void } | undefined;
    hasThread(threadId: string): boolean;
    wakeThread(threadId: string): void;
  };
  readonly remote: RemoteWatchers;
  readonly clock: Clock;
};

/** A reader of a run that is over, and one of a run that ends at once, leave before others would hear of them. */
const gatherMs = 25;
/** The owner of a run may have changed, and what was said may be lost. */
const renewMs = 5000;

/**
 * Tells the replicas that drive runs which of them clients watch here, and heeds what others tell. Without it a run would be
 * polled as an unwatched one wherever a client reaches another replica than the run's own.
 */
export class SharedWatches {
  readonly #deps: SharedWatchesDeps;
  #runs: string[] = [];
  #threads: string[] = [];
  #cancel: (() => void) | null = null;
  readonly #stops: readonly (() => unknown)[];

  constructor(deps: SharedWatchesDeps) {
    this.#deps = deps;
    const { wakes, clock } = deps;
    this.#stops =
      wakes === null
        ? []
        : [wakes.onWatched(({ kind, id }) => this.#heed(kind, id)), repeat(clock, renewMs, async () => this.#renew())];
  }

  /** A run has its first watcher in this process. */
  noteRun(runId: string): void {
    if (this.#deps.wakes === null || this.#deps.live.get(runId) !== undefined) return;
    this.#runs.push(runId);
    this.#schedule();
  }

  /** The same for a thread, each of whose runs may be driven by another replica. */
  noteThread(threadId: string): void {
    if (this.#deps.wakes === null) return;
    this.#threads.push(threadId);
    this.#schedule();
  }

  stop(): void {
    this.#cancel?.();
    for (const stop of this.#stops) stop();
  }

  #schedule(): void {
    this.#cancel ??= this.#deps.clock.schedule(gatherMs, () => {
      this.#cancel = null;
      const { bus } = this.#deps;
      const [runs, threads] = [this.#runs, this.#threads];
      this.#runs = [];
      this.#threads = [];
      this.#say(
        runs.filter((runId) => bus.isWatched(runId)),
        threads.filter((threadId) => bus.isThreadWatched(threadId)),
      );
    });
  }

  #renew(): number {
    const { bus, remote } = this.#deps;
    remote.sweep();
    this.#say(
      bus.keys().map(({ runId }) => runId),
      bus.threadIds(),
    );
    return renewMs;
  }

  #say(runs: readonly string[], threads: readonly string[]): void {
    const { wakes, live } = this.#deps;
    for (const id of runs) if (live.get(id) === undefined) wakes?.announceWatched({ kind: 'run', id });
    for (const id of threads) wakes?.announceWatched({ kind: 'thread', id });
  }

  #heed(kind: 'run' | 'thread', id: string): void {
    const { live, remote } = this.#deps;
    if (kind === 'thread') {
      if (live.hasThread(id) && remote.heed(id)) live.wakeThread(id);
      return;
    }
    const run = live.get(id);
    if (run !== undefined && remote.heed(id)) run.wake();
  }
}
