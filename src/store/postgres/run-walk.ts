import type { RunFilter } from '../../contract/store/operations-store.ts';
import { idAt, idSlackMs, maxListedState } from '../operation-rows.ts';

const endedStatuses: readonly string[] = ['success', 'error', 'timeout'];
/** PostgreSQL reads no JSON with an escape that is no text of its own, wherever it stands. */
const state = `regexp_replace(runs.state, '\\\\u(0000|d[89a-f][0-9a-f]{2})', '\\\\ufffd', 'gi')::json`;
const hasFailed = `runs.status IN ('error', 'timeout')`;

/** Whether the filter can match live runs alone, which have an index of their own. */
function isOfLive({ isLive, phases, statuses, owner }: RunFilter): boolean {
  if (isLive === true || owner !== undefined) return true;
  if (phases !== undefined && !phases.includes('done')) return true;
  return statuses !== undefined && !statuses.some((status) => endedStatuses.includes(status));
}

type Bind = (value: unknown) => string;

function conditionsOf(filter: RunFilter, bind: Bind): readonly string[] {
  const { tenant, agentIds, backend, phases, statuses, errcodes, owner, threadId, text } = filter;
  const tests: string[] = [];
  const oneOf = (expression: string, given: readonly unknown[], type: 'text' | 'bigint'): string =>
    `${expression} = ANY (${bind(given)}::${type}[])`;
  if (tenant !== undefined) tests.push(`runs.tenant = ${bind(tenant)}`);
  if (agentIds !== undefined) tests.push(oneOf('runs.agent_id', agentIds, 'text'));
  if (phases !== undefined) tests.push(oneOf('runs.phase', phases, 'text'));
  if (statuses !== undefined) tests.push(oneOf('runs.status', statuses, 'text'));
  if (owner !== undefined) tests.push(`runs.owner = ${bind(owner)}`);
  if (threadId !== undefined) tests.push(`runs.thread_id = ${bind(threadId)}`);
  if (filter.isLive !== undefined) tests.push(`runs.ended_at_ms IS ${filter.isLive ? '' : 'NOT '}NULL`);
  if (filter.createdBeforeMs !== undefined) tests.push(`runs.created_at_ms < ${bind(filter.createdBeforeMs)}`);
  if (filter.createdFromMs !== undefined) tests.push(`runs.created_at_ms >= ${bind(filter.createdFromMs)}`);
  if (backend !== undefined) {
    const named = `${state} ->> 'backend' = ${bind(backend.name)}`;
    const others = `CASE WHEN ${oneOf('runs.agent_id', backend.otherAgentIds, 'text')} THEN ${named} ELSE false END`;
    tests.push(`(${oneOf('runs.agent_id', backend.onlyAgentIds, 'text')} OR coalesce(${others}, false))`);
  }
  // Only the state of a run that failed is known to be small.
  if (errcodes !== undefined) {
    const errcode = `(${state} #>> '{outcome,errcode}')::bigint`;
    tests.push(`CASE WHEN ${hasFailed} THEN ${oneOf(errcode, errcodes, 'bigint')} ELSE false END`);
  }
  if (text !== undefined) tests.push(textTest(bind(text.toLowerCase())));
  return tests;
}

function textTest(param: string): string {
  const texts = [
    'runs.run_id',
    'runs.agent_name',
    'runs.thread_id',
    'runs.vendor',
    `(SELECT array_to_string(metadata, E'\\n') FROM requests WHERE requests.run_id = runs.run_id)`,
    `CASE WHEN ${hasFailed} THEN ${state} #>> '{outcome,description}' END`,
    `CASE WHEN runs.ended_at_ms IS NULL AND octet_length(runs.state) <= ${maxListedState}
      THEN (${state} -> 'upstream')::text END`,
  ];
  return `(${texts.map((each) => `strpos(lower(coalesce(${each}, '')), ${param}::text) > 0`).join(' OR ')})`;
}

export type Statement = { readonly text: string; readonly values: readonly unknown[] };

