import type { Clock } from '../../contract/domain/clock.ts';
import type { RunKey } from '../../contract/domain/run.ts';
import type { EventBus } from './event-bus.ts';

/** How long a run counts as watched after it was asked for: longer than clients pause between two questions. */
const watchedMs = 10_000;
/** Further runs are looked at like unwatched ones. */
const maxReaders = 10_000;

type Reader = { readonly leave: () => void; cancel: () => void };

/** Watches the runs that clients ask for again and again, so that vendors are asked for them as for watched ones. */
export class RecentReaders {
  readonly #bus: EventBus;
  readonly #clock: Clock;
  readonly #readers = new Map<string, Reader>();

  constructor(bus: EventBus, clock: Clock) {
    this.#bus = bus;
    this.#clock = clock;
  }

  /** A client asks for a run that is not done, and is taken to ask again. */
  note(key: RunKey): void {
    const { runId } = key;
    const known = this.#readers.get(runId);
    known?.cancel();
    if (known === undefined && this.#readers.size >= maxReaders) return;
    const reader = known ?? { leave: this.#watch(key), cancel: () => {} };
    reader.cancel = this.#clock.schedule(watchedMs, () => this.#forget(runId));
    this.#readers.set(runId, reader);
  }

  close(): void {
    for (const runId of [...this.#readers.keys()]) this.#forget(runId);
  }

  #watch(key: RunKey): () => void {
    return this.#bus.subscribe(key, ({ run }) => {
      if (run === null || run.phase === 'done') this.#forget(key.runId);
    });
  }

  #forget(runId: string): void {
    const reader = this.#readers.get(runId);
    this.#readers.delete(runId);
    reader?.cancel();
    reader?.leave();
  }
}
