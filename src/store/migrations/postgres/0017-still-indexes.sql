-- What a run's life writes in indexes: one entry while it lives and one when it ends, instead of one in each index for each
-- version of its row. An update that changes no indexed column stays in its page, so what the vendor started has a table of
-- its own.
DROP INDEX runs_by_agent;
DROP INDEX runs_by_status;
DROP INDEX runs_by_upstream;

CREATE INDEX runs_live_by_agent ON runs (tenant, agent_id, status, run_id)
  WHERE status IN ('pending', 'interrupted');
CREATE INDEX runs_ended_by_agent ON runs (tenant, agent_id, status, run_id)
  WHERE status IN ('success', 'error', 'timeout');

-- runs.upstream_key says which row here is a run's.
CREATE TABLE upstreams (
  upstream_key text COLLATE "C" PRIMARY KEY,
  run_id text COLLATE "C" NOT NULL
);

INSERT INTO upstreams (upstream_key, run_id) SELECT upstream_key, run_id FROM runs WHERE upstream_key IS NOT NULL;
