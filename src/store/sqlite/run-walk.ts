import type { RunFilter } from '../../contract/store/operations-store.ts';
import { idAt, idSlackMs, maxListedState } from '../operation-rows.ts';

/** Which index a walk goes along; each gives its runs by their ids. */
export type WalkIndex = 'all' | 'agent' | 'live';

type Conditions = {
  readonly index: WalkIndex;
  /** What is read, and the conditions of a range `?1` of it. */
  readonly from: string;
  readonly range: string;
  /** The conditions that the index does not answer. */
  readonly matched: string;
  readonly values: readonly (string | number)[];
};

const endedStatuses: readonly string[] = ['success', 'error', 'timeout'];

/** Runs that have not ended are few and have an index of their own; runs of all agents are walked by the ids alone. */
function indexFor({ isLive, phases, statuses, owner, tenant, agentIds }: RunFilter): WalkIndex {
  if (isLive === true || owner !== undefined) return 'live';
  if (phases !== undefined && !phases.includes('done')) return 'live';
  if (statuses !== undefined && !statuses.some((status) => endedStatuses.includes(status))) return 'live';
  return tenant !== undefined && agentIds !== undefined ? 'agent' : 'all';
}

/** The first values of a chunk's statement: range, the run to begin before, the oldest id, and the number of rows. */
const fixed = 4;

function conditionsOf(filter: RunFilter): Conditions {
  const index = indexFor(filter);
  const values: (string | number)[] = [];
  const bind = (value: string | number): string => `?${values.push(value) + fixed}`;
  const oneOf = (column: string, given: readonly (string | number)[]): string =>
    `${column} IN (${given.map(bind).join(', ')})`;
  const { tenant, agentIds, backend, phases, statuses, errcodes, owner, threadId, text } = filter;
  const tests: string[] = [];
  const tenantParam = tenant === undefined ? '' : bind(tenant);
  if (tenant !== undefined && index !== 'agent') tests.push(`runs.tenant = ${tenantParam}`);
  if (agentIds !== undefined && index !== 'agent') tests.push(oneOf('runs.agent_id', agentIds));
  if (phases !== undefined) tests.push(oneOf('runs.phase', phases));
  if (statuses !== undefined) tests.push(oneOf('runs.status', statuses));
  if (owner !== undefined) tests.push(`runs.owner = ${bind(owner)}`);
  if (threadId !== undefined) tests.push(`runs.thread_id = ${bind(threadId)}`);
  if (filter.isLive === true && index !== 'live') tests.push('runs.ended_at_ms IS NULL');
  if (filter.isLive === false) tests.push('runs.ended_at_ms IS NOT NULL');
  if (filter.createdBeforeMs !== undefined) tests.push(`runs.created_at_ms < ${bind(filter.createdBeforeMs)}`);
  if (filter.createdFromMs !== undefined) tests.push(`runs.created_at_ms >= ${bind(filter.createdFromMs)}`);
  if (backend !== undefined) {
    const named = `json_extract(runs.state, '$.backend') = ${bind(backend.name)}`;
    const only = oneOf('runs.agent_id', backend.onlyAgentIds);
    const others = `CASE WHEN ${oneOf('runs.agent_id', backend.otherAgentIds)} THEN ${named} ELSE 0 END`;
    tests.push(`(${only} OR ${others})`);
  }
  // Only the state of a run that failed is known to be small.
  if (errcodes !== undefined)
    tests.push(
      `CASE WHEN ${hasFailed} THEN ${oneOf("json_extract(runs.state, '$.outcome.errcode')", errcodes)} ELSE 0 END`,
    );
  if (text !== undefined) tests.push(textTest(bind(text.toLowerCase())));
  const join = text === undefined ? '' : ' CROSS JOIN requests ON requests.id = runs.id';
  const ranges: Readonly<Record<WalkIndex, readonly [from: string, range: string]>> = {
    all: ['runs', '?1 IS NULL'],
    agent: ['runs INDEXED BY runs_by_agent', `tenant = ${tenantParam} AND agent_id = ?1`],
    live: ['runs INDEXED BY runs_live', 'ended_at_ms IS NULL AND owner IS ?1'],
  };
  const [from, range] = ranges[index];
  return { index, from: from + join, range, matched: tests.length === 0 ? '1' : tests.join(' AND '), values };
}

