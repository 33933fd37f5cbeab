-- The webhook of the run that is called; empty for the one that the run's request names. Each waits for its own deliveries alone.
ALTER TABLE deliveries ADD COLUMN webhook text COLLATE "C" NOT NULL DEFAULT '';

ALTER TABLE deliveries DROP CONSTRAINT deliveries_pkey;
ALTER TABLE deliveries ADD PRIMARY KEY (run_id, webhook, seq);