/** Common table expressions that examine the next `size` runs, as `examined`, with `matched`. */
function examine(
  filter: RunFilter,
  columnsOf: (bind: Bind) => string,
  page: { readonly before: string | null; readonly size: number },
) {
  const values: unknown[] = [];
  const bind: Bind = (value) => `$${values.push(value)}`;
  const tests = conditionsOf(filter, bind);
  const { createdBeforeMs, createdFromMs } = filter;
  const bounds: string[] = [];
  if (page.before !== null) bounds.push(`run_id < ${bind(page.before)}`);
  if (createdBeforeMs !== undefined) bounds.push(`run_id < ${bind(idAt(createdBeforeMs + idSlackMs))}`);
  if (createdFromMs !== undefined) bounds.push(`run_id >= ${bind(idAt(createdFromMs - idSlackMs))}`);
  const within = bounds.length === 0 ? 'true' : bounds.join(' AND ');
  const size = bind(page.size);
  // Materialized, for a planner that would rather walk all ids and leave out the runs that have ended.
  const candidates = isOfLive(filter)
    ? `WITH live AS MATERIALIZED (SELECT run_id FROM runs WHERE ended_at_ms IS NULL), candidate AS MATERIALIZED (
        SELECT run_id FROM live WHERE ${within} ORDER BY run_id DESC LIMIT ${size})`
    : `WITH candidate AS MATERIALIZED (SELECT run_id FROM runs WHERE ${within} ORDER BY run_id DESC LIMIT ${size})`;
  const matched = tests.length === 0 ? 'true' : tests.join(' AND ');
  const text = `${candidates}, examined AS MATERIALIZED (
      SELECT ${columnsOf(bind)}, coalesce(${matched}, false) AS matched FROM candidate JOIN runs USING (run_id))`;
  return { text, values, bind };
}

/** Examines runs and gives those that match, at most `limit`, and how far it came. */
export function selectMatches(
  filter: RunFilter,
  page: { readonly before: string | null; readonly size: number; readonly limit: number },
): Statement {
  const { text, values, bind } = examine(filter, () => 'run_id', page);
  const found = `SELECT run_id FROM examined WHERE matched ORDER BY run_id DESC LIMIT ${bind(page.limit)}`;
  return {
    text: `${text} SELECT (SELECT count(*) FROM examined) AS examined, (SELECT min(run_id) FROM examined) AS last,
      ARRAY(${found}) AS ids`,
    values,
  };
}

/** The same, and gives those that match in groups, as JSON. */
export function selectGroups(
  filter: RunFilter,
  spreadAgentIds: readonly string[],
  page: { readonly before: string | null; readonly size: number },
): Statement {
  const columns = 'agent_id, agent_name, backend, tenant, phase, status';
  const read = (bind: Bind): string => `run_id, runs.agent_id, runs.agent_name,
    CASE WHEN runs.agent_id = ANY (${bind(spreadAgentIds)}::text[]) THEN ${state} ->> 'backend' END AS backend,
    runs.tenant, runs.phase, runs.status, runs.created_at_ms`;
  const { text, values } = examine(filter, read, page);
  const groups = `SELECT ${columns}, count(*) AS count, min(created_at_ms) AS oldest FROM examined WHERE matched
    GROUP BY ${columns}`;
  return {
    text: `${text} SELECT (SELECT count(*) FROM examined) AS examined, (SELECT min(run_id) FROM examined) AS last,
      (SELECT coalesce(json_agg(json_build_array(${columns}, count, oldest)), '[]')::text FROM (${groups}) AS grouped)
        AS found`,
    values,
  };
}

/** Runs without their payloads. */
export const selectHeads = `SELECT run_id, tenant, agent_id, agent_name, thread_id, phase, status, owner, created_at_ms,
    updated_at_ms, vendor, array_to_string(metadata, E'\\n') AS metadata,
    CASE WHEN octet_length(state) <= ${maxListedState} THEN state END AS state
  FROM runs JOIN requests USING (run_id) WHERE run_id = ANY ($1::text[]) ORDER BY run_id DESC`;
