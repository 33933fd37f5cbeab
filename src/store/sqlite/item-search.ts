import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { z } from 'zod';
import type { Item, ItemQuery } from '../../contract/store/item-store.ts';
import type { Rows } from '../../contract/store/rows.ts';
import { decodeItem, endOf, pathOf } from '../item-rows.ts';
import { listEntries } from '../search-entries.ts';
import type { Sql } from './database.ts';
import { sliceOf, walkSlices } from './slices.ts';

const sized = z.object({ value: z.string() });
const candidate = z.object({ path: z.string(), key: z.string(), matched: z.number() });
type Candidate = z.infer<typeof candidate>;

/** Searches items without holding the event loop for long. Throws SQLite's errors. */
export function searchItems(
  database: DatabaseSync,
  { find }: { readonly find: StatementSync },
  query: ItemQuery,
): Rows<Item> {
  const entries = listEntries(query.filter);
  return walkSlices({
    readSlice: (after: Candidate | undefined, size) =>
      sliceOf(readSlice(database, selectCandidates(query, entries, after, size)), size),
    load: ({ path, key }) => {
      const row = find.get(query.tenant, path, key);
      return row === undefined ? null : { row: decodeItem(query.tenant, row), size: sized.parse(row).value.length };
    },
    ...{ limit: query.limit, offset: query.offset, isIndexed: false },
  });
}

function readSlice(database: DatabaseSync, { text, values }: Sql): readonly Candidate[] {
  const rows = database.prepare(text).all(...values);
  return rows.map((row) => candidate.parse(row));
}

/** The next items at or beneath the query's namespace, in order, each with whether it has all of the entries. */
export function selectCandidates(
  { tenant, prefix }: Pick<ItemQuery, 'tenant' | 'prefix'>,
  entries: readonly string[],
  after: Pick<Candidate, 'path' | 'key'> | undefined,
  size: number,
): Sql {
  const path = pathOf(prefix);
  // The line feeds around an entry make a text search an exact one: no entry holds a line feed.
  const tests = entries.map(() => 'instr(entries, ?) > 0').join(' AND ');
  const lines = entries.map((entry) => `\n${entry}\n`);
  const text = `SELECT path, key, ${tests === '' ? '1' : `coalesce(${tests}, 0)`} AS matched FROM items
    WHERE tenant = ? AND path < ? AND ${after === undefined ? 'path >= ?' : '(path, key) > (?, ?)'}
    ORDER BY path, key LIMIT ?`;
  const start = after === undefined ? [path] : [after.path, after.key];
  return { text, values: [...lines, tenant, endOf(path), ...start, size] };
}
