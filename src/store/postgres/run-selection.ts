import type { RunStatus } from '../../contract/domain/run.ts';
import type { RunConditions, RunQuery } from '../../contract/store/store.ts';
import { comparedPhases, endedStatuses, statusesOf } from '../run-conditions.ts';
import { listEntries } from '../search-entries.ts';

// The index of a run's agent is one of live and one of ended runs, so that an end leaves the first alone.
const live = "found.status IN ('pending', 'interrupted')";
const ended = "found.status IN ('success', 'error', 'timeout')";

type Bind = (value: unknown) => string;
export type Selection = { readonly text: string; readonly values: readonly unknown[] };

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

function agentsOf({ agentId, agentIds }: RunConditions, tenant: string, bind: Bind): string {
  const named = agentId === undefined ? agentIds : [agentId].filter((id) => agentIds?.includes(id) ?? true);
  return named === undefined ? allAgents(tenant) : `SELECT DISTINCT unnest(${bind(named)}::text[])`;
}

/** PostgreSQL reads no JSON with an escape that is no text of its own, wherever it stands. */
export const errcode = `(regexp_replace(runs.state, '\\\\u(0000|d[89a-f][0-9a-f]{2})', '\\\\ufffd', 'gi')::json
  #>> '{outcome,errcode}')::bigint`;

/** What no index answers, and the join that it needs. */
function restOf(conditions: RunConditions, bind: Bind): { readonly join: string; readonly tests: readonly string[] } {
  const tests: string[] = [];
  const entries = listEntries(conditions.metadata);
  if (entries.length > 0) tests.push(`metadata @> ${bind(entries)}::text[]`);
  const phases = comparedPhases(conditions);
  if (phases !== undefined) tests.push(`phase = ANY (${bind(phases)}::text[])`);
  // Only the state of a run that failed is known to be small.
  const ofFailed = (given: readonly number[], negation: '' | 'NOT ', otherwise: boolean): string =>
    `CASE WHEN status IN ('error', 'timeout')
      THEN ${negation}${errcode} = ANY (${bind(given)}::bigint[]) ELSE ${otherwise} END`;
  if (conditions.errcodes !== undefined)
    tests.push(ofFailed(conditions.errcodes, '', conditions.statuses !== undefined));
  if (conditions.notErrcodes !== undefined) tests.push(ofFailed(conditions.notErrcodes, 'NOT ', true));
  return { join: entries.length === 0 ? '' : 'JOIN requests USING (run_id)', tests };
}

function ofThread(conditions: RunConditions, tenant: string, bind: Bind): readonly string[] {
  const { agentId, agentIds, threadId, updatedAfterMs } = conditions;
  const tests = [
    `tenant = ${tenant}`,
    `thread_id = ${bind(threadId)}`,
    `status = ANY (${bind(statusesOf(conditions))}::text[])`,
  ];
  if (agentId !== undefined) tests.push(`agent_id = ${bind(agentId)}`);
  if (agentIds !== undefined) tests.push(`agent_id = ANY (${bind(agentIds)}::text[])`);
  if (updatedAfterMs !== undefined) tests.push(`updated_at_ms > ${bind(updatedAfterMs)}`);
  return tests;
}

/**
 * Selects the ids of the runs that match a query, newest first by its order. It merges one range of an index per agent and
 * status, because the indexes are ordered only below these; each is bounded, for a planner that would otherwise read them whole and
 * sort them. Live runs are not ordered by their last change: those of an agent are sorted.
 */
