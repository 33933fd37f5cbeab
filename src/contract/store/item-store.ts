import type { JsonObject } from '../domain/json.ts';

/** A path of labels, such as `["users", "42"]`; an empty one is the root. */
export type Namespace = readonly string[];

export type ItemKey = { readonly tenant: string; readonly namespace: Namespace; readonly key: string };

/** What a client keeps under a name. No agent and no vendor sees it. */
export type Item = ItemKey & {
  readonly value: JsonObject;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
};

/** A value for a key; `nowMs` is when. */
export type ItemWrite = ItemKey & { readonly value: JsonObject; readonly nowMs: number };

export type ItemQuery = {
  readonly tenant: string;
  /** Items of this namespace and of those beneath it. */
  readonly prefix: Namespace;
  /** Items whose value has each of these members with an equal value. */
  readonly filter?: JsonObject | undefined;
  /** 1 to 1000. */
  readonly limit: number;
  readonly offset: number;
};

export type NamespaceQuery = {
  readonly tenant: string;
  readonly prefix: Namespace;
  readonly suffix: Namespace;
  /** Longer namespaces are cut to so many labels, and told once; at least 1. */
  readonly maxDepth?: number | undefined;
  /** 1 to 1000. */
  readonly limit: number;
  readonly offset: number;
};

/**
 * Durable items. A promise that resolves means committed. Every method rejects with `StorageFault` when the store
 * cannot answer. Nothing here expires: an item stays until it is removed. The order of both searches is that of the
 * namespaces, label by label, then of the keys, so that a page does not move when items of another page change.
 */
export interface ItemStore {
  /** Creates the item, or gives it another value; the instant of its creation stays. */
  put(item: ItemWrite): Promise<void>;
  find(key: ItemKey): Promise<Item | null>;
  /** False: there is none. */
  remove(key: ItemKey): Promise<boolean>;
  search(query: ItemQuery): Promise<readonly Item[]>;
  /** Namespaces that have items of their own, as far as the query does not cut them. */
  namespaces(query: NamespaceQuery): Promise<readonly Namespace[]>;
}

/**
 * How large an item may be. An entry of PostgreSQL's index holds tenant, namespace and key in 2,704 bytes at most; a
 * page of a thousand items is answered from memory, so a value is worth a document and not a file.
 */
export const itemBounds = {
  labels: 32,
  labelLength: 128,
  keyLength: 512,
  /** Of all labels together, and of the key, as JSON. */
  nameBytes: 1024,
  /** As JSON. */
  valueBytes: 65_536,
} as const;
