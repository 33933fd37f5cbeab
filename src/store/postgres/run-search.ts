import type { Pool } from 'pg';
import type { Run } from '../../contract/domain/run.ts';
import type { RunQuery } from '../../contract/store/store.ts';
import { listEntries } from '../metadata.ts';
import { decodeRun, runColumns } from '../rows.ts';
import { type Sql, selectRunIds } from '../search.ts';

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
