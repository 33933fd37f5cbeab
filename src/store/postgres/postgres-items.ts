import { z } from 'zod';
import type {
  Item,
  ItemKey,
  ItemQuery,
  ItemStore,
  ItemWrite,
  Namespace,
  NamespaceQuery,
} from '../../contract/store/item-store.ts';
import type { Rows } from '../../contract/store/rows.ts';
import { walkNamespaces } from '../item-namespaces.ts';
import { decodeItem, encodeItemKey, encodeItemValue, endOf, itemColumns, pathOf } from '../item-rows.ts';
import { type Paged, readInBatches } from '../row-batches.ts';
import { listEntries } from '../search-entries.ts';
import { bindStatements, type StorePool } from './connections.ts';
import { pageText } from './paged-text.ts';

const byKey = 'tenant = $1 AND path = $2 AND key = $3';
const nextPath = 'SELECT min(items.path) FROM items WHERE items.tenant = $1 AND items.path < $3 AND items.path >';

const inBatches = (select: string): string =>
  pageText(select, { heads: 'path, key, created_at_ms, updated_at_ms', payloads: ['value'], order: 'path, key' });

/** Each is a transaction by itself. */
export const itemStatements = {
  put: `INSERT INTO items (tenant, path, key, created_at_ms, updated_at_ms, entries, value)
    VALUES ($1, $2, $3, $4, $4, $5, $6) ON CONFLICT (tenant, path, key) DO UPDATE SET
      updated_at_ms = greatest(items.updated_at_ms, excluded.updated_at_ms), entries = excluded.entries,
      value = excluded.value`,

  find: `SELECT ${itemColumns} FROM items WHERE ${byKey}`,

  remove: `DELETE FROM items WHERE ${byKey}`,

  search: inBatches(`SELECT ${itemColumns} FROM items WHERE tenant = $1 AND path >= $2 AND path < $3
    ORDER BY path, key LIMIT $4 OFFSET $5`),

  // Reads the items of the namespace one after the other until the page is full.
  filter: inBatches(`SELECT ${itemColumns} FROM items WHERE tenant = $1 AND path >= $2 AND path < $3
    AND entries @> $6::text[] ORDER BY path, key LIMIT $4 OFFSET $5`),

  named: `SELECT ${itemColumns} FROM items JOIN unnest($2::text[], $3::text[]) AS names (path, key) USING (path, key)
    WHERE tenant = $1`,

  // One step of the index per namespace rather than per item: a namespace may have very many.
  paths: `WITH RECURSIVE walk (path, step) AS (
      SELECT (${nextPath} $2), 1
      UNION ALL
      SELECT (${nextPath} walk.path), step + 1 FROM walk WHERE walk.path IS NOT NULL AND step < $4
    )
    SELECT path FROM walk WHERE path IS NOT NULL`,
} as const;

const nameRow = z.object({ path: z.string(), key: z.string() });
const pathRow = z.object({ path: z.string() });

/** Items in PostgreSQL. All replicas see a write of any of them once it was answered. */
export class PostgresItems implements ItemStore {
  readonly #query: ReturnType<typeof bindStatements<typeof itemStatements>>;

  constructor(pool: StorePool) {
    // Searches are planned each time, for their filter.
    const prepared = ['put', 'find', 'remove', 'paths'] as const;
    this.#query = bindStatements(pool, itemStatements, { prefix: 'items', prepared });
  }

  async put(item: ItemWrite): Promise<void> {
    const { entries, value } = encodeItemValue(item);
    await this.#query('put', [...encodeItemKey(item), item.nowMs, entries.length === 0 ? null : entries, value]);
  }

  async find(key: ItemKey): Promise<Item | null> {
    const [row] = (await this.#query('find', [...encodeItemKey(key)])).rows;
    return row === undefined ? null : decodeItem(key.tenant, row);
  }

  async remove(key: ItemKey): Promise<boolean> {
    return (await this.#query('remove', [...encodeItemKey(key)])).rowCount === 1;
  }

  search({ tenant, prefix, filter, limit, offset }: ItemQuery): Rows<Item> {
    const path = pathOf(prefix);
    const page = [tenant, path, endOf(path), limit, offset];
    const entries = listEntries(filter);
    return readInBatches<Paged, object, Item>({
      page: async () =>
        (await (entries.length === 0 ? this.#query('search', page) : this.#query('filter', [...page, entries]))).rows,
      read: async (heads) => {
        const names = heads.map((head) => nameRow.parse(head));
        const columns = [names.map((name) => name.path), names.map(({ key }) => key)];
        return (await this.#query('named', [tenant, ...columns])).rows;
      },
      keyOf: (row) => JSON.stringify(nameRow.parse(row)),
      decode: (row) => decodeItem(tenant, row),
    });
  }

  async namespaces(query: NamespaceQuery): Promise<readonly Namespace[]> {
    return await walkNamespaces(query, async (after, until, max) => {
      const { rows } = await this.#query('paths', [query.tenant, after, until, max]);
      return rows.map((row) => pathRow.parse(row).path);
    });
  }
}
