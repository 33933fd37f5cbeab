-- Agents, backends and tenants of which nothing is started, until an operator lifts it.
CREATE TABLE stops (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  reason TEXT NOT NULL,
  -- Who stopped it.
  by TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT;
