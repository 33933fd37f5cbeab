import type { Clock } from '../../contract/domain/clock.ts';
import type { Run } from '../../contract/domain/run.ts';

/** What a run's partial outputs may send to each watcher in the long run: 128 KiB of JSON a second. */
const charsPerMs = 131.072;
/** Of the run's age: a run that lives a thousand times longer has only ten times as many. */
const shareOfAge = 0.001;

/**
 * The least time between two partial outputs of a run. It grows with the size of the last one and with the run's age, so
 * that neither a large output nor a long run fills the store or the streams of its watchers.
 */
export function partialSpacingMs({ chars, ageMs }: { readonly chars: number; readonly ageMs: number }): number {
  return Math.max(chars / charsPerMs, ageMs * shareOfAge);
}

/** What is remembered of a run's last partial output; `partialSeq` is null before it was looked at. */
export type SpacingMemory = {
  readonly createdMonotonicMs: number;
  partialSeq: number | null;
  partialMonotonicMs: number;
};

/** Says when a run may show its next partial output, by the monotonic clock. */
export class PartialSpacing {
  readonly #clock: Clock;
  readonly #handle: { readonly run: Run };
  readonly #memory: SpacingMemory;

  constructor(clock: Clock, handle: { readonly run: Run }, memory: SpacingMemory) {
    this.#clock = clock;
    this.#handle = handle;
    this.#memory = memory;
  }

  get isOver(): boolean {
    const { partial } = this.#handle.run;
    if (partial === undefined) return true;
    const memory = this.#memory;
    const nowMs = this.#clock.monotonicMs();
    if (partial.seq !== memory.partialSeq) {
      // The wall clock is read once for each partial output.
      memory.partialMonotonicMs = nowMs - Math.max(0, this.#clock.nowMs() - partial.atMs);
      memory.partialSeq = partial.seq;
    }
    const ageMs = nowMs - memory.createdMonotonicMs;
    return nowMs - memory.partialMonotonicMs >= partialSpacingMs({ chars: partial.chars, ageMs });
  }
}
