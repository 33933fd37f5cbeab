-- One row, which distinguishes the newest state of a database from its copies; docs/decisions/170-fence.md says what is
-- compared. Without a row the database is adopted as it is.
CREATE TABLE fence (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  -- Drawn anew when a copy is taken.
  epoch text NOT NULL,
  -- The server's identifier and the ids of the database and of this table.
  place text NOT NULL,
  -- Changes when a server is promoted.
  timeline text NOT NULL,
  -- The last heartbeat of any replica.
  beat_at timestamptz NOT NULL,
  -- Whether the last replica left by a clean stop.
  stopped boolean NOT NULL,
  -- The operator's decision about an old copy, until it is carried out.
  decision text
);

-- How often a replica has beaten. It knows the count: a database that has a lower one is older.
ALTER TABLE replicas ADD COLUMN beats bigint NOT NULL DEFAULT 0;
