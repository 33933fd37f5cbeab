-- How far each schedule of the config has come. One whose times change begins anew, in a row of its own.
CREATE TABLE schedules (
  name text NOT NULL,
  -- The cron expression and its time zone.
  times text NOT NULL,
  -- What becomes of every time up to this one is decided.
  decided_ms bigint NOT NULL,
  -- The time whose run waits for the end of another.
  waiting_ms bigint,
  -- JSON of the last decision.
  last text,
  last_run_id text,
  PRIMARY KEY (name, times)
);