export function selectRunIds(query: RunQuery): Selection {
  const values: unknown[] = [];
  const bind: Bind = (value) => `$${values.push(value)}`;
  const tenant = bind(query.tenant);
  const { join, tests } = restOf(query, bind);
  const { after, updatedAfterMs } = query;
  const byChange = query.order === 'updated';
  const bounds = `LIMIT ${bind(query.limit)} OFFSET ${bind(query.offset)}`;
  const afterId = after === undefined ? '' : bind(after.runId);
  const afterMs = after === undefined || !byChange ? '' : bind(after.atMs);
  const orderBy = (column: string): string =>
    byChange ? `ORDER BY ${column} DESC, run_id DESC` : 'ORDER BY run_id DESC';
  const from = (column: string): readonly string[] => {
    if (after === undefined) return [];
    return [
      byChange ? `(${column}, run_id) < (${afterMs}::bigint, ${afterId}::text COLLATE "C")` : `run_id < ${afterId}`,
    ];
  };
  if (typeof query.threadId === 'string') {
    const conditions = [...ofThread(query, tenant, bind), ...tests, ...from('updated_at_ms')];
    const text = `SELECT run_id FROM runs ${join} WHERE ${conditions.join(' AND ')} ${orderBy('updated_at_ms')} ${bounds}`;
    return { text, values };
  }
  const max = bind(query.limit + query.offset);
  const agents = agentsOf(query, tenant, bind);
  const since = updatedAfterMs === undefined ? '' : bind(updatedAfterMs);
  const statuses = statusesOf(query);
  // Where no status is possible nothing matches.
  const selects = (statuses.length === 0 ? (['pending'] as const) : statuses).map((name) => {
    // A run that has ended was changed last when it did.
    const column = byChange && endedStatuses.includes(name) ? 'ended_at_ms' : 'updated_at_ms';
    const conditions = [
      ...ofStatus(query, tenant, name),
      ...(byChange && endedStatuses.includes(name) ? ['ended_at_ms IS NOT NULL'] : []),
      ...(since === '' ? [] : [`${column} > ${since}`]),
      ...(statuses.length === 0 ? ['false'] : []),
      ...tests,
      ...from(column),
    ];
    return `SELECT found.run_id, found.at_ms FROM agents CROSS JOIN LATERAL (
        SELECT run_id, ${column} AS at_ms FROM runs ${join} WHERE ${conditions.join(' AND ')} ${orderBy(column)} LIMIT ${max}) AS found`;
  });
  const text = `WITH RECURSIVE agents (agent_id) AS (${agents}) ${selects.join(' UNION ALL ')} ${orderBy('at_ms')} ${bounds}`;
  return { text, values };
}

function ofStatus({ threadId }: RunConditions, tenant: string, name: RunStatus): readonly string[] {
  // Not a parameter, so that the planner sees which of the indexes it is.
  const ofRange = [`tenant = ${tenant}`, 'agent_id = agents.agent_id', `status = '${name}'`];
  return threadId === null ? [...ofRange, 'thread_id IS NULL'] : ofRange;
}

/** Counts the runs that meet the conditions: a range of an index for each agent and status. */
export function selectCount(conditions: RunConditions): Selection {
  const values: unknown[] = [];
  const bind: Bind = (value) => `$${values.push(value)}`;
  const tenant = bind(conditions.tenant);
  const { join, tests } = restOf(conditions, bind);
  if (typeof conditions.threadId === 'string') {
    const all = [...ofThread(conditions, tenant, bind), ...tests];
    return { text: `SELECT count(*)::float8 AS count FROM runs ${join} WHERE ${all.join(' AND ')}`, values };
  }
  const agents = agentsOf(conditions, tenant, bind);
  const since = conditions.updatedAfterMs === undefined ? '' : bind(conditions.updatedAfterMs);
  const counts = statusesOf(conditions).map((name) => {
    const column = endedStatuses.includes(name) ? 'ended_at_ms' : 'updated_at_ms';
    const all = [...ofStatus(conditions, tenant, name), ...(since === '' ? [] : [`${column} > ${since}`]), ...tests];
    return `(SELECT coalesce(sum(found.runs), 0) FROM agents CROSS JOIN LATERAL (
        SELECT count(*) AS runs FROM runs ${join} WHERE ${all.join(' AND ')}) AS found)`;
  });
  const sum = ['0', ...counts].join(' + ');
  // The tenant is named, for a statement whose parameters are all used.
  return {
    text: `WITH RECURSIVE agents (agent_id) AS (${agents}) SELECT (${sum})::float8 AS count WHERE ${tenant}::text IS NOT NULL`,
    values,
  };
}
