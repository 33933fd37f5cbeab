-- Live runs by the name that they are counted under; only of keys that have a limit. An entry outlives its run until
-- the name comes to its limit.
CREATE TABLE counted_runs (
  run_id text COLLATE "C" PRIMARY KEY,
  name text NOT NULL,
  counted_at timestamptz NOT NULL
);

CREATE INDEX counted_runs_by_name ON counted_runs (name);

-- Open event streams of names that have a limit, by process; what a process has not confirmed for a minute is void.
CREATE TABLE open_streams (
  name text NOT NULL,
  process text NOT NULL,
  open integer NOT NULL,
  confirmed_at timestamptz NOT NULL,
  PRIMARY KEY (name, process)
);

-- Requests in the current window of each name. The columns are those of rate-limiter-flexible; `expire` is in
-- milliseconds since the Unix epoch. What they hold is worth nothing after a crash.
CREATE UNLOGGED TABLE request_windows (
  key text PRIMARY KEY,
  points integer NOT NULL DEFAULT 0,
  expire bigint
);
