import { ReleasingMap } from '../../collections/releasing-map.ts';
import type { Clock } from '../../contract/domain/clock.ts';

/** Longer than two of the periods at which replicas say it again, so that one that is lost is not missed. */
const heedMs = 12_000;
/** Further runs are looked at like unwatched ones. */
const maxWatched = 20_000;

/** Runs and threads of this process that clients watch at other replicas, as these have said of late. */
export class RemoteWatchers {
  readonly #clock: Clock;
  /** By the id of a run or a thread: until when it counts as watched, by the monotonic clock. */
  readonly #watched = new ReleasingMap<string, { untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Another replica says that a client watches a run or a thread. Whether that was not known. */
  heed(id: string): boolean {
    const untilMs = this.#clock.monotonicMs() + heedMs;
    const known = this.#watched.get(id);
    if (known !== undefined) {
      const isNews = !this.#counts(known);
      known.untilMs = untilMs;
      return isNews;
    }
    if (this.#watched.size >= maxWatched) return false;
    this.#watched.set(id, { untilMs });
    return true;
  }

  isWatched(runId: string, threadId: string | null): boolean {
    if (this.#watched.size === 0) return false;
    return this.#has(runId) || (threadId !== null && this.#has(threadId));
  }

  /** Forgets what is not watched any more. */
  sweep(): void {
    for (const [id, watched] of this.#watched.entries()) if (!this.#counts(watched)) this.#watched.delete(id);
  }

  #has(id: string): boolean {
    const watched = this.#watched.get(id);
    return watched !== undefined && this.#counts(watched);
  }

  #counts({ untilMs }: { readonly untilMs: number }): boolean {
    return untilMs > this.#clock.monotonicMs();
  }
}
