import type { Clock } from '../../contract/domain/clock.ts';
import type { PartialMark, Run } from '../../contract/domain/run.ts';

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

/** Says when a run may show its next partial output, by the monotonic clock. */
export class PartialSpacing {
  readonly #clock: Clock;
  readonly #handle: { readonly run: Run; readonly createdMonotonicMs: number };
  #last: PartialMark | undefined;
  #lastMonotonicMs = 0;

  constructor(clock: Clock, handle: { readonly run: Run; readonly createdMonotonicMs: number }) {
    this.#clock = clock;
    this.#handle = handle;
  }

  get isOver(): boolean {
    const { partial } = this.#handle.run;
    if (partial === undefined) return true;
    const nowMs = this.#clock.monotonicMs();
    if (partial.seq !== this.#last?.seq) {
      // Of a recovered run, the wall clock is read once.
      this.#lastMonotonicMs = nowMs - Math.max(0, this.#clock.nowMs() - partial.atMs);
      this.#last = partial;
    }
    const ageMs = nowMs - this.#handle.createdMonotonicMs;
    return nowMs - this.#lastMonotonicMs >= partialSpacingMs({ chars: partial.chars, ageMs });
  }
}
