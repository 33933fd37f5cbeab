-- What the receivers of runs' webhooks are owed, written with the change that it tells of. Stays when its run goes.
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  url TEXT NOT NULL,
  -- Host and port of the URL.
  receiver TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  -- When trying began.
  since_ms INTEGER NOT NULL,
  -- Of one that was taken, the end of the lease.
  due_at_ms INTEGER NOT NULL,
  taken INTEGER NOT NULL,
  -- Null while it waits.
  ended_at_ms INTEGER,
  failure TEXT,
  -- Empty once it was delivered.
  body TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX deliveries_by_run ON deliveries (run_id, seq);
CREATE INDEX deliveries_waiting ON deliveries (receiver, due_at_ms) WHERE ended_at_ms IS NULL;
CREATE INDEX deliveries_taken ON deliveries (taken) WHERE taken = 1;
CREATE INDEX deliveries_ended ON deliveries (ended_at_ms) WHERE ended_at_ms IS NOT NULL;
CREATE INDEX deliveries_newest ON deliveries (created_at_ms);
