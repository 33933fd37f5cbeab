import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { itemColumns } from '../item-rows.ts';

const byKey = 'tenant = ?1 AND path = ?2 AND key = ?3';
const nextPath = 'SELECT min(path) FROM items WHERE tenant = ?1 AND path < ?3 AND path >';

const texts = {
  put: `INSERT INTO items (tenant, path, key, created_at_ms, updated_at_ms, entries, value)
    VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6) ON CONFLICT (tenant, path, key) DO UPDATE SET
      updated_at_ms = max(updated_at_ms, excluded.updated_at_ms), entries = excluded.entries, value = excluded.value`,
  find: `SELECT ${itemColumns} FROM items WHERE ${byKey}`,
  remove: `DELETE FROM items WHERE ${byKey}`,
  // One step of the index per namespace, not per item: one may have very many.
  paths: `WITH RECURSIVE walk (path, step) AS (
      SELECT (${nextPath} ?2), 1
      UNION ALL
      SELECT (${nextPath} walk.path), step + 1 FROM walk WHERE walk.path IS NOT NULL AND step < ?4
    )
    SELECT path FROM walk WHERE path IS NOT NULL`,
} as const;

/** Prepares what is asked and written of items. */
export function prepareItems(database: DatabaseSync): { readonly [name in keyof typeof texts]: StatementSync } {
  const prepared = Object.entries(texts).map(([name, text]) => [name, database.prepare(text)]);
  return Object.fromEntries(prepared) as { readonly [name in keyof typeof texts]: StatementSync };
}
