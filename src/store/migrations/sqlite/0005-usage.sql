-- Live runs by the name that they are counted under; only of keys that have a limit. An entry outlives its run until
-- the name comes to its limit.
CREATE TABLE counted_runs (
  run_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  counted_at_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX counted_runs_by_name ON counted_runs (name);
