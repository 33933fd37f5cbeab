-- What runs of an agent took, as far as it could be seen; the newest of each agent only.
CREATE TABLE durations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  agent_id text NOT NULL,
  took_ms bigint NOT NULL
);

CREATE INDEX durations_by_agent ON durations (agent_id, id);

-- What each replica has of a backend's budget, until it expires by this server's clock.
CREATE TABLE budget_shares (
  backend text NOT NULL,
  replica text NOT NULL,
  -- Requests within a second: had, and wanted.
  requests integer NOT NULL,
  wanted integer NOT NULL,
  -- Starts that were allowed and are not yet written.
  starts integer NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (backend, replica)
);
