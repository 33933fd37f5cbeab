import type { JsonObject } from '../domain/json.ts';
import type { Rows } from './rows.ts';

/** A path of labels, such as `["users", "42"]`; an empty one is the root. */
export type Namespace = readonly string[];

export type ItemKey = { readonly tenant: string; readonly namespace: Namespace; readonly key: string };

/** A value that a client keeps under a name. No agent and no vendor sees it. */
export type Item = ItemKey & {
  readonly value: JsonObject;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
};

/** A value for a key, written at `nowMs`. */
export type ItemWrite = ItemKey & { readonly value: JsonObject; readonly nowMs: number };

export type ItemQuery = {
  readonly tenant: string;
  /** Items of this namespace and of those below it. */
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
  /** Longer namespaces are cut to this many labels and listed once; at least 1. */
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
  /** Creates the item or replaces its value; the instant of its creation stays. */
  put(item: ItemWrite): Promise<void>;
  find(key: ItemKey): Promise<Item | null>;
  /** False when there is no such item. */
  remove(key: ItemKey): Promise<boolean>;
  search(query: ItemQuery): Rows<Item>;
  /** Namespaces that hold items themselves, cut as the query says. */
  namespaces(query: NamespaceQuery): Promise<readonly Namespace[]>;
}

/**
 * How large an item may be. An entry of PostgreSQL's index holds tenant, namespace and key in 2,704 bytes at most; a
 * page of a thousand items is answered from memory, so a value may be a document but not a file.
 */
export const itemBounds = {
  labels: 32,
  labelLength: 128,
  keyLength: 512,
  /** All labels together, and the key, as JSON. */
  nameBytes: 1024,
  /** As JSON. */
  valueBytes: 65_536,
} as const;
