import { itemColumns } from '../item-rows.ts';

const byKey = 'tenant = $1 AND path = $2 AND key = $3';
const nextPath = 'SELECT min(items.path) FROM items WHERE items.tenant = $1 AND items.path < $3 AND items.path >';

/** Each is a transaction of its own. */
export const itemStatements = {
  put: `INSERT INTO items (tenant, path, key, created_at_ms, updated_at_ms, entries, value)
    VALUES ($1, $2, $3, $4, $4, $5, $6) ON CONFLICT (tenant, path, key) DO UPDATE SET
      updated_at_ms = greatest(items.updated_at_ms, excluded.updated_at_ms), entries = excluded.entries,
      value = excluded.value`,

  find: `SELECT ${itemColumns} FROM items WHERE ${byKey}`,

  remove: `DELETE FROM items WHERE ${byKey}`,

  search: `SELECT ${itemColumns} FROM items WHERE tenant = $1 AND path >= $2 AND path < $3
    ORDER BY path, key LIMIT $4 OFFSET $5`,

  // Looks at the items of the namespace one after the other, until the page is full.
  filter: `SELECT ${itemColumns} FROM items WHERE tenant = $1 AND path >= $2 AND path < $3 AND entries @> $6::text[]
    ORDER BY path, key LIMIT $4 OFFSET $5`,

  // One step of the index per namespace, not per item: one may have very many.
  paths: `WITH RECURSIVE walk (path, step) AS (
      SELECT (${nextPath} $2), 1
      UNION ALL
      SELECT (${nextPath} walk.path), step + 1 FROM walk WHERE walk.path IS NOT NULL AND step < $4
    )
    SELECT path FROM walk WHERE path IS NOT NULL`,
} as const;
