-- One row, which distinguishes the newest state of a database from its copies. The file <database>.fence has the same
-- epoch and heartbeat; docs/decisions/170-fence.md says what is compared. Without a row the database is adopted as it is.
CREATE TABLE fence (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  -- Stays the same for life, also in copies.
  lineage TEXT NOT NULL,
  -- Drawn anew by each process that takes the database.
  epoch TEXT NOT NULL,
  -- Grows with each heartbeat, over all processes.
  beat INTEGER NOT NULL,
  beat_at_ms INTEGER NOT NULL,
  -- 1 after a clean stop.
  stopped INTEGER NOT NULL,
  -- The path that it was taken at.
  place TEXT NOT NULL,
  -- Set in copies that `rungate backup` makes.
  copied_at_ms INTEGER,
  -- The operator's decision about an old copy, until it is carried out.
  decision TEXT
) STRICT;
