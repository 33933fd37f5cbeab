-- What clients keep under names of their own; it stays until they remove it. Instants as in runs.
CREATE TABLE items (
  tenant text COLLATE "C" NOT NULL,
  -- The labels of the namespace, each as JSON without its quotes, with a line feed before, between and after.
  path text COLLATE "C" NOT NULL,
  -- As JSON without its quotes, like a label.
  key text COLLATE "C" NOT NULL,
  created_at_ms bigint NOT NULL,
  updated_at_ms bigint NOT NULL,
  -- Entries as in requests.metadata. No index on them: a value may have thousands, and each would be one to write.
  entries text[],
  value text NOT NULL,
  -- One range of it is a namespace with all beneath it, in the order of a search.
  PRIMARY KEY (tenant, path, key)
);
