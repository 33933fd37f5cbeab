import type { Pool } from 'pg';
import { z } from 'zod';
import type { RunSummary } from '../../contract/domain/run.ts';
import type { Checkpoint, HistoryQuery } from '../../contract/domain/thread.ts';
import type { Rows } from '../../contract/store/rows.ts';
import type { RunConditions, RunQuery } from '../../contract/store/store.ts';
import { type Paged, readInBatches } from '../row-batches.ts';
import { decodeSummary, summaryColumns } from '../run-rows.ts';
import { checkpointColumns, decodeCheckpoint, decodeLarge, stateless } from '../thread-rows.ts';
import { pageText } from './paged-text.ts';
import { errcode, selectCount, selectRunIds } from './run-selection.ts';

const runKey = z.object({ run_id: z.string() });
const changedRow = z.object({ updated_at_ms: z.number() });
const countRow = z.object({ count: z.number() });
const checkpointKey = z.object({ checkpoint_id: z.string() });

const columns = summaryColumns(`${errcode}::float8`);
/** Names of columns as a subselect gives them. */
const runHeads = columns.replace(/CASE .* AS errcode$/s, 'errcode').replaceAll(/\bruns\./g, '');

const runsByIds = `SELECT ${columns}, requests.request FROM runs JOIN requests USING (run_id)
  WHERE run_id = ANY ($1::text[])`;

/** Rejects with node-postgres' errors. */
export function searchRuns(pool: Pool, query: RunQuery): Rows<RunSummary> {
  const { text, values } = selectRunIds(query);
  const select = `SELECT ${columns}, requests.request
    FROM (${text}) AS page JOIN runs USING (run_id) JOIN requests USING (run_id)`;
  const order = query.order === 'updated' ? 'updated_at_ms DESC, run_id DESC' : 'run_id DESC';
  const page = pageText(select, { heads: runHeads, payloads: ['request'], order });
  const keyOf = (row: object) => runKey.parse(row).run_id;
  return readInBatches<Paged, object, RunSummary>({
    page: async () => (await pool.query(page, [...values])).rows,
    read: async (heads) => {
      const rows: readonly object[] = (await pool.query(runsByIds, [heads.map(keyOf)])).rows;
      if (query.order !== 'updated') return rows;
      const places = new Map(heads.map((head) => [keyOf(head), changedRow.parse(head)]));
      return rows.map((row) => ({ ...row, ...places.get(keyOf(row)) }));
    },
    keyOf,
    decode: (row) => decodeSummary(row, query.omitInput === true),
  });
}

/** Rejects with node-postgres' errors. */
export async function countRuns(pool: Pool, conditions: RunConditions): Promise<number> {
  const { text, values } = selectCount(conditions);
  return countRow.parse((await pool.query(text, [...values])).rows[0]).count;
}

const statePayloads = ['metadata', 'state_values', 'messages'];

/** Newest first. Rejects with node-postgres' errors. */
export function listCheckpoints(
  pool: Pool,
  threadId: string,
  { limit, beforeId, omitState }: HistoryQuery,
): Rows<Checkpoint> {
  const columns = omitState === true ? stateless(checkpointColumns) : checkpointColumns;
  const from = `SELECT position, ${columns} FROM checkpoints WHERE thread_id = $1`;
  const older = `AND position < (SELECT position FROM checkpoints WHERE thread_id = $1 AND checkpoint_id = $3)`;
  const select = `${from} ${beforeId === null ? '' : older} ORDER BY position DESC LIMIT $2`;
  const heads = 'position, checkpoint_id, run_id, at_ms';
  const page = pageText(select, { heads, payloads: statePayloads, order: 'position DESC' });
  const keyOf = (row: object) => checkpointKey.parse(row).checkpoint_id;
  return readInBatches<Paged, object, Checkpoint>({
    page: async () =>
      (await pool.query(page, beforeId === null ? [threadId, limit] : [threadId, limit, beforeId])).rows,
    read: async (them) =>
      (await pool.query(`${from} AND checkpoint_id = ANY ($2::text[])`, [threadId, them.map(keyOf)])).rows,
    keyOf,
    decode: (row) => decodeLarge(row, (whole) => decodeCheckpoint(threadId, whole)),
  });
}
