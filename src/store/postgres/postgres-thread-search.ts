import type { Pool } from 'pg';
import { z } from 'zod';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Thread, ThreadFilter, ThreadQuery, ThreadSort } from '../../contract/domain/thread.ts';
import type { Rows } from '../../contract/store/rows.ts';
import { type Paged, readInBatches } from '../row-batches.ts';
import { listEntries } from '../search-entries.ts';
import { decodeLarge, decodeThread, stateless, threadColumns } from '../thread-rows.ts';
import { pageText } from './paged-text.ts';

const threadKey = z.object({ thread_id: z.string() });
const countRow = z.object({ count: z.number() });

const payloads = ['metadata', 'state_values', 'messages'];
const heads = threadColumns
  .replaceAll(/\b(threads|thread_states)\./g, '')
  .split(', ')
  .filter((column) => !payloads.includes(column))
  .concat('sort_key')
  .join(', ');

/** Rejects with node-postgres' errors. */
export function searchThreads(pool: Pool, query: ThreadQuery): Rows<Thread> {
  const { values, bind, from } = selectThreads(query);
  const { by, isAscending } = query.sort ?? { by: 'createdAt', isAscending: false };
  const direction = isAscending ? 'ASC' : 'DESC';
  const ids = `SELECT threads.thread_id, ${sortKeyOf(by)} AS sort_key ${from}
    ORDER BY sort_key ${direction}, threads.thread_id ${direction}
    LIMIT ${bind(query.limit)} OFFSET ${bind(query.offset)}`;
  const columns = query.omitState === true ? stateless(threadColumns) : threadColumns;
  const select = `SELECT ${columns}, page.sort_key FROM (${ids}) AS page JOIN threads USING (thread_id)
    JOIN thread_states USING (thread_id)`;
  const page = pageText(select, { heads, payloads, order: `sort_key ${direction}, thread_id ${direction}` });
  const byIds = `SELECT ${columns} FROM threads JOIN thread_states USING (thread_id)
    WHERE threads.thread_id = ANY ($1::text[])`;
  const keyOf = (row: object) => threadKey.parse(row).thread_id;
  return readInBatches<Paged, object, Thread>({
    page: async () => (await pool.query(page, [...values])).rows,
    read: async (them) => (await pool.query(byIds, [them.map(keyOf)])).rows,
    keyOf,
    decode: (row) => decodeLarge(row, decodeThread),
  });
}

/** Rejects with node-postgres' errors. */
export async function countThreads(pool: Pool, filter: ThreadFilter): Promise<number> {
  const { values, from } = selectThreads(filter);
  const { rows } = await pool.query(`SELECT count(*)::int AS count ${from}`, [...values]);
  return countRow.parse(rows[0]).count;
}

/** The threads of a filter, as what follows the columns of a select. */
function selectThreads(filter: ThreadFilter) {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const conditions = [`tenant = ${bind(filter.tenant)}`];
  if (filter.ids !== undefined) conditions.push(`threads.thread_id = ANY (${bind(filter.ids)}::text[])`);
  if (filter.agentId !== undefined) conditions.push(`agent_id = ${bind(filter.agentId)}`);
  if (filter.agentIds !== undefined)
    conditions.push(`(agent_id IS NULL OR agent_id = ANY (${bind(filter.agentIds)}::text[]))`);
  if (filter.status !== undefined) conditions.push(`status = ${bind(filter.status)}`);
  const [metadata, state] = [listEntries(filter.metadata), listEntries(filter.values)];
  if (metadata.length > 0) conditions.push(`metadata_entries @> ${bind(metadata)}::text[]`);
  if (state.length > 0) conditions.push(`value_entries @> ${bind(state)}::text[]`);
  const join = metadata.length + state.length === 0 ? '' : 'JOIN thread_states USING (thread_id)';
  return { values, bind, from: `FROM threads ${join} WHERE ${conditions.join(' AND ')}` };
}

function sortKeyOf(by: ThreadSort['by']): string {
  switch (by) {
    case 'createdAt':
      return 'threads.created_at_ms';
    case 'updatedAt':
      return 'threads.updated_at_ms';
    case 'stateUpdatedAt':
      return `coalesce((SELECT at_ms FROM checkpoints WHERE checkpoints.thread_id = threads.thread_id
        ORDER BY position DESC LIMIT 1), threads.created_at_ms)`;
    case 'threadId':
      return 'threads.thread_id';
    case 'status':
      return 'threads.status';
    default:
      return assertNever(by);
  }
}
