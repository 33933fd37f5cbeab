-- What runs of an agent took, as far as it could be seen; the newest of each agent only.
CREATE TABLE durations (
  id INTEGER PRIMARY KEY,
  agent_id TEXT NOT NULL,
  took_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX durations_by_agent ON durations (agent_id, id);
