-- A run in two rows of the same id: what changes (runs) apart from what was asked (requests), so that an update
-- does not write the input again. Instants are milliseconds since the Unix epoch.
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  agent_name TEXT NOT NULL,
  thread_id TEXT,
  phase TEXT NOT NULL,
  status TEXT NOT NULL,
  owner TEXT,
  version INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  -- Null while the run lives.
  ended_at_ms INTEGER,
  -- JSON of what is never searched: upstream, outcome, resumption, counters, deadline.
  state TEXT NOT NULL
) STRICT;

-- Each search has one index that yields its runs in the order of run_id; a search without a status merges five
-- ranges of it. New entries come at the end of their range, so that writing does not slow down with the table.
CREATE INDEX runs_by_agent ON runs (tenant, agent_id, status, run_id);
CREATE INDEX runs_by_status ON runs (tenant, status, run_id);
CREATE INDEX runs_by_thread ON runs (tenant, thread_id, run_id) WHERE thread_id IS NOT NULL;
CREATE INDEX runs_live ON runs (owner, run_id) WHERE ended_at_ms IS NULL;
CREATE INDEX runs_ended ON runs (ended_at_ms) WHERE ended_at_ms IS NOT NULL;

CREATE TABLE requests (
  id INTEGER PRIMARY KEY,
  -- One line per key, `"key":canonical value`, with a line feed before, between and after; null when there is none.
  -- Stands before the request, so that reading it does not walk through a long input.
  metadata TEXT,
  request TEXT NOT NULL
) STRICT;

CREATE TABLE events (
  run INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  status TEXT NOT NULL,
  change TEXT NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT;

CREATE TABLE idempotency (
  tenant TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  run_id TEXT NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, key)
) STRICT;

CREATE INDEX idempotency_expiry ON idempotency (expires_at_ms);
