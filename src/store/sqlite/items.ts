import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
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
import { decodeItem, encodeItemKey, encodeItemValue } from '../item-rows.ts';
import { formatLines } from '../metadata.ts';
import { read, toStorageFault } from './faults.ts';
import { searchItems } from './item-search.ts';
import { prepareItems } from './item-statements.ts';
import type { WriteQueue } from './write-queue.ts';

const pathRow = z.object({ path: z.string() });

/** Items in the SQLite file of the runs, written through its queue. */
export class SqliteItems implements ItemStore {
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepareItems>;
  readonly #writes: WriteQueue;

  constructor(database: DatabaseSync, writes: WriteQueue) {
    this.#database = database;
    this.#statements = prepareItems(database);
    this.#writes = writes;
  }

  async put(item: ItemWrite): Promise<void> {
    // Encoded at once: what is written is what the caller had when it called.
    const { entries, value } = encodeItemValue(item);
    const columns = [...encodeItemKey(item), item.nowMs, formatLines(entries), value];
    await this.#writes.submit(() => this.#statements.put.run(...columns));
  }

  async find(key: ItemKey): Promise<Item | null> {
    return read(() => {
      const row = this.#statements.find.get(...encodeItemKey(key));
      return row === undefined ? null : decodeItem(key.tenant, row);
    });
  }

  async remove(key: ItemKey): Promise<boolean> {
    const columns = encodeItemKey(key);
    return await this.#writes.submit(() => this.#statements.remove.run(...columns).changes === 1);
  }

  async search(query: ItemQuery): Promise<readonly Item[]> {
    try {
      return await searchItems(this.#database, this.#statements, query);
    } catch (error) {
      throw toStorageFault(error);
    }
  }

  async namespaces(query: NamespaceQuery): Promise<readonly Namespace[]> {
    return await walkNamespaces(query, async (after, until, max) => {
      const rows = read(() => this.#statements.paths.all(query.tenant, after, until, max));
      if (rows.length === max) await nextTurn();
      return rows.map((row) => pathRow.parse(row).path);
    });
  }
}
