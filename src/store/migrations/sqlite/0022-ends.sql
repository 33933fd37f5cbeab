-- A run that has ended has one entry by its end, which never moves: the order of the last change. Those that live are few, and are
-- sorted when they are asked for. Runs that failed keep an entry in the order of their creation too; those that succeeded, which
-- nearly all do, are found among all runs of their agent.
DROP INDEX runs_ended;

CREATE INDEX runs_failed ON runs (tenant, agent_id, status, run_id) WHERE status IN ('error', 'timeout');
CREATE INDEX runs_by_end ON runs (tenant, agent_id, status, ended_at_ms, run_id) WHERE ended_at_ms IS NOT NULL;
