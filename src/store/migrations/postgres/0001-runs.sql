-- A run in two rows: what changes (runs) apart from what was asked (requests), so that an update does not write the
-- input again. Instants are milliseconds since the Unix epoch. JSON stands in text columns: jsonb refuses the escapes
-- \u0000 and lone surrogates, which a client may send.
CREATE TABLE runs (
  run_id text COLLATE "C" PRIMARY KEY,
  tenant text NOT NULL,
  agent_id text NOT NULL,
  agent_name text NOT NULL,
  thread_id text,
  phase text NOT NULL,
  status text NOT NULL,
  owner text,
  version bigint NOT NULL,
  created_at_ms bigint NOT NULL,
  updated_at_ms bigint NOT NULL,
  -- Null while the run lives.
  ended_at_ms bigint,
  -- JSON of what is never searched: upstream, outcome, resumption, counters, deadline.
  state text NOT NULL
) WITH (fillfactor = 50);

-- No index names phase or version: where a page has room (fillfactor), an update of them touches no index.
CREATE INDEX runs_by_agent ON runs (tenant, agent_id, status, run_id);
CREATE INDEX runs_by_status ON runs (tenant, status, run_id);
CREATE INDEX runs_by_thread ON runs (tenant, thread_id, run_id) WHERE thread_id IS NOT NULL;
CREATE INDEX runs_live ON runs (owner, run_id) WHERE ended_at_ms IS NULL;
CREATE INDEX runs_ended ON runs (ended_at_ms) WHERE ended_at_ms IS NOT NULL;

CREATE TABLE requests (
  run_id text COLLATE "C" PRIMARY KEY,
  -- One `"key":canonical value` per key; null when there is none.
  metadata text[],
  request text NOT NULL
);

CREATE INDEX requests_metadata ON requests USING gin (metadata) WHERE metadata IS NOT NULL;

CREATE TABLE events (
  run_id text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  at_ms bigint NOT NULL,
  status text NOT NULL,
  change text NOT NULL,
  PRIMARY KEY (run_id, seq)
);

CREATE TABLE idempotency (
  tenant text NOT NULL,
  key text NOT NULL,
  fingerprint text NOT NULL,
  run_id text NOT NULL,
  expires_at_ms bigint NOT NULL,
  PRIMARY KEY (tenant, key)
);

CREATE INDEX idempotency_expiry ON idempotency (expires_at_ms);

-- Who lives, by this server's clock; one row per replica.
CREATE TABLE replicas (
  replica text PRIMARY KEY,
  beat_at timestamptz NOT NULL
);
