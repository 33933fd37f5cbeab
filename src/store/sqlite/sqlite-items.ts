import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { z } from 'zod';
import { nextTurn } from '../../compute/turns.ts';
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
import { decodeItem, encodeItemKey, encodeItemValue, itemColumns } from '../item-rows.ts';
import { formatLines } from '../search-entries.ts';
import { prepareAll } from './database.ts';
import { searchItems } from './item-search.ts';
import { translateRows, withStorageFaults } from './sqlite-faults.ts';
import type { WriteQueue } from './write-queue.ts';

const byKey = 'tenant = ?1 AND path = ?2 AND key = ?3';
const nextPath = 'SELECT min(path) FROM items WHERE tenant = ?1 AND path < ?3 AND path >';

const texts = {
  put: `INSERT INTO items (tenant, path, key, created_at_ms, updated_at_ms, entries, value)
    VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6) ON CONFLICT (tenant, path, key) DO UPDATE SET
      updated_at_ms = max(updated_at_ms, excluded.updated_at_ms), entries = excluded.entries, value = excluded.value`,
  find: `SELECT ${itemColumns} FROM items WHERE ${byKey}`,
  remove: `DELETE FROM items WHERE ${byKey}`,
  // One step of the index per namespace rather than per item: a namespace may have very many.
  paths: `WITH RECURSIVE walk (path, step) AS (
      SELECT (${nextPath} ?2), 1
      UNION ALL
      SELECT (${nextPath} walk.path), step + 1 FROM walk WHERE walk.path IS NOT NULL AND step < ?4
    )
    SELECT path FROM walk WHERE path IS NOT NULL`,
} as const;

export type ItemStatements = { readonly [name in keyof typeof texts]: StatementSync };

export function prepareItems(database: DatabaseSync): ItemStatements {
  return prepareAll(database, texts);
}

const pathRow = z.object({ path: z.string() });

/** Items in the SQLite file of the runs, written through its queue. */
export class SqliteItems implements ItemStore {
  readonly #database: DatabaseSync;
  readonly #statements: ItemStatements;
  readonly #writes: WriteQueue;

  constructor(database: DatabaseSync, writes: WriteQueue) {
    this.#database = database;
    this.#statements = prepareItems(database);
    this.#writes = writes;
  }

  async put(item: ItemWrite): Promise<void> {
    // Encoded now: later changes that the caller makes to the value are not written.
    const { entries, value } = encodeItemValue(item);
    const columns = [...encodeItemKey(item), item.nowMs, formatLines(entries), value];
    await this.#writes.submit(() => this.#statements.put.run(...columns));
  }

  async find(key: ItemKey): Promise<Item | null> {
    return await withStorageFaults(() => {
      const row = this.#statements.find.get(...encodeItemKey(key));
      return row === undefined ? null : decodeItem(key.tenant, row);
    });
  }

  async remove(key: ItemKey): Promise<boolean> {
    const columns = encodeItemKey(key);
    return await this.#writes.submit(() => this.#statements.remove.run(...columns).changes === 1);
  }

  search(query: ItemQuery): Rows<Item> {
    return translateRows(searchItems(this.#database, this.#statements, query));
  }

  async namespaces(query: NamespaceQuery): Promise<readonly Namespace[]> {
    return await walkNamespaces(query, async (after, until, max) => {
      const rows = await withStorageFaults(() => this.#statements.paths.all(query.tenant, after, until, max));
      if (rows.length === max) await nextTurn();
      return rows.map((row) => pathRow.parse(row).path);
    });
  }
}
