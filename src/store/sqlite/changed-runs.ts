import { Pacer } from '../../compute/turns.ts';
import type { MergedRanges, ReadChunk } from './merged-ranges.ts';
import { readPlace } from './run-selection.ts';

/** Rows of one read. */
const scannedAtOnce = 500;
/** Larger than every run id. */
const beforeAll = '\u{10ffff}';
/** Places are sorted out when there are so many more of them than are kept. */
const slack = 5000;

/** Runs that no index has in the order of their last change; they are examined by their ids, and sorted. */
export type Scan = { readonly ranges: readonly (string | null)[]; readonly read: ReadChunk };

/**
 * Walks runs in the order of their last change, newest first: those that have ended along an index, which has them in that order,
 * and the others, which are few, from a list that is made when the walk begins. Only the newest of that list are kept, as many as
 * the caller can want; where more are asked for, because some were removed, it is made again from there on.
 */
export class ChangedRuns {
  readonly #ended: MergedRanges;
  readonly #scan: Scan | null;
  readonly #max: number;
  /** Places of runs that have ended and are known, newest first, and the next of them. */
  #known: readonly string[] = [];
  #at = 0;
  /** The same of the others; null: the list is to be made, from `#scanFrom` on. */
  #scanned: readonly string[] | null = null;
  #scannedAt = 0;
  #scanFrom: string;
  /** The list has all that there are. */
  #isScanWhole = false;
  /** Runs that were given as ended: one that ended while the list was made is in it too. */
  readonly #given = new Set<string>();

  constructor(options: {
    readonly ended: MergedRanges;
    readonly scan: Scan | null;
    /** Only runs after this place. */
    readonly start: string;
    /** How many runs the caller can want. */
    readonly max: number;
  }) {
    this.#ended = options.ended;
    this.#scan = options.scan;
    this.#scanFrom = options.start;
    this.#max = options.max;
  }

  get isEnd(): boolean {
    return this.#isEndedOver && this.#scanned !== null && this.#isScanOver;
  }

  get #isEndedOver(): boolean {
    return this.#at >= this.#known.length && this.#ended.isEnd;
  }

  get #isScanOver(): boolean {
    return this.#isScanWhole && this.#scannedAt >= (this.#scanned?.length ?? 0);
  }

  /** The places of the next runs that match, after about `size` rows of the index were examined. */
  async next(size: number): Promise<readonly string[]> {
    const taken: string[] = [];
    let hasRead = false;
    while (taken.length < size) {
      if (this.#scanned === null || (this.#scannedAt >= this.#scanned.length && !this.#isScanWhole))
        await this.#rescan();
      if (this.#at >= this.#known.length && !this.#ended.isEnd) {
        // What comes next is not known before the index gives something.
        if (hasRead) break;
        hasRead = true;
        this.#known = await this.#ended.next(size);
        this.#at = 0;
        if (this.#known.length === 0 && !this.#ended.isEnd) break;
      }
      const place = this.#takeNewest();
      if (place === undefined) break;
      taken.push(place);
    }
    return taken;
  }

  #takeNewest(): string | undefined {
    const ended = this.#known[this.#at];
    const scanned = this.#scanned?.[this.#scannedAt];
    if (ended !== undefined && (scanned === undefined || ended > scanned)) {
      this.#at += 1;
      if (scanned !== undefined) this.#given.add(readPlace(ended).runId);
      return ended;
    }
    if (scanned === undefined) return undefined;
    this.#scannedAt += 1;
    this.#scanFrom = scanned;
    return this.#given.has(readPlace(scanned).runId) ? this.#takeNewest() : scanned;
  }

  async #rescan(): Promise<void> {
    const found = new NewestPlaces(this.#max);
    if (this.#scan !== null) {
      const { ranges, read } = this.#scan;
      const pacer = new Pacer();
      for (const range of ranges) {
        for (let before: string | null = beforeAll; before !== null; ) {
          const { ids, examined, last } = read(range, before, scannedAtOnce);
          found.add(ids.filter((place) => place < this.#scanFrom));
          before = examined < scannedAtOnce ? null : last;
          const pause = pacer.pause();
          if (pause !== undefined) await pause;
        }
      }
    }
    this.#scanned = found.list();
    this.#isScanWhole = found.isWhole;
    this.#scannedAt = 0;
  }
}

/** The newest of many places. */
class NewestPlaces {
  readonly #max: number;
  #places: string[] = [];
  isWhole = true;

  constructor(max: number) {
    this.#max = max;
  }

  add(places: readonly string[]): void {
    this.#places.push(...places);
    if (this.#places.length > this.#max + slack) this.#cut();
  }

  list(): readonly string[] {
    this.#cut();
    return this.#places;
  }

  #cut(): void {
    this.#places.sort((a, b) => (a < b ? 1 : -1));
    if (this.#places.length <= this.#max) return;
    this.#places.length = this.#max;
    this.isWhole = false;
  }
}
