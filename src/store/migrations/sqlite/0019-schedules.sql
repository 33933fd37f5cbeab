-- How far each schedule of the config has come. One whose times change begins anew, in a row of its own.
CREATE TABLE schedules (
  name TEXT NOT NULL,
  -- The cron expression and its time zone.
  times TEXT NOT NULL,
  -- What becomes of every time up to this one is decided.
  decided_ms INTEGER NOT NULL,
  -- The time whose run waits for the end of another.
  waiting_ms INTEGER,
  -- JSON of the last decision.
  last TEXT,
  last_run_id TEXT,
  PRIMARY KEY (name, times)
) STRICT;
