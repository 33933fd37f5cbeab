-- Agents, backends and tenants of which nothing is started, until an operator lifts it.
CREATE TABLE stops (
  kind text NOT NULL,
  name text NOT NULL,
  reason text NOT NULL,
  -- Who stopped it.
  by text NOT NULL,
  at_ms bigint NOT NULL,
  PRIMARY KEY (kind, name)
);

-- JSON of what a replica says of itself; null for one of a version before this.
ALTER TABLE replicas ADD COLUMN report text;
-- What operators want of it.
ALTER TABLE replicas ADD COLUMN drain boolean NOT NULL DEFAULT false;
