-- Ids of vendors are random, so an entry of an index for each start would be a page for each start. They are sorted in
-- many at a time: `unsorted_upstreams` names the runs whose id is not in `upstreams` yet. A run may be in both.
CREATE TABLE upstreams (
  key TEXT PRIMARY KEY,
  -- Of `runs.id`.
  run INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE unsorted_upstreams (
  -- Of `runs.id`.
  run INTEGER PRIMARY KEY
) STRICT;

INSERT INTO upstreams (key, run) SELECT upstream_key, id FROM runs WHERE upstream_key IS NOT NULL ORDER BY upstream_key;

DROP INDEX runs_by_upstream;
