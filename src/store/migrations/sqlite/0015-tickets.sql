-- Random secrets of this deployment, by what they are for; made when they are first needed.
CREATE TABLE deployment_secrets (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

-- Tickets for streams that were opened in time, and until when they may be opened again.
CREATE TABLE opened_tickets (
  id TEXT PRIMARY KEY,
  until_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX opened_tickets_by_time ON opened_tickets (until_ms);
