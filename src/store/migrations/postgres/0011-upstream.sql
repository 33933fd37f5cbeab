-- What the vendor started for a run: backend, account and the vendor's id. No two runs have the same. Null before the
-- start, and for runs from before this column, among which there may be doubles.
ALTER TABLE runs ADD COLUMN upstream_key text;

CREATE UNIQUE INDEX runs_by_upstream ON runs (upstream_key) WHERE upstream_key IS NOT NULL;
