import type { SQLInputValue } from 'node:sqlite';
import type { RunStatus } from '../../contract/domain/run.ts';
import type { RunConditions, RunQuery } from '../../contract/store/store.ts';
import { comparedPhases, endedStatuses, failedStatuses, liveStatuses, statusesOf } from '../run-conditions.ts';
import { listEntries } from '../search-entries.ts';

/**
 * What a walk goes along. Each but the last gives its runs in the order of their ids.
 *
 * - `thread`: runs of a thread.
 * - `live`: live runs of an owner, of all tenants.
 * - `failed`: runs of an agent that failed with a status.
 * - `agent`: runs of an agent.
 * - `changed`: runs of an agent that ended with a status, in the order of their ends.
 */
export type RunIndex = 'thread' | 'live' | 'failed' | 'agent' | 'changed';

/** The index that serves conditions best, in the order of creation. */
export function indexFor(conditions: RunConditions): Exclude<RunIndex, 'changed'> {
  if (typeof conditions.threadId === 'string') return 'thread';
  const statuses = statusesOf(conditions);
  if (statuses.every((status) => liveStatuses.includes(status))) return 'live';
  return statuses.every((status) => failedStatuses.includes(status)) ? 'failed' : 'agent';
}

/** The index that serves a count best. */
export function indexForCount(conditions: RunConditions): RunIndex {
  const index = indexFor(conditions);
  return index === 'agent' && !statusesOf(conditions).some((status) => liveStatuses.includes(status))
    ? 'changed'
    : index;
}

/** A range of an index that is of one status. */
export function rangeOf(status: RunStatus, agentId: string): string {
  return `${status} ${agentId}`;
}

/** A run's place in the order of the last change, as a text that sorts likewise. */
export function formatPlace(atMs: number, runId: string): string {
  return String(atMs).padStart(placeDigits, '0') + runId;
}

export function readPlace(place: string): { readonly atMs: number; readonly runId: string } {
  return { atMs: Number(place.slice(0, placeDigits)), runId: place.slice(placeDigits) };
}

const placeDigits = 15;
const placeIn = (column: string): string => `printf('%0${placeDigits}d', ${column}) || runs.run_id`;

export type ChunkStatement = {
  readonly text: string;
  /** All values, given the range, where to begin, and the number of rows. */
  readonly values: (range: string | null, before: string, size: number) => readonly SQLInputValue[];
};

type Examined = ChunkStatement & { readonly index: RunIndex };

/**
 * Examines the next runs of one range of an index, with `matched` for those that meet the rest of the conditions, so that what
 * does not never leaves SQLite.
 *
 * @param place what stands for a run in the answer.
 */
function examine(index: RunIndex, conditions: RunConditions, place: string): Examined {
  const { tenant, agentId, agentIds, threadId, updatedAfterMs } = conditions;
  const isOfStatus = index === 'failed' || index === 'changed';
  const fixed = index === 'changed' ? 6 : isOfStatus ? 5 : 4;
  const values: SQLInputValue[] = [];
  const bind = (value: SQLInputValue): string => `?${values.push(value) + fixed}`;
  const oneOf = (column: string, given: readonly SQLInputValue[]): string =>
    `${column} IN (${given.map(bind).join(', ')})`;
  const tests: string[] = [];
  if (index === 'live') tests.push('runs.tenant = ?1');
  if (index === 'thread' || index === 'live') {
    if (agentId !== undefined) tests.push(`runs.agent_id = ${bind(agentId)}`);
    if (agentIds !== undefined) tests.push(oneOf('runs.agent_id', agentIds));
  }
  if (threadId === null) tests.push('runs.thread_id IS NULL');
  const statuses = statusesOf(conditions);
  if (!isOfStatus && statuses.length < endedStatuses.length + liveStatuses.length)
    tests.push(oneOf('runs.status', statuses));
  const phases = comparedPhases(conditions);
  if (phases !== undefined) tests.push(oneOf('runs.phase', phases));
  if (updatedAfterMs !== undefined && index !== 'changed') tests.push(`runs.updated_at_ms > ${bind(updatedAfterMs)}`);
  tests.push(...errcodeTests(conditions, oneOf));
  const entries = listEntries(conditions.metadata);
  if (entries.length > 0) tests.push('requests.metadata IS NOT NULL');
  // The line feeds around an entry make a text search an exact one: no entry holds a line feed.
  for (const entry of entries) tests.push(`instr(requests.metadata, ${bind(`\n${entry}\n`)}) > 0`);
  const [from, range] = ranges[index];
  const after = index === 'changed' && updatedAfterMs !== undefined ? ` AND ended_at_ms > ${bind(updatedAfterMs)}` : '';
  const [bound, order] =
    index === 'changed'
      ? ['(ended_at_ms, runs.run_id) < (?3, ?6)', 'ended_at_ms DESC, runs.run_id DESC']
      : ['runs.run_id < ?3', 'runs.run_id DESC'];
  // CROSS JOIN fixes the order of the join: the index yields the runs in their order.
  const join = entries.length === 0 ? '' : ' CROSS JOIN requests ON requests.id = runs.id';
  const matched = tests.length === 0 ? '1' : tests.join(' AND ');
  const text = `SELECT runs.run_id, ${place} AS place, ${matched} AS matched FROM ${from}${join}
    WHERE ${range}${after} AND ${bound} ORDER BY ${order} LIMIT ?4`;
  return {
    index,
    text,
    values: (named, before, size) => {
      if (!isOfStatus) return [tenant, named, before, size, ...values];
      const [status = '', ...rest] = (named ?? '').split(' ');
      const ofAgent = [tenant, rest.join(' ')];
      if (index === 'failed') return [...ofAgent, before, size, status, ...values];
      const { atMs, runId } = readPlace(before);
      return [...ofAgent, atMs, size, status, runId, ...values];
    },
  };
}

