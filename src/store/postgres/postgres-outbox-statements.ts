import { deliveryColumns, keptMembers } from '../delivery-rows.ts';
import { runColumns } from '../run-rows.ts';
import { nowMs } from './write-statement.ts';

/** A parameter table, as `defineWrite` takes it. */
export const owedColumns =
  'run_id text, webhook text, seq bigint, tenant text, url text, receiver text, created_at_ms bigint, body text, phase text';

/**
 * A common table expression that stores the deliveries of `owed` whose run is in `changed`. They are due together with
 * those of the webhook that wait for a retry, and stopped at once if an earlier one of it was stopped.
 */
export const oweDeliveries = (owed: string): string => `owing AS (
    INSERT INTO deliveries (run_id, webhook, seq, tenant, url, receiver, state, attempts, created_at_ms, since_ms, due_at_ms,
      taken, ended_at_ms, body, phase)
    SELECT owed.run_id, owed.webhook, owed.seq, owed.tenant, owed.url, owed.receiver,
      CASE WHEN stopped.yes THEN 'stopped' ELSE 'waiting' END, 0, owed.created_at_ms, owed.created_at_ms,
      coalesce((SELECT max(earlier.due_at_ms) FROM deliveries AS earlier WHERE earlier.run_id = owed.run_id
        AND earlier.webhook = owed.webhook AND earlier.ended_at_ms IS NULL AND earlier.attempts > 0), 0),
      false, CASE WHEN stopped.yes THEN owed.created_at_ms END, owed.body, owed.phase
    FROM ${owed} JOIN changed ON changed.run_id = owed.run_id CROSS JOIN LATERAL (SELECT EXISTS (
      SELECT 1 FROM deliveries AS earlier WHERE earlier.run_id = owed.run_id AND earlier.webhook = owed.webhook
        AND earlier.state = 'stopped') AS yes
    ) AS stopped
  )`;

/**
 * A common table expression that keeps the runs of `gone`, which are removed by the same statement, with the deliveries that
 * are still to be made of them.
 */
export const keepRuns = `saved AS (
    UPDATE deliveries SET kept = json_build_object(${keptMembers})::text
    FROM gone JOIN runs ON runs.run_id = gone.run_id JOIN requests ON requests.run_id = gone.run_id
    WHERE deliveries.run_id = gone.run_id AND deliveries.phase IS NOT NULL AND deliveries.state <> 'delivered'
  )`;

/** Each is a transaction by itself. */
export const outboxStatements = {
  keptRun: 'SELECT kept FROM deliveries WHERE run_id = $1 AND webhook = $2 AND seq = $3 AND kept IS NOT NULL',
  run: `SELECT ${runColumns} FROM runs JOIN requests USING (run_id) WHERE run_id = $1 AND tenant = $2`,

  // One step of the index per receiver rather than per delivery: a receiver may be owed very many.
  receivers: `WITH RECURSIVE walk AS (
      (SELECT receiver, due_at_ms, 1 AS step FROM deliveries WHERE ended_at_ms IS NULL AND receiver > $1
        ORDER BY receiver, due_at_ms LIMIT 1)
      UNION ALL
      SELECT next.receiver, next.due_at_ms, walk.step + 1 FROM walk CROSS JOIN LATERAL (
        SELECT receiver, due_at_ms FROM deliveries WHERE ended_at_ms IS NULL AND receiver > walk.receiver
        ORDER BY receiver, due_at_ms LIMIT 1) AS next
      WHERE walk.step < $2
    )
    SELECT receiver, due_at_ms - ${nowMs} AS wait_ms FROM walk ORDER BY step`,

  countWaiting: `SELECT count(*)::int AS waiting FROM (SELECT 1 FROM deliveries WHERE ended_at_ms IS NULL LIMIT $1) AS counted`,

  claim: `WITH heads AS MATERIALIZED (
      SELECT head.run_id, head.webhook, head.seq FROM unnest($1::text[]) AS wanted (receiver) CROSS JOIN LATERAL (
        SELECT run_id, webhook, seq FROM deliveries
        WHERE ended_at_ms IS NULL AND deliveries.receiver = wanted.receiver AND due_at_ms <= ${nowMs} AND NOT EXISTS (
          SELECT 1 FROM deliveries AS earlier WHERE earlier.run_id = deliveries.run_id
            AND earlier.webhook = deliveries.webhook AND earlier.seq < deliveries.seq AND earlier.ended_at_ms IS NULL)
        ORDER BY due_at_ms LIMIT $2 FOR UPDATE SKIP LOCKED) AS head
    )
    UPDATE deliveries SET taken = true, due_at_ms = ${nowMs} + $3 FROM heads
    WHERE deliveries.run_id = heads.run_id AND deliveries.webhook = heads.webhook AND deliveries.seq = heads.seq
    RETURNING ${deliveryColumns}`,

  // The deliveries that wait behind the settled one are retried with it, or stopped with it.
  settle: `WITH settled AS (
      UPDATE deliveries SET taken = false, state = $5, attempts = attempts + $6,
        due_at_ms = CASE WHEN $7::bigint IS NULL THEN 0 ELSE ${nowMs} + $7 END,
        ended_at_ms = CASE WHEN $5 <> 'waiting' THEN ${nowMs} END,
        failure = coalesce($8, CASE WHEN $6 = 0 THEN failure END),
        body = CASE WHEN $5 = 'delivered' THEN '' ELSE body END,
        kept = CASE WHEN $5 = 'delivered' THEN NULL ELSE kept END
      WHERE run_id = $1 AND webhook = $2 AND seq = $3 AND taken AND due_at_ms = $4 AND ended_at_ms IS NULL
      RETURNING run_id, webhook
    ), behind AS (
      UPDATE deliveries SET taken = false, state = CASE WHEN $5 = 'stopped' THEN $5 ELSE state END,
        ended_at_ms = CASE WHEN $5 = 'stopped' THEN ${nowMs} END,
        failure = CASE WHEN $5 = 'stopped' THEN $8 ELSE failure END,
        due_at_ms = CASE WHEN $7::bigint IS NULL THEN 0 ELSE ${nowMs} + $7 END
      FROM settled WHERE deliveries.run_id = settled.run_id AND deliveries.webhook = settled.webhook AND seq <> $3
        AND ended_at_ms IS NULL AND NOT taken
    )
    SELECT run_id FROM settled`,

  forget: 'DELETE FROM deliveries WHERE run_id = $1 AND webhook = $2',

  list: `SELECT ${deliveryColumns} FROM deliveries WHERE state = ANY ($1::text[])
    ORDER BY created_at_ms DESC, run_id DESC, seq DESC, webhook DESC LIMIT $2`,

  listOf: `SELECT ${deliveryColumns} FROM deliveries WHERE run_id = $3 AND state = ANY ($1::text[])
    ORDER BY seq DESC, webhook DESC LIMIT $2`,

  redrive: `UPDATE deliveries SET state = 'waiting', attempts = 0, since_ms = ${nowMs}, due_at_ms = 0,
      taken = false, ended_at_ms = NULL
    WHERE ($1::text IS NULL OR run_id = $1) AND state = ANY ($2::text[]) AND NOT (taken AND due_at_ms > ${nowMs})`,
} as const;
