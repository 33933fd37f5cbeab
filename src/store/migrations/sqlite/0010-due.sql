-- When a run comes due: its creation and the delay that its client asked for. Until here the delay stood only in the text
-- of the request. Runs that ended wait for nothing, so theirs are not read and stay 0: a large table is not rewritten.
ALTER TABLE runs ADD COLUMN due_at_ms INTEGER NOT NULL DEFAULT 0;

UPDATE runs SET due_at_ms = created_at_ms + CAST(coalesce((
  SELECT json_extract(requests.request, '$.afterMs') FROM requests WHERE requests.id = runs.id), 0) AS INTEGER)
WHERE ended_at_ms IS NULL;

-- The order in which the runs of a thread get their turn. Runs that come due in the same millisecond are ordered by id.
DROP INDEX runs_live_by_thread;
CREATE INDEX runs_live_by_thread ON runs (tenant, thread_id, due_at_ms)
  WHERE ended_at_ms IS NULL AND thread_id IS NOT NULL;
