-- A thread in two rows of the same id: what each step of a run changes (threads) apart from the state that the runs
-- leave behind (thread_states), so that a step does not write the state again.
CREATE TABLE threads (
  id INTEGER PRIMARY KEY,
  thread_id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  agent_id TEXT,
  status TEXT NOT NULL,
  active_run_id TEXT,
  -- JSON of the vendor's living agent.
  living TEXT,
  version INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX threads_newest ON threads (tenant, created_at_ms, thread_id);
CREATE INDEX threads_by_status ON threads (tenant, status, created_at_ms, thread_id);

CREATE TABLE thread_states (
  id INTEGER PRIMARY KEY,
  -- Lines as in requests.metadata. They stand before the JSON, so that a search does not walk through long values.
  metadata_entries TEXT,
  value_entries TEXT,
  metadata TEXT NOT NULL,
  state_values TEXT NOT NULL,
  messages TEXT NOT NULL
) STRICT;

CREATE TABLE checkpoints (
  -- The order of a thread's history: that of the writing, whatever clock the ids were made by.
  id INTEGER PRIMARY KEY,
  thread INTEGER NOT NULL,
  checkpoint_id TEXT NOT NULL,
  run_id TEXT,
  at_ms INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  state_values TEXT NOT NULL,
  messages TEXT NOT NULL
) STRICT;

CREATE INDEX checkpoints_newest ON checkpoints (thread);
CREATE UNIQUE INDEX checkpoints_by_id ON checkpoints (thread, checkpoint_id);
CREATE INDEX checkpoints_by_run ON checkpoints (thread, run_id) WHERE run_id IS NOT NULL;

-- Whether a thread has a live run. A run without a thread, and one that ended, has no entry.
CREATE INDEX runs_live_by_thread ON runs (tenant, thread_id) WHERE ended_at_ms IS NULL AND thread_id IS NOT NULL;
