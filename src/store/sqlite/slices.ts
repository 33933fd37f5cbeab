import { setImmediate as nextTurn } from 'node:timers/promises';

/** So many rows are looked at before other work gets its turn, a few milliseconds' worth. */
const sliceSize = 2000;

/**
 * Walks through rows that no index narrows down, slice by slice and other work in between, and gives what `load` makes
 * of those that match: at most `limit`, after the first `offset`.
 *
 * @param search.readSlice the next rows after a row, as many as it is told, fewer at the end.
 * @param search.most of a slice, where its rows take longer than usual to look at.
 */
export async function walkSlices<Row extends { readonly matched: number }, Found>(search: {
  readonly readSlice: (after: Row | undefined, size: number) => readonly Row[];
  /** Null: the row went meanwhile. */
  readonly load: (row: Row) => Found | null;
  readonly offset: number;
  readonly limit: number;
  readonly max?: number;
}): Promise<readonly Found[]> {
  const { max = sliceSize } = search;
  const found: Found[] = [];
  let toSkip = search.offset;
  let after: Row | undefined;
  // Where most rows match, no more is read than asked for.
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
