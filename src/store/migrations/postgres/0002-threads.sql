-- A thread in two rows: what each step of a run changes (threads) apart from the state that the runs leave behind
-- (thread_states), so that a step does not write the state again.
CREATE TABLE threads (
  -- Of the same collation as runs.thread_id: an index on that serves no comparison under another one.
  thread_id text PRIMARY KEY,
  tenant text NOT NULL,
  agent_id text,
  status text NOT NULL,
  active_run_id text COLLATE "C",
  -- JSON of the vendor's living agent.
  living text,
  version bigint NOT NULL,
  created_at_ms bigint NOT NULL,
  updated_at_ms bigint NOT NULL
) WITH (fillfactor = 50);

CREATE INDEX threads_newest ON threads (tenant, created_at_ms, thread_id);
CREATE INDEX threads_by_status ON threads (tenant, status, created_at_ms, thread_id);

CREATE TABLE thread_states (
  thread_id text PRIMARY KEY,
  -- Entries as in requests.metadata.
  metadata_entries text[],
  value_entries text[],
  metadata text NOT NULL,
  state_values text NOT NULL,
  messages text NOT NULL
);

-- None on value_entries: values change with every run, and a search by them alone is rare.
CREATE INDEX thread_states_metadata ON thread_states USING gin (metadata_entries) WHERE metadata_entries IS NOT NULL;

CREATE TABLE checkpoints (
  thread_id text NOT NULL,
  -- The order of a thread's history: that of the writing, whatever clock the ids were made by.
  position bigint GENERATED ALWAYS AS IDENTITY,
  checkpoint_id text NOT NULL,
  run_id text COLLATE "C",
  at_ms bigint NOT NULL,
  metadata text NOT NULL,
  state_values text NOT NULL,
  messages text NOT NULL,
  PRIMARY KEY (thread_id, position)
);

CREATE UNIQUE INDEX checkpoints_by_id ON checkpoints (thread_id, checkpoint_id);
CREATE INDEX checkpoints_by_run ON checkpoints (thread_id, run_id) WHERE run_id IS NOT NULL;

-- Whether a thread has a live run. A run without a thread, and one that ended, has no entry.
CREATE INDEX runs_live_by_thread ON runs (tenant, thread_id) WHERE ended_at_ms IS NULL AND thread_id IS NOT NULL;
