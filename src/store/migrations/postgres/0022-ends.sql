-- The order of the last change: runs that have ended have one entry each, which never moves. Those that live are few, and are
-- sorted when they are asked for.
CREATE INDEX runs_by_end ON runs (tenant, agent_id, status, ended_at_ms, run_id) WHERE ended_at_ms IS NOT NULL;
