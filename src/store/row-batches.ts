import { Pacer } from '../compute/turns.ts';
import type { RowBatch } from '../contract/store/rows.ts';

/** What a batch of rows reads at most, unless it is one row: characters in SQLite, bytes in PostgreSQL. */
export const maxBatchSize = 131_072;

/** Bytes of payloads above which a row is read in its turn, see `readLarge`. */
export const maxReadAtOnce = 262_144;

/** A row whose payload may not have been read yet. */
export type Paged = { readonly size: number; readonly isRead: boolean };

/**
 * The rows of a page whose first batch came with it; the others are read batch by batch.
 *
 * @param options.page reads the page.
 * @param options.read reads rows whole, in any order; those that were removed in the meantime are left out.
 * @param options.keyOf names a row.
 */
export async function* readInBatches<Head extends Paged, Row extends object, Found>(options: {
  readonly page: () => Promise<readonly Head[]>;
  readonly read: (heads: readonly Head[]) => Promise<readonly Row[]>;
  readonly keyOf: (row: Head | Row) => string;
  readonly decode: (row: Head | Row) => Found | Promise<Found>;
}): AsyncGenerator<RowBatch<Found>, undefined> {
  const heads = await options.page();
  const pacer = new Pacer();
  for (let at = 0; at < heads.length; ) {
    const batch = takeBatch(heads, at);
    at += batch.length;
    const size = batch.reduce((sum, head) => sum + head.size, 0);
    const missing = batch.filter((head) => !head.isRead);
    const read = new Map(
      missing.length === 0 ? [] : (await options.read(missing)).map((row) => [options.keyOf(row), row]),
    );
    const rows: Found[] = [];
    for (const head of batch) {
      const row = head.isRead ? head : read.get(options.keyOf(head));
      if (row === undefined) continue;
      const decoded = options.decode(row);
      rows.push(decoded instanceof Promise ? await decoded : decoded);
      const pause = pacer.pause();
      if (pause !== undefined) await pause;
    }
    yield { rows, size };
  }
}

/** Rows of one batch: all that are read already, else as many as may be read at once. */
function takeBatch<Head extends Paged>(heads: readonly Head[], from: number): readonly Head[] {
  let size = 0;
  let to = from;
  for (; to < heads.length; to++) {
    const head = heads[to];
    if (head === undefined || head.isRead !== heads[from]?.isRead) break;
    size += head.size;
    if (to > from && size > maxBatchSize) break;
  }
  return heads.slice(from, to);
}