const hasFailed = `runs.status IN ('error', 'timeout')`;

function textTest(param: string): string {
  const texts = [
    'runs.run_id',
    'runs.agent_name',
    `coalesce(runs.thread_id, '')`,
    `coalesce(runs.vendor, '')`,
    `coalesce(requests.metadata, '')`,
    `CASE WHEN ${hasFailed} THEN json_extract(runs.state, '$.outcome.description') ELSE '' END`,
    `CASE WHEN runs.ended_at_ms IS NULL AND octet_length(runs.state) <= ${maxListedState}
      THEN coalesce(json_extract(runs.state, '$.upstream'), '') ELSE '' END`,
  ];
  return `(${texts.map((each) => `instr(lower(${each}), ${param}) > 0`).join(' OR ')})`;
}

export type WalkStatement = {
  readonly index: WalkIndex;
  readonly text: string;
  readonly values: readonly (string | number)[];
  /** The run to begin before, and the oldest id, by the times of the filter. */
  readonly newest: string;
  readonly oldest: string;
};

function boundsOf({ createdBeforeMs, createdFromMs }: RunFilter): Pick<WalkStatement, 'newest' | 'oldest'> {
  return {
    newest: createdBeforeMs === undefined ? '\u{10ffff}' : idAt(createdBeforeMs + idSlackMs),
    oldest: createdFromMs === undefined ? '' : idAt(createdFromMs - idSlackMs),
  };
}

/** Examines the next runs of one range, and gives the ids of those that match. */
export function selectMatches(filter: RunFilter): WalkStatement {
  const { index, from, range, matched, values } = conditionsOf(filter);
  const examined = `SELECT runs.run_id, ${matched} AS matched FROM ${from}
    WHERE ${range} AND runs.run_id < ?2 AND runs.run_id >= ?3 ORDER BY runs.run_id DESC LIMIT ?4`;
  const text = `SELECT count(*) AS examined, min(run_id) AS last, json_group_array(run_id) FILTER (WHERE matched) AS ids
    FROM (${examined})`;
  return { index, text, values, ...boundsOf(filter) };
}

/** The same, and gives those that match in groups. */
export function selectGroups(filter: RunFilter, spreadAgentIds: readonly string[]): WalkStatement {
  const { index, from, range, matched, values } = conditionsOf(filter);
  const all = [...values, ...spreadAgentIds];
  const spread = spreadAgentIds.map((_, at) => `?${values.length + fixed + at + 1}`).join(', ');
  const backend = `CASE WHEN runs.agent_id IN (${spread}) THEN json_extract(runs.state, '$.backend') END`;
  const columns = 'agent_id, agent_name, backend, tenant, phase, status';
  const text = `WITH examined AS MATERIALIZED (
      SELECT runs.run_id, runs.agent_id, runs.agent_name, ${backend} AS backend, runs.tenant, runs.phase, runs.status,
        runs.created_at_ms, ${matched} AS matched FROM ${from}
      WHERE ${range} AND runs.run_id < ?2 AND runs.run_id >= ?3 ORDER BY runs.run_id DESC LIMIT ?4)
    SELECT count(*) AS examined, min(run_id) AS last, (
      SELECT json_group_array(json_array(${columns}, count, oldest)) FROM (
        SELECT ${columns}, count(*) AS count, min(created_at_ms) AS oldest FROM examined WHERE matched GROUP BY ${columns})
      ) AS found FROM examined`;
  return { index, text, values: all, ...boundsOf(filter) };
}

/** One run without its payloads. */
export const selectHead = `SELECT run_id, tenant, agent_id, agent_name, thread_id, phase, status, owner, created_at_ms,
    updated_at_ms, vendor, requests.metadata,
    CASE WHEN octet_length(state) <= ${maxListedState} THEN state END AS state
  FROM runs JOIN requests ON requests.id = runs.id WHERE run_id = ?`;
