import { Pacer } from '../../compute/turns.ts';

/** What was found among rows of a range that follow each other. */
export type Chunk = {
  /** Those that match, newest first. */
  readonly ids: readonly string[];
  readonly examined: number;
  /** The oldest that was examined; null when there was none. */
  readonly last: string | null;
};

/** Examines the next `size` rows of one range that are older than a run. */
export type ReadChunk = (range: string | null, before: string, size: number) => Chunk;

type Head = {
  readonly range: string | null;
  ids: readonly string[];
  /** The next of them. */
  at: number;
  /** Up to here the range was examined; null: to its end. */
  last: string | null;
};

/** Rows of one read. */
const maxChunk = 2000;
/** Rows that are examined within a tenth of a millisecond, in an index alone. */
const fewRows = 400;
/** So many ranges are opened at once; more of them with turns of the event loop in between. */
const maxAtOnce = 100;
/** Larger than every run id. */
const beforeAll = '\u{10ffff}';

/**
 * Walks several ranges of an index as if they were one, newest first. Each range is read a chunk at a time, so that nothing
 * is held open between two calls.
 */
export class MergedRanges {
  readonly #ranges: readonly (string | null)[];
  readonly #read: ReadChunk;
  readonly #start: string;
  #heads: Head[] | null = null;
  #budget = 0;
  #examined = 0;
  #taken: string | null = null;

  /** @param start only runs that are older than this one. */
  constructor(ranges: readonly (string | null)[], read: ReadChunk, start = beforeAll) {
    this.#ranges = ranges;
    this.#read = read;
    this.#start = start;
  }

  /** How many rows were examined. */
  get examined(): number {
    return this.#examined;
  }

  /** The run before which another walk begins that goes on after this one; null at the end. */
  get position(): string | null {
    const head = this.#heads?.[newest(this.#heads)];
    if (head === undefined) return null;
    // What is known and was not taken yet comes next.
    return head.at < head.ids.length ? this.#taken : head.last;
  }

  /** The next of the runs that match, after about `size` rows were examined. A promise where there are many ranges to open. */
  next(size: number): readonly string[] | Promise<readonly string[]> {
    this.#budget = size;
    if (this.#heads !== null) return this.#take(this.#heads, size);
    if (this.#ranges.length > maxAtOnce) return this.#openSlowly(size);
    this.#heads = this.#ranges.flatMap((range) => this.#open(range, size));
    return this.#take(this.#heads, size);
  }

  /** Whether all ranges were walked to their ends. */
  get isEnd(): boolean {
    return this.#heads?.length === 0;
  }

  async #openSlowly(size: number): Promise<readonly string[]> {
    const pacer = new Pacer();
    const heads: Head[] = [];
    for (const range of this.#ranges) {
      heads.push(...this.#open(range, size));
      const pause = pacer.pause();
      if (pause !== undefined) await pause;
    }
    this.#heads = heads;
    return this.#take(heads, size);
  }

  /** None for an empty range. */
  #open(range: string | null, wanted: number): readonly Head[] {
    const head: Head = { range, ids: [], at: 0, last: this.#start };
    this.#refill(head, chunkOf(wanted, this.#ranges.length));
    return isUsedUp(head) ? [] : [head];
  }

  #take(heads: Head[], size: number): readonly string[] {
    const taken: string[] = [];
    // What was examined while the ranges were opened may be taken in any case.
    while (taken.length < size) {
      const place = newest(heads);
      const head = heads[place];
      if (head === undefined) break;
      const id = head.ids[head.at];
      if (id !== undefined) {
        taken.push(id);
        this.#taken = id;
        head.at += 1;
      } else {
        if (this.#budget <= 0) break;
        this.#refill(head, chunkOf(size - taken.length, heads.length));
      }
      if (isUsedUp(head)) heads.splice(place, 1);
    }
    return taken;
  }

  #refill(head: Head, size: number): void {
    if (head.last === null) return;
    const { ids, examined, last } = this.#read(head.range, head.last, size);
    this.#budget -= examined;
    this.#examined += examined;
    head.ids = ids;
    head.at = 0;
    head.last = examined < size ? null : last;
  }
}

/**
 * A read costs more than some rows more of it, so where that is little each range gives as many as are wanted. Otherwise it gives
 * twice its share, for ranges that are not alike. Never more than is wanted: rows may be slow to examine.
 */
function chunkOf(wanted: number, ranges: number): number {
  const share = Math.max(Math.ceil((2 * wanted) / ranges), Math.floor(fewRows / ranges));
  return Math.max(1, Math.min(maxChunk, wanted, share));
}

function isUsedUp(head: Head): boolean {
  return head.at >= head.ids.length && head.last === null;
}

/** The place of the range that may have the newest run of all; -1 without ranges. */
function newest(heads: readonly Head[]): number {
  let found = -1;
  let id = '';
  for (const [place, head] of heads.entries()) {
    // A range without a known run may go on right after the last that was examined.
    const next = head.ids[head.at] ?? head.last ?? '';
    if (found >= 0 && next <= id) continue;
    found = place;
    id = next;
  }
  return found;
}
