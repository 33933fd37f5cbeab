import type { Pool, QueryResult } from 'pg';
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
import { walkNamespaces } from '../item-namespaces.ts';
import { decodeItem, decodeItems, encodeItemKey, encodeItemValue, endOf, pathOf } from '../item-rows.ts';
import { listEntries } from '../metadata.ts';
import { toStorageFault } from './faults.ts';
import { itemStatements } from './item-statements.ts';

const pathRow = z.object({ path: z.string() });

/** A search is planned anew each time, for the filter as it is. */
const planned: ReadonlySet<keyof typeof itemStatements> = new Set(['search', 'filter']);

/** Items in PostgreSQL. All replicas see what one has written as soon as it was answered. */
export class PostgresItems implements ItemStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
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

  async search({ tenant, prefix, filter, limit, offset }: ItemQuery): Promise<readonly Item[]> {
    const path = pathOf(prefix);
    const page = [tenant, path, endOf(path), limit, offset];
    const entries = listEntries(filter);
    const found = entries.length === 0 ? this.#query('search', page) : this.#query('filter', [...page, entries]);
    return await decodeItems(tenant, (await found).rows, (row) => row);
  }

  async namespaces(query: NamespaceQuery): Promise<readonly Namespace[]> {
    return await walkNamespaces(query, async (after, until, max) => {
      const { rows } = await this.#query('paths', [query.tenant, after, until, max]);
      return rows.map((row) => pathRow.parse(row).path);
    });
  }

  async #query(name: keyof typeof itemStatements, values: unknown[]): Promise<QueryResult> {
    try {
      const prepared = planned.has(name) ? {} : { name: `items ${name}` };
      return await this.#pool.query({ ...prepared, text: itemStatements[name], values });
    } catch (error) {
      throw toStorageFault(error);
    }
  }
}
