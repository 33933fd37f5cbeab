import type { Item, ItemKey, ItemQuery, ItemWrite, Namespace, NamespaceQuery } from '../store/item-store.ts';

export type PutItem = Omit<ItemWrite, 'nowMs'>;

/** What the core can do with items that clients keep, in no protocol's words. Every method throws `GatewayError`. */
export interface ItemUseCases {
  /** Durable when it resolves. Refused with `invalid_request` where it is larger than `itemBounds` allow. */
  putItem(command: PutItem): Promise<void>;
  getItem(key: ItemKey): Promise<Item>;
  deleteItem(key: ItemKey): Promise<void>;
  searchItems(query: ItemQuery): Promise<readonly Item[]>;
  listNamespaces(query: NamespaceQuery): Promise<readonly Namespace[]>;
}
