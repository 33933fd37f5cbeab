import type { Items, PutItem } from '../../contract/api/items.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json } from '../../contract/domain/json.ts';
import {
  type Item,
  type ItemKey,
  type ItemQuery,
  itemBounds,
  type NamespaceQuery,
} from '../../contract/store/item-store.ts';
import type { Rows } from '../../contract/store/rows.ts';
import type { Store } from '../../contract/store/store.ts';
import { translateRowFaults, translateStorageFault } from '../storage-errors.ts';
import { checkFilter } from './search-filter.ts';

/** The use cases of items. Items are independent of runs: no run loop reads them and retention keeps them. */
export class ItemService implements Items {
  readonly #store: Pick<Store, 'items'>;
  readonly #clock: Clock;

  constructor(store: Pick<Store, 'items'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  async put(command: PutItem): Promise<void> {
    const { nameBytes, valueBytes } = itemBounds;
    checkBytes('namespace', command.namespace, nameBytes);
    checkBytes('key', command.key, nameBytes);
    checkBytes('value', command.value, valueBytes);
    await translateStorageFault(this.#store.items.put({ ...command, nowMs: this.#clock.nowMs() }));
  }

  async get(key: ItemKey): Promise<Item> {
    const item = await translateStorageFault(this.#store.items.find(key));
    if (item === null) throw new GatewayError('item_not_found');
    return item;
  }

  async delete(key: ItemKey): Promise<void> {
    if (!(await translateStorageFault(this.#store.items.remove(key)))) throw new GatewayError('item_not_found');
  }

  search(query: ItemQuery): Rows<Item> {
    checkFilter('filter', query.filter);
    return translateRowFaults(this.#store.items.search(query));
  }

  readonly listNamespaces = (query: NamespaceQuery) => translateStorageFault(this.#store.items.namespaces(query));
}

function checkBytes(path: string, value: Json, max: number): void {
  if (Buffer.byteLength(JSON.stringify(value)) <= max) return;
  throw new GatewayError('invalid_request', { path, detail: `must be at most ${max} bytes as JSON` });
}
