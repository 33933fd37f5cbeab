import { heldOwner } from '../../contract/store/fence.ts';
import { runColumns } from '../run-rows.ts';
import { cutIntoPieces, eventPayloads, type PayloadSelect, takeColumns, withholdLarge } from './large-rows.ts';
import { countNotified, notify } from './notifications.ts';
import { keepRuns } from './postgres-outbox-statements.ts';
import { forgetUpstreams } from './run-statements.ts';
import { nowMs } from './write-statement.ts';

const wholeRuns = `SELECT ${runColumns} FROM runs JOIN requests USING (run_id)`;
export const runPayloads = ['state', 'request'] as const;

function selectRuns(rest: string): PayloadSelect {
  return { select: `${wholeRuns} ${rest}`, heads: takeColumns(runColumns, runPayloads), payloads: runPayloads };
}

const run = selectRuns('WHERE run_id = $1 AND tenant = $2');
const runOfAnyTenant = selectRuns('WHERE run_id = $1');
const runsOfKeys = selectRuns('JOIN unnest($1::text[], $2::text[]) AS wanted (run_id, tenant) USING (run_id, tenant)');

/** One statement, so that run and events are of one snapshot; the run comes first. */
const runEvents: PayloadSelect = {
  select: `SELECT 0 AS seq, NULL AS at_ms, status, NULL AS change, created_at_ms, updated_at_ms, implied, state
      FROM runs WHERE run_id = $1
    UNION ALL (SELECT seq, at_ms, status, change, NULL, NULL, NULL, NULL FROM events WHERE run_id = $1 AND seq > $2
      ORDER BY seq LIMIT $3)`,
  heads: ['seq', 'at_ms', 'status', 'created_at_ms', 'updated_at_ms', 'implied'],
  payloads: eventPayloads,
};

/** Large rows, which come in pieces. */
export const piecedStatements = {
  find: cutIntoPieces(run),
  findOfAnyTenant: cutIntoPieces(runOfAnyTenant),
  events: cutIntoPieces(runEvents),
} as const;

/** Each is a transaction by itself. */
export const statements = {
  findKey: `SELECT fingerprint, run_id FROM idempotency
    WHERE tenant = $1 AND key = $2 AND expires_at_ms > ${nowMs}`,

  find: withholdLarge(run, 'row'),

  findAll: withholdLarge(runsOfKeys, 'row'),

  findOfAnyTenant: withholdLarge(runOfAnyTenant, 'row'),

  findByUpstream: 'SELECT run_id FROM upstreams WHERE upstream_key = $1',

  events: `${withholdLarge(runEvents, 'all')} ORDER BY seq`,

  owned: `SELECT ${runColumns} FROM runs JOIN requests USING (run_id)
    WHERE ended_at_ms IS NULL AND owner = $1 AND run_id > $2 ORDER BY run_id LIMIT $3`,

  ping: 'SELECT 1',

  // One step of the index per owner rather than per run: a live owner may have very many.
  deadOwners: `WITH RECURSIVE owners AS (
      SELECT min(owner) AS owner FROM runs WHERE ended_at_ms IS NULL
      UNION ALL
      SELECT (SELECT min(runs.owner) FROM runs WHERE runs.ended_at_ms IS NULL AND runs.owner > owners.owner)
      FROM owners WHERE owners.owner IS NOT NULL
    )
    SELECT owner FROM owners WHERE owner IS NOT NULL AND owner <> $1 AND owner <> '${heldOwner}' AND NOT EXISTS (
      SELECT 1 FROM replicas WHERE replica = owner AND beat_at > clock_timestamp() - $2 * interval '1 millisecond')`,

  claim: `WITH picked AS (
      SELECT run_id FROM runs WHERE ended_at_ms IS NULL AND (owner IS NULL OR owner = ANY ($2::text[]))
      ORDER BY run_id LIMIT $3 FOR UPDATE SKIP LOCKED
    ), claimed AS (
      UPDATE runs SET owner = $1, version = version + 1 FROM picked WHERE runs.run_id = picked.run_id
      RETURNING runs.*
    ), ${notify({ runs: 'claimed' }, '$4::text')}
    SELECT ${runColumns.replaceAll('runs.', 'claimed.')}, ${countNotified}
    FROM claimed JOIN requests USING (run_id) ORDER BY run_id`,

  expire: `WITH old AS (
      SELECT run_id FROM runs WHERE ended_at_ms < $1 ORDER BY ended_at_ms LIMIT $3 FOR UPDATE SKIP LOCKED
    ), gone AS (DELETE FROM runs USING old WHERE runs.run_id = old.run_id RETURNING runs.run_id, runs.upstream_key
    ), ${forgetUpstreams}, unasked AS (DELETE FROM requests USING gone WHERE requests.run_id = gone.run_id
    ), forgotten AS (DELETE FROM events USING gone WHERE events.run_id = gone.run_id
    ), ${keepRuns}, unused AS (
      DELETE FROM idempotency WHERE (tenant, key) IN (
        SELECT tenant, key FROM idempotency WHERE expires_at_ms <= $2 ORDER BY expires_at_ms LIMIT $3)
      RETURNING key
    ), undelivered AS (
      DELETE FROM deliveries WHERE (run_id, webhook, seq) IN (
        SELECT run_id, webhook, seq FROM deliveries WHERE ended_at_ms < $1 ORDER BY ended_at_ms LIMIT $3)
      RETURNING seq
    ), buried AS (DELETE FROM replicas WHERE beat_at < clock_timestamp() - interval '1 day'
    ), ${notify({ runs: 'gone' }, '$4::text')}
    SELECT greatest((SELECT count(*) FROM gone), (SELECT count(*) FROM unused), (SELECT count(*) FROM undelivered)) AS removed,
      ${countNotified}`,
} as const;
