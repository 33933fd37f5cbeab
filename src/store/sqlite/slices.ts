import { z } from 'zod';
import { nextTurn, Pacer, readLarge } from '../../compute/turns.ts';
import type { RowBatch } from '../../contract/store/rows.ts';
import { maxBatchSize, maxReadAtOnce } from '../row-batches.ts';

/** Rows that are examined at once: a few milliseconds, where they are as small as usual. */
const maxSlice = 2000;
/** The first slice of a search whose rows have to be examined: how large they are is not known yet. */
const firstSlice = 100;
/** How long a slice should take. */
const sliceMs = 2;

/** A row that was read, and how much that was. */
export type Loaded<Found> = { readonly row: Found; readonly size: number };

export type Slice<Place> = { readonly places: readonly Place[]; readonly isEnd: boolean };

/** A slice of rows that were asked for by their number, so that fewer mean the end. */
export function sliceOf<Place>(places: readonly Place[], size: number): Slice<Place> {
  return { places, isEnd: places.length < size };
}

export type SliceSearch<Place extends { readonly matched: number }, Found> = {
  /** Reads the next rows after a row, about `size`. `skip`: leaves that many rows out first. */
  readonly readSlice: (after: Place | undefined, size: number, skip: number) => Slice<Place> | Promise<Slice<Place>>;
  /** Null when the row was removed in the meantime. */
  readonly load: (place: Place) => Loaded<Found> | null | Promise<Loaded<Found> | null>;
  readonly offset: number;
  readonly limit: number;
  /** Whether an index alone finds the rows: then all of them match, and `readSlice` skips the offset. */
  readonly isIndexed: boolean;
};

/**
 * Walks rows slice by slice with other work in between, and gives what `load` makes of those that match: at most `limit`,
 * after the first `offset`. A slice is as large as can be examined within a few milliseconds.
 */
export async function* walkSlices<Place extends { readonly matched: number }, Found>(
  search: SliceSearch<Place, Found>,
): AsyncGenerator<RowBatch<Found>, undefined> {
  const { limit, isIndexed } = search;
  const pacer = new Pacer();
  let toSkip = isIndexed ? 0 : search.offset;
  let skip = isIndexed ? search.offset : 0;
  let after: Place | undefined;
  let found = 0;
  // Where most rows match, little more is read than is returned.
  let size = Math.min(isIndexed ? maxSlice : firstSlice, toSkip + limit);
  let rows: Found[] = [];
  let batchSize = 0;
  for (;;) {
    const startedMs = performance.now();
    const reading = search.readSlice(after, size, skip);
    const { places, isEnd } = reading instanceof Promise ? await reading : reading;
    const tookMs = performance.now() - startedMs;
    for (const place of places) {
      if (place.matched === 0) continue;
      if (toSkip > 0) {
        toSkip -= 1;
        continue;
      }
      const loading = search.load(place);
      const loaded = loading instanceof Promise ? await loading : loading;
      if (loaded === null) continue;
      found += 1;
      rows.push(loaded.row);
      batchSize += loaded.size;
      if (found === limit) break;
      const pause = pacer.pause();
      if (batchSize < maxBatchSize && pause === undefined) continue;
      yield { rows, size: batchSize };
      [rows, batchSize] = [[], 0];
      await pause;
    }
    if (found === limit || isEnd) break;
    after = places.at(-1);
    skip = 0;
    size = Math.max(1, Math.min(maxSlice, Math.floor(size * Math.min(4, sliceMs / Math.max(tookMs, 0.01)))));
    await nextTurn();
    pacer.restart();
  }
  if (rows.length > 0) yield { rows, size: batchSize };
}

const weighed = z.object({ size: z.number() });
/** Whether a row that was weighed is a large one; false where there is none. */
export function isLarge(row: unknown): boolean {
  return row !== undefined && weighed.parse(row).size > maxReadAtOnce;
}

/** Reads a row, a large one in its turn: until then it is not in memory. Null where there is none. */
export function loadRow<Found>(source: {
  /** What weighs the row; undefined: it is a small one. */
  readonly weight: unknown;
  readonly find: () => object | undefined;
  readonly decode: (row: object) => Found | Promise<Found>;
  readonly sizeOf: (row: object) => number;
}): Loaded<Found> | null | Promise<Loaded<Found> | null> {
  const { find, decode, sizeOf } = source;
  if (isLarge(source.weight)) {
    return readLarge(null, async () => {
      const row = find();
      return row === undefined ? null : { row: await decode(row), size: sizeOf(row) };
    });
  }
  const row = find();
  if (row === undefined) return null;
  const found = decode(row);
  const size = sizeOf(row);
  return found instanceof Promise ? found.then((each) => ({ row: each, size })) : { row: found, size };
}

/** How many of the first of these rows, which were weighed, are read at once: at least one, if there is any. */
export function countFitting(rows: readonly unknown[]): number {
  let size = 0;
  const end = rows.findIndex((row) => {
    size += weighed.parse(row).size;
    return size > maxReadAtOnce;
  });
  return end < 0 ? rows.length : Math.max(1, end);
}
