-- Threads are listed by their last change too. It is written where their status is, which is in an index already, and the steps
-- of a run in between leave both.
CREATE INDEX threads_by_update ON threads (tenant, updated_at_ms, thread_id);
