-- What the receivers of runs' webhooks are owed, written with the change that it tells of. Stays when its run goes.
CREATE TABLE deliveries (
  run_id text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  tenant text NOT NULL,
  url text NOT NULL,
  -- Host and port of the URL.
  receiver text COLLATE "C" NOT NULL,
  state text NOT NULL,
  attempts integer NOT NULL,
  created_at_ms bigint NOT NULL,
  -- When trying began.
  since_ms bigint NOT NULL,
  -- Of one that was taken, the end of the lease; by this server's clock.
  due_at_ms bigint NOT NULL,
  taken boolean NOT NULL,
  -- Null while it waits.
  ended_at_ms bigint,
  failure text,
  -- Empty once it was delivered.
  body text NOT NULL,
  PRIMARY KEY (run_id, seq)
);

CREATE INDEX deliveries_waiting ON deliveries (receiver, due_at_ms) WHERE ended_at_ms IS NULL;
CREATE INDEX deliveries_ended ON deliveries (ended_at_ms) WHERE ended_at_ms IS NOT NULL;
CREATE INDEX deliveries_newest ON deliveries (created_at_ms);
