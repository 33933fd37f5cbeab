-- A run has an entry by its agent from its creation on, one by its status from its end on, and one among the live runs until then.
-- Nothing of them is moved, so that a creation touches five b-trees and an end three, each of which costs a page. Retention
-- goes through the runs in the order of their writing.
DROP INDEX runs_by_agent;
DROP INDEX runs_by_status;
DROP INDEX runs_ended;
DROP INDEX runs_live;

CREATE INDEX runs_by_agent ON runs (tenant, agent_id, run_id);
CREATE INDEX runs_ended ON runs (tenant, agent_id, status, run_id) WHERE status IN ('success', 'error', 'timeout');
-- With the last four columns a search for live runs examines the index alone.
CREATE INDEX runs_live ON runs (owner, run_id, tenant, agent_id, status, ended_at_ms) WHERE ended_at_ms IS NULL;
