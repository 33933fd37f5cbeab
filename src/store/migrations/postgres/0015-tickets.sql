-- Random secrets of this deployment, by what they are for; made when they are first needed.
CREATE TABLE deployment_secrets (
  name text PRIMARY KEY,
  value text NOT NULL
);

-- Tickets for streams that were opened in time, and until when they may be opened again.
CREATE TABLE opened_tickets (
  id text COLLATE "C" PRIMARY KEY,
  until_ms bigint NOT NULL
);

CREATE INDEX opened_tickets_by_time ON opened_tickets (until_ms);
