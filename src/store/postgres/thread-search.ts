import type { Pool } from 'pg';
import type { Thread, ThreadQuery } from '../../contract/domain/thread.ts';
import { listEntries } from '../metadata.ts';
import { decodeThread, threadColumns } from '../thread-rows.ts';

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
