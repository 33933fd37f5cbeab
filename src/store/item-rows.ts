import { z } from 'zod';
import type { Item, ItemKey, ItemWrite, Namespace } from '../contract/store/item-store.ts';
import { StorageFault } from '../contract/store/store.ts';
import { readJson } from '../json/exact-number.ts';
import { isJsonObject } from '../json/json-object.ts';
import { listEntries } from './search-entries.ts';

const itemRow = z.object({
  path: z.string(),
  key: z.string(),
  value: z.string().transform(readJson).refine(isJsonObject),
  created_at_ms: z.number(),
  updated_at_ms: z.number(),
});

/** Columns of `items` that {@link decodeItem} reads, for a select list. */
export const itemColumns = 'path, key, value, created_at_ms, updated_at_ms';

/**
 * A namespace as one text, whose order in bytes is that of the labels: a line feed sorts before everything that a
 * label holds as JSON. The text of a namespace begins with that of each one above it, and ends with that of its suffix.
 */
export function pathOf(namespace: Namespace): string {
  return ['', ...namespace.map(quote), ''].join('\n');
}

/** The first text after a path and everything below it. */
export function endOf(path: string): string {
  return `${path.slice(0, -1)}\v`;
}

/** A text directly before a path. */
export function beforeOf(path: string): string {
  return `${path.slice(0, -1)}\t`;
}

export function namespaceOf(path: string): Namespace {
  return path.split('\n').slice(1, -1).map(unquote);
}

/** The columns that name an item: tenant, path and key. */
export function encodeItemKey({ tenant, namespace, key }: ItemKey): readonly [string, string, string] {
  return [tenant, pathOf(namespace), quote(key)];
}

/** An item's columns other than its name and instants. */
export function encodeItemValue({ value }: Pick<ItemWrite, 'value'>) {
  return { entries: listEntries(value), value: JSON.stringify(value) };
}

/** @throws StorageFault when the row cannot be decoded. */
export function decodeItem(tenant: string, row: unknown): Item {
  try {
    const { path, key, value, created_at_ms: createdAtMs, updated_at_ms: updatedAtMs } = itemRow.parse(row);
    return { tenant, namespace: namespaceOf(path), key: unquote(key), value, createdAtMs, updatedAtMs };
  } catch (cause) {
    throw new StorageFault('an item in the database cannot be read', cause);
  }
}

/** PostgreSQL's text type refuses some characters that a client may send; JSON escapes them. */
function quote(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function unquote(text: string): string {
  return z.string().parse(JSON.parse(`"${text}"`));
}