/** What is read, and the conditions of a range `?2`. */
const ranges: Readonly<Record<RunIndex, readonly [from: string, conditions: string]>> = {
  thread: ['runs INDEXED BY runs_by_thread', 'tenant = ?1 AND thread_id = ?2'],
  live: ['runs INDEXED BY runs_live', 'ended_at_ms IS NULL AND owner IS ?2'],
  failed: [
    'runs INDEXED BY runs_failed',
    `tenant = ?1 AND agent_id = ?2 AND status IN ('error', 'timeout') AND status = ?5`,
  ],
  agent: ['runs INDEXED BY runs_by_agent', 'tenant = ?1 AND agent_id = ?2'],
  changed: ['runs INDEXED BY runs_by_end', 'tenant = ?1 AND agent_id = ?2 AND status = ?5 AND ended_at_ms IS NOT NULL'],
};

/** Only the state of a run that failed is known to be small. */
function errcodeTests(
  { errcodes, notErrcodes, statuses }: RunConditions,
  oneOf: (column: string, given: readonly SQLInputValue[]) => string,
): readonly string[] {
  const test = (given: readonly number[], negation: '' | 'NOT ', otherwise: 0 | 1): string =>
    `CASE WHEN runs.status IN ('error', 'timeout')
      THEN ${negation}${oneOf("json_extract(runs.state, '$.outcome.errcode')", given)} ELSE ${otherwise} END`;
  return [
    ...(errcodes === undefined ? [] : [test(errcodes, '', statuses === undefined ? 0 : 1)]),
    ...(notErrcodes === undefined ? [] : [test(notErrcodes, 'NOT ', 1)]),
  ];
}

const examinedColumns = 'count(*) AS examined, min(run_id) AS last';

/** Before which a walk of an index begins. */
export function startOf(index: RunIndex): string {
  return index === 'changed' ? formatPlace(10 ** placeDigits - 1, beforeAll) : beforeAll;
}

/** Larger than every run id. */
const beforeAll = '\u{10ffff}';

/** Examines runs in the order of their creation, and gives the ids of those that match. */
export function selectChunk(query: RunQuery): ChunkStatement {
  const { text, values } = examine(indexFor(query), query, 'runs.run_id');
  return {
    text: `SELECT ${examinedColumns}, json_group_array(place) FILTER (WHERE matched) AS ids FROM (${text})`,
    values,
  };
}

/** The same in the order of their ends, by the places of the runs. */
export function selectChanged(query: RunQuery): ChunkStatement {
  const { text, values } = examine('changed', query, placeIn('ended_at_ms'));
  return {
    text: `SELECT count(*) AS examined, min(place) AS last, json_group_array(place) FILTER (WHERE matched) AS ids
      FROM (${text})`,
    values,
  };
}

/** Examines runs in the order of their creation, and gives the places by the last change of those that match. */
export function selectPlaces(index: 'thread' | 'live', query: RunQuery): ChunkStatement {
  const { text, values } = examine(index, query, placeIn('runs.updated_at_ms'));
  return {
    text: `SELECT ${examinedColumns}, json_group_array(place) FILTER (WHERE matched) AS ids FROM (${text})`,
    values,
  };
}

/** Examines runs and gives the number of those that match; `last` is where the next chunk begins. */
export function countChunk(conditions: RunConditions): ChunkStatement {
  const index = indexForCount(conditions);
  const { text, values } = examine(index, conditions, index === 'changed' ? placeIn('ended_at_ms') : 'runs.run_id');
  return {
    text: `SELECT count(*) AS examined, min(place) AS last, count(*) FILTER (WHERE matched) AS found FROM (${text})`,
    values,
  };
}
