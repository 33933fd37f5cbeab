import type { Item, ItemKey, ItemQuery, ItemWrite, Namespace, NamespaceQuery } from '../store/item-store.ts';
import type { Rows } from '../store/rows.ts';

export type PutItem = Omit<ItemWrite, 'nowMs'>;

/** The use cases of items that clients keep, in no protocol's words. Every method throws `GatewayError`. */
export interface Items {
  /** Durable when it resolves. Items larger than `itemBounds` are refused with `invalid_request`. */
  put(command: PutItem): Promise<void>;
  get(key: ItemKey): Promise<Item>;
  delete(key: ItemKey): Promise<void>;
  search(query: ItemQuery): Rows<Item>;
  listNamespaces(query: NamespaceQuery): Promise<readonly Namespace[]>;
}
