-- The webhook of the run that is called; empty for the one that the run's request names. Each waits for its own deliveries alone.
ALTER TABLE deliveries ADD COLUMN webhook TEXT NOT NULL DEFAULT '';

DROP INDEX deliveries_by_run;
CREATE UNIQUE INDEX deliveries_by_run ON deliveries (run_id, webhook, seq);
