import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { deliveryColumns, keptMembers } from '../delivery-rows.ts';
import { runColumns } from '../run-rows.ts';
import { prepareAll } from './database.ts';

/** Stores a delivery: due together with those of its webhook that wait for a retry, stopped at once if an earlier one was. */
export const insertDelivery = `INSERT INTO deliveries (run_id, seq, tenant, url, receiver, state, attempts,
    created_at_ms, since_ms, due_at_ms, taken, ended_at_ms, body, phase, webhook)
  SELECT ?1, ?2, ?3, ?4, ?5, iif(stopped, 'stopped', 'waiting'), 0, ?6, ?6, due, 0, iif(stopped, ?6, NULL), ?7, ?8, ?9
  FROM (SELECT
    EXISTS (SELECT 1 FROM deliveries WHERE run_id = ?1 AND webhook = ?9 AND state = 'stopped') AS stopped,
    coalesce((SELECT max(due_at_ms) FROM deliveries WHERE run_id = ?1 AND webhook = ?9 AND ended_at_ms IS NULL
      AND attempts > 0), 0) AS due)`;

/** Keeps a run that is removed with the deliveries that are still to be made of it. */
export const keepRun = `UPDATE deliveries SET kept = (SELECT json_object(${keptMembers})
    FROM runs JOIN requests ON requests.id = runs.id WHERE runs.run_id = ?1)
  WHERE run_id = ?1 AND phase IS NOT NULL AND state <> 'delivered'`;

const texts = {
  keptRun: 'SELECT kept FROM deliveries WHERE run_id = ? AND webhook = ? AND seq = ? AND kept IS NOT NULL',
  run: `SELECT ${runColumns} FROM runs JOIN requests ON requests.id = runs.id WHERE runs.run_id = ? AND runs.tenant = ?`,
  returnAll: 'UPDATE deliveries SET taken = 0, due_at_ms = 0 WHERE taken = 1',
  nextReceiver: `SELECT receiver, due_at_ms FROM deliveries WHERE ended_at_ms IS NULL AND receiver > ?
    ORDER BY receiver, due_at_ms LIMIT 1`,
  countWaiting: `SELECT count(*) AS waiting FROM (SELECT 1 FROM deliveries WHERE ended_at_ms IS NULL LIMIT ?)`,
  heads: `SELECT ${deliveryColumns} FROM deliveries
    WHERE ended_at_ms IS NULL AND receiver = ? AND due_at_ms <= ? AND NOT EXISTS (
      SELECT 1 FROM deliveries AS earlier WHERE earlier.run_id = deliveries.run_id
        AND earlier.webhook = deliveries.webhook AND earlier.seq < deliveries.seq AND earlier.ended_at_ms IS NULL)
    ORDER BY due_at_ms LIMIT ?`,
  claim: 'UPDATE deliveries SET taken = 1, due_at_ms = ?4 WHERE run_id = ?1 AND webhook = ?2 AND seq = ?3',
  settle: `UPDATE deliveries SET taken = 0, state = ?5, attempts = attempts + ?6, due_at_ms = ?7, ended_at_ms = ?8,
      failure = coalesce(?9, iif(?6 = 0, failure, NULL)), body = iif(?5 = 'delivered', '', body),
      kept = iif(?5 = 'delivered', NULL, kept)
    WHERE run_id = ?1 AND webhook = ?2 AND seq = ?3 AND taken = 1 AND due_at_ms = ?4 AND ended_at_ms IS NULL`,
  stop: `UPDATE deliveries SET taken = 0, state = 'stopped', ended_at_ms = ?3, failure = ?4
    WHERE run_id = ?1 AND webhook = ?2 AND ended_at_ms IS NULL`,
  follow: `UPDATE deliveries SET due_at_ms = ?3 WHERE run_id = ?1 AND webhook = ?2 AND ended_at_ms IS NULL
    AND taken = 0`,
  forget: 'DELETE FROM deliveries WHERE run_id = ? AND webhook = ?',
  list: `SELECT ${deliveryColumns} FROM deliveries WHERE state IN (SELECT value FROM json_each(?1))
    ORDER BY created_at_ms DESC, run_id DESC, seq DESC, webhook DESC LIMIT ?2`,
  listOf: `SELECT ${deliveryColumns} FROM deliveries WHERE run_id = ?3 AND state IN (SELECT value FROM json_each(?1))
    ORDER BY seq DESC, webhook DESC LIMIT ?2`,
  redrivable: `SELECT id FROM deliveries WHERE id > ?1 AND state IN (SELECT value FROM json_each(?2)) AND taken = 0
    ORDER BY id LIMIT ?3`,
  redrivableOf: `SELECT id FROM deliveries WHERE run_id = ?4 AND id > ?1
    AND state IN (SELECT value FROM json_each(?2)) AND taken = 0 ORDER BY id LIMIT ?3`,
  redrive: `UPDATE deliveries SET state = 'waiting', attempts = 0, since_ms = ?3, due_at_ms = 0, ended_at_ms = NULL
    WHERE id IN (SELECT value FROM json_each(?1)) AND state IN (SELECT value FROM json_each(?2)) AND taken = 0`,
} as const;

/** Prepares what the outbox reads and writes outside a run's update. */
export function prepareOutbox(database: DatabaseSync): { readonly [name in keyof typeof texts]: StatementSync } {
  return prepareAll(database, texts);
}
