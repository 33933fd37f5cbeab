import { setImmediate as nextTurn } from 'node:timers/promises';

/** Rows that are examined before other work gets its turn: a few milliseconds. */
const sliceSize = 2000;

/**
 * Walks rows that no index narrows down, slice by slice with other work in between, and returns what `load` makes of those
 * that match: at most `limit`, after the first `offset`.
 *
 * @param search.readSlice reads the next `size` rows after a row; fewer mean the end.
 * @param search.max bounds a slice whose rows take longer than usual to examine.
 */
export async function walkSlices<Row extends { readonly matched: number }, Found>(search: {
  readonly readSlice: (after: Row | undefined, size: number) => readonly Row[];
  /** Null when the row was removed in the meantime. */
  readonly load: (row: Row) => Found | null;
  readonly offset: number;
  readonly limit: number;
  readonly max?: number;
}): Promise<readonly Found[]> {
  const { max = sliceSize } = search;
  const found: Found[] = [];
  let toSkip = search.offset;
  let after: Row | undefined;
  // Where most rows match, little more is read than is returned.
  let size = Math.min(max, search.offset + search.limit);
  for (;;) {
    const slice = search.readSlice(after, size);
    for (const row of slice) {
      if (row.matched === 0) continue;
      if (toSkip > 0) {
        toSkip--;
        continue;
      }
      const loaded = search.load(row);
      if (loaded !== null) found.push(loaded);
      if (found.length === search.limit) return found;
    }
    if (slice.length < size) return found;
    after = slice.at(-1);
    size = max;
    await nextTurn();
  }
}
