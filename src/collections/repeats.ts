import { LRUCache } from 'lru-cache';

export type RepeatOptions = {
  /** What goes on is said again after this long. */
  readonly repeatMs: number;
  /** How often within that time a thing is said that comes and goes. */
  readonly maxTimes: number;
  /** Things that are remembered; one that was pushed out is new when it happens again. */
  readonly maxKinds: number;
};

type Said = {
  atMs: number;
  /** How often it happened since, without being said. */
  heldBack: number;
  /** Of its group, when it happened last. */
  epoch: number;
  /** Begin of the time in which {@link times} counts. */
  sinceMs: number;
  times: number;
};

/**
 * Decides when a thing that happens again and again is said: the first time, when its group has been well in between, and
 * otherwise once in a while.
 */
export class Repeats {
  readonly #options: RepeatOptions;
  readonly #said: LRUCache<string, Said>;
  /** How often each group was well; only groups of which something was said. */
  readonly #epochs = new Map<string, number>();

  constructor(options: RepeatOptions) {
    this.#options = options;
    this.#said = new LRUCache({ max: options.maxKinds });
  }

  /** How often it was held back since it was said last, if it is to be said now; null: it is held back. */
  admit(kind: string, group: string, nowMs: number): number | null {
    const { repeatMs, maxTimes } = this.#options;
    const epoch = this.#epochs.get(group) ?? 0;
    if (epoch === 0) this.#epochs.set(group, 0);
    const said = this.#said.get(kind);
    if (said === undefined) {
      this.#said.set(kind, { atMs: nowMs, heldBack: 0, epoch, sinceMs: nowMs, times: 1 });
      return 0;
    }
    const isNew = said.epoch !== epoch;
    said.epoch = epoch;
    if (nowMs - said.sinceMs >= repeatMs) {
      said.sinceMs = nowMs;
      said.times = 0;
    }
    const isDue = nowMs - said.atMs >= repeatMs || (isNew && said.times < maxTimes);
    if (!isDue) {
      said.heldBack += 1;
      return null;
    }
    const { heldBack } = said;
    said.atMs = nowMs;
    said.heldBack = 0;
    said.times += 1;
    return heldBack;
  }

  /** What the group is about works: each of its things is new when it happens again. */
  noteWell(group: string): void {
    const epoch = this.#epochs.get(group);
    if (epoch !== undefined) this.#epochs.set(group, epoch + 1);
  }
}
