import type { Items, PutItem } from '../../src/contract/api/items.ts';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import type { Item, ItemKey, ItemQuery, Namespace, NamespaceQuery } from '../../src/contract/store/item-store.ts';
import type { Rows } from '../../src/contract/store/rows.ts';
import { rowsOf } from '../store/rows.ts';

export const itemKey: ItemKey = { tenant: 'default', namespace: ['memories', 'user-1'], key: 'likes' };

/** Items over a list; commands and queries are recorded. */
export class ScriptedItems implements Items {
  readonly items: Item[] = [];
  readonly written: PutItem[] = [];
  readonly searched: ItemQuery[] = [];
  readonly listed: NamespaceQuery[] = [];

  async put(command: PutItem): Promise<void> {
    this.written.push(command);
    this.#remove(command);
    this.items.push(itemOf(command));
  }

  async get(key: ItemKey): Promise<Item> {
    const item = this.items.find((each) => isAt(each, key));
    if (item === undefined) throw new GatewayError('item_not_found');
    return item;
  }

  async delete(key: ItemKey): Promise<void> {
    if (!this.#remove(key)) throw new GatewayError('item_not_found');
  }

  search(query: ItemQuery): Rows<Item> {
    this.searched.push(query);
    return rowsOf(this.items.slice(query.offset, query.offset + query.limit));
  }

  async listNamespaces(query: NamespaceQuery): Promise<readonly Namespace[]> {
    this.listed.push(query);
    return this.items.map(({ namespace }) => namespace);
  }

  #remove(key: ItemKey): boolean {
    const at = this.items.findIndex((each) => isAt(each, key));
    if (at >= 0) this.items.splice(at, 1);
    return at >= 0;
  }
}

function isAt(item: ItemKey, key: ItemKey): boolean {
  return nameOf(item) === nameOf(key);
}

function nameOf({ tenant, namespace, key }: ItemKey): string {
  return JSON.stringify([tenant, namespace, key]);
}

export function itemOf(changes: Partial<Item> = {}): Item {
  return {
    ...itemKey,
    value: { kind: 'taste', text: 'tea' },
    createdAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    updatedAtMs: Date.UTC(2026, 0, 2, 3, 4, 6),
    ...changes,
  };
}
