import type { Pool } from 'pg';
import type { Run } from '../../contract/domain/run.ts';
import type { Thread, ThreadQuery } from '../../contract/domain/thread.ts';
import type { RunQuery } from '../../contract/store/store.ts';
import { decodeRun, runColumns } from '../run-rows.ts';
import { type Sql, selectRunIds } from '../run-selection.ts';
import { listEntries } from '../search-entries.ts';
import { decodeThread, threadColumns } from '../thread-rows.ts';

/** Throws node-postgres' errors. */
export async function searchRuns(pool: Pool, query: RunQuery): Promise<readonly Run[]> {
  const entries = listEntries(query.metadata);
  const { text, values } =
    entries.length === 0 ? selectRunIds(query, { ...query, limitRanges: true }) : selectByMetadata(query, entries);
  const page = `SELECT ${runColumns} FROM (${text}) AS page JOIN runs USING (run_id) JOIN requests USING (run_id)
    ORDER BY run_id DESC`;
  return (await pool.query(page, [...values])).rows.map(decodeRun);
}

/** One select: by the index of the metadata or by that of the runs, as the planner estimates. */
function selectByMetadata(query: RunQuery, entries: readonly string[]): Omit<Sql, 'values'> & { values: unknown[] } {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const conditions = [`tenant = ${bind(query.tenant)}`, `metadata @> ${bind(entries)}::text[]`];
  if (query.agentId !== undefined) conditions.push(`agent_id = ${bind(query.agentId)}`);
  if (query.agentIds !== undefined) conditions.push(`agent_id = ANY (${bind(query.agentIds)}::text[])`);
  if (typeof query.threadId === 'string') conditions.push(`thread_id = ${bind(query.threadId)}`);
  if (query.threadId === null) conditions.push('thread_id IS NULL');
  if (query.status !== undefined) conditions.push(`status = ${bind(query.status)}`);
  const text = `SELECT run_id FROM runs JOIN requests USING (run_id) WHERE ${conditions.join(' AND ')}
    ORDER BY run_id DESC LIMIT ${bind(query.limit)} OFFSET ${bind(query.offset)}`;
  return { text, values };
}

/** Throws node-postgres' errors. */
export async function searchThreads(pool: Pool, query: ThreadQuery): Promise<readonly Thread[]> {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const conditions = [`tenant = ${bind(query.tenant)}`];
  if (query.agentId !== undefined) conditions.push(`agent_id = ${bind(query.agentId)}`);
  if (query.agentIds !== undefined)
    conditions.push(`(agent_id IS NULL OR agent_id = ANY (${bind(query.agentIds)}::text[]))`);
  if (query.status !== undefined) conditions.push(`status = ${bind(query.status)}`);
  const [metadata, state] = [listEntries(query.metadata), listEntries(query.values)];
  if (metadata.length > 0) conditions.push(`metadata_entries @> ${bind(metadata)}::text[]`);
  if (state.length > 0) conditions.push(`value_entries @> ${bind(state)}::text[]`);
  const join = metadata.length + state.length === 0 ? '' : 'JOIN thread_states USING (thread_id)';
  const page = `SELECT thread_id FROM threads ${join} WHERE ${conditions.join(' AND ')}
    ORDER BY created_at_ms DESC, thread_id DESC LIMIT ${bind(query.limit)} OFFSET ${bind(query.offset)}`;
  const text = `SELECT ${threadColumns} FROM (${page}) AS page JOIN threads USING (thread_id)
    JOIN thread_states USING (thread_id) ORDER BY created_at_ms DESC, thread_id DESC`;
  return (await pool.query(text, values)).rows.map(decodeThread);
}
