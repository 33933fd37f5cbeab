-- What clients keep under names of their own; it stays until they remove it. Instants as in runs.
CREATE TABLE items (
  id INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  -- The labels of the namespace, each as JSON without its quotes, with a line feed before, between and after.
  path TEXT NOT NULL,
  -- As JSON without its quotes, like a label.
  key TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  -- Lines as in requests.metadata. They stand before the JSON, so that a search does not walk through long values.
  entries TEXT,
  value TEXT NOT NULL
) STRICT;

-- One range of it is a namespace with all beneath it, in the order of a search.
CREATE UNIQUE INDEX items_by_path ON items (tenant, path, key);
