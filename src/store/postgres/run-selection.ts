import { runStatuses } from '../../contract/domain/run.ts';
import type { RunQuery } from '../../contract/store/store.ts';
import { listEntries } from '../search-entries.ts';

// The index of a run's agent is one of live and one of ended runs, so that an end leaves the first alone.
const live = "found.status IN ('pending', 'interrupted')";
const ended = "found.status IN ('success', 'error', 'timeout')";

/** All agents of a tenant's runs: one step of an index per agent, rather than per run. */
const allAgents = (tenant: string): string => {
  const next = (after: string): string => {
    const least = (statuses: string): string =>
      `(SELECT min(found.agent_id) FROM runs AS found WHERE found.tenant = ${tenant} AND ${statuses}${after})`;
    return `least(${least(live)}, ${least(ended)})`;
  };
  return `SELECT ${next('')} UNION ALL SELECT ${next(' AND found.agent_id > agents.agent_id')} FROM agents
    WHERE agents.agent_id IS NOT NULL`;
};

/**
 * Selects the ids of the runs that match a query, newest first. It merges one range of an index per agent and status, because
 * the indexes are ordered by id only below these; each is bounded, for a planner that would otherwise read them whole and sort them.
 */
export function selectRunIds(query: RunQuery): { readonly text: string; readonly values: readonly unknown[] } {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const tenant = bind(query.tenant);
  const entries = listEntries(query.metadata);
  const join = entries.length === 0 ? '' : 'JOIN requests USING (run_id)';
  const metadata = entries.length === 0 ? [] : [`metadata @> ${bind(entries)}::text[]`];
  const { agentId, agentIds, threadId, status } = query;
  const bounds = `ORDER BY run_id DESC LIMIT ${bind(query.limit)} OFFSET ${bind(query.offset)}`;
  if (typeof threadId === 'string') {
    const conditions = [`tenant = ${tenant}`, `thread_id = ${bind(threadId)}`, ...metadata];
    if (agentId !== undefined) conditions.push(`agent_id = ${bind(agentId)}`);
    if (agentIds !== undefined) conditions.push(`agent_id = ANY (${bind(agentIds)}::text[])`);
    if (status !== undefined) conditions.push(`status = ${bind(status)}`);
    return { text: `SELECT run_id FROM runs ${join} WHERE ${conditions.join(' AND ')} ${bounds}`, values };
  }
  const max = bind(query.limit + query.offset);
  const named = agentId === undefined ? agentIds : [agentId].filter((id) => agentIds?.includes(id) ?? true);
  const agents = named === undefined ? allAgents(tenant) : `SELECT DISTINCT unnest(${bind(named)}::text[])`;
  const statuses = runStatuses.filter((name) => status === undefined || name === status);
  const selects = statuses.map((name) => {
    // Not a parameter, so that the planner sees which of the two indexes it is.
    const ofRange = [`tenant = ${tenant}`, 'agent_id = agents.agent_id', `status = '${name}'`];
    const conditions = [...ofRange, ...(threadId === null ? ['thread_id IS NULL'] : []), ...metadata];
    return `SELECT found.run_id FROM agents CROSS JOIN LATERAL (
        SELECT run_id FROM runs ${join} WHERE ${conditions.join(' AND ')} ORDER BY run_id DESC LIMIT ${max}) AS found`;
  });
  return { text: `WITH RECURSIVE agents (agent_id) AS (${agents}) ${selects.join(' UNION ALL ')} ${bounds}`, values };
}
