import type { RunEvent } from '../../contract/domain/event.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import type { Idempotency, RunUpdate } from '../../contract/store/store.ts';
import { type EncodedEvent, encodeEvents, encodeRewrite } from '../event-rows.ts';
import { type LargeTexts, textOf } from '../large-json.ts';
import { dueAtOf, encodeState, endedAtOf, vendorOf } from '../run-rows.ts';
import { listEntries } from '../search-entries.ts';
import { countNotified, notify } from './notifications.ts';
import { encodeDelivery } from './postgres-outbox.ts';
import { oweDeliveries, owedColumns } from './postgres-outbox-statements.ts';
import { definePlainWrite, defineWrite, type EncodedWrite, nowMs, type Row } from './write-statement.ts';

/** Parameter tables, as {@link defineWrite} takes them. */
const rowColumns = `run_id text, tenant text, agent_id text, agent_name text, thread_id text, phase text,
  status text, owner text, version bigint, created_at_ms bigint, updated_at_ms bigint, ended_at_ms bigint, due_at_ms bigint, state text,
  implied integer, request text, metadata text`;
export const insertColumns = `${rowColumns}, key_tenant text, key text, fingerprint text, key_expires_at_ms bigint`;
const plainUpdateColumns = `run_id text, tenant text, expected_version bigint, expected_owner text, phase text,
  status text, owner text, version bigint, updated_at_ms bigint, ended_at_ms bigint, state text, upstream_key text,
  implied integer, vendor text`;
/** `may_rename`: the vendor started something for the run before, perhaps; null where it did not. */
export const updateColumns = `${plainUpdateColumns}, may_rename boolean`;
export const rewriteColumns = 'run_id text, seq bigint, change text';
export const eventColumns = 'run_id text, seq bigint, at_ms bigint, status text, change text';

/** Where events stand in their threads: two columns, and the join that provides them. */
export type Numbering = { readonly columns: string; readonly join: string };
const unnumbered: Numbering = { columns: 'NULL, NULL', join: '' };

const insertRows = (
  from: string,
): string => `INSERT INTO runs (run_id, tenant, agent_id, agent_name, thread_id, phase, status,
      owner, version, created_at_ms, updated_at_ms, ended_at_ms, due_at_ms, state, implied)
    SELECT run_id, tenant, agent_id, agent_name, thread_id, phase, status,
      owner, version, created_at_ms, updated_at_ms, ended_at_ms, due_at_ms, state, implied FROM ${from}`;

const insertRequests = (from: string): string => `INSERT INTO requests (run_id, metadata, request)
    SELECT run_id, string_to_array(metadata, E'\\n'), request FROM ${from}`;

/** Common table expressions that insert the runs of `source` whose key is free, as `stored`, with their events. */
export const storeRuns = (source: string, event: string, { columns, join } = unnumbered): string => `taken AS (
    INSERT INTO idempotency AS used (tenant, key, fingerprint, run_id, expires_at_ms)
    SELECT key_tenant, key, fingerprint, run_id, key_expires_at_ms FROM ${source} WHERE key IS NOT NULL
    ORDER BY key_tenant, key
    ON CONFLICT (tenant, key) DO UPDATE SET fingerprint = excluded.fingerprint, run_id = excluded.run_id,
      expires_at_ms = excluded.expires_at_ms WHERE used.expires_at_ms <= ${nowMs}
    RETURNING run_id
  ), stored AS (
    ${insertRows(`${source} WHERE key IS NULL OR run_id IN (SELECT run_id FROM taken)`)}
    RETURNING run_id, agent_id, thread_id, updated_at_ms
  ), asked AS (
    ${insertRequests(`${source} JOIN stored USING (run_id)`)}
  ), recorded AS (
    INSERT INTO events (run_id, seq, at_ms, status, change, thread_id, thread_seq)
    SELECT run_id, seq, at_ms, event.status, change, ${columns} FROM ${event} JOIN stored USING (run_id) ${join}
  )`;

/** A common table expression that gives back what the vendor started for the runs of `gone`. */
export const forgetUpstreams = `unnamed AS (DELETE FROM upstreams USING gone
    WHERE upstreams.upstream_key = gone.upstream_key AND upstreams.run_id = gone.run_id)`;

/** A common table expression that updates the runs of `source`, which is known as `input`, as `changed`. */
const changeRows = (source: string): string => `changed AS (
    UPDATE runs SET phase = input.phase, status = input.status, owner = input.owner, version = input.version,
      updated_at_ms = input.updated_at_ms, ended_at_ms = input.ended_at_ms, state = input.state,
      upstream_key = coalesce(input.upstream_key, runs.upstream_key), implied = runs.implied | input.implied,
      vendor = coalesce(input.vendor, runs.vendor)
    FROM ${source} WHERE runs.run_id = input.run_id AND runs.tenant = input.tenant
      AND runs.version = input.expected_version
      AND (input.expected_owner IS NULL OR runs.owner = input.expected_owner)
    RETURNING runs.run_id, input.upstream_key
  )`;

/** Common table expressions that name what the vendor started for the runs of `changed`, in place of what it started before. */
const renameUpstreams = `named AS MATERIALIZED (
    SELECT changed.run_id, changed.upstream_key, before.upstream_key AS old_key
    FROM changed JOIN runs AS before ON before.run_id = changed.run_id
    WHERE changed.upstream_key IS NOT NULL AND changed.upstream_key IS DISTINCT FROM before.upstream_key
  ), unnamed AS (DELETE FROM upstreams USING named WHERE upstreams.upstream_key = named.old_key
  ), taken AS (INSERT INTO upstreams (upstream_key, run_id) SELECT upstream_key, run_id FROM named
  )`;

/** Names of the parameter tables of {@link changeRuns}. */
type ChangeTables = { readonly event: string; readonly rewrite: string; readonly owed: string };

/** The same with their events and deliveries. */
export const changeRuns = (
  { event, rewrite, owed }: ChangeTables,
  { columns, join } = unnumbered,
): string => `${changeRows('input')}, ${renameUpstreams}, recorded AS (
    INSERT INTO events (run_id, seq, at_ms, status, change, thread_id, thread_seq)
    SELECT run_id, seq, at_ms, event.status, change, ${columns} FROM ${event} JOIN changed USING (run_id) ${join}
  ), rewrites AS MATERIALIZED (
    SELECT run_id, seq, change FROM ${rewrite} JOIN changed USING (run_id)
  ), rewritten AS (
    UPDATE events SET change = rewrites.change FROM rewrites
    WHERE events.run_id = rewrites.run_id AND events.seq = rewrites.seq AND rewrites.change IS NOT NULL
  ), replaced AS (
    DELETE FROM events USING rewrites
    WHERE events.run_id = rewrites.run_id AND events.seq = rewrites.seq AND rewrites.change IS NULL
  ), ${oweDeliveries(owed)}`;

/** Runs without a key whose events follow from them. */
export const insertPlainRuns = definePlainWrite(
  'insert plain',
  { rowType: 'run_insert_1', columns: rowColumns },
  (input) => `WITH input AS MATERIALIZED (SELECT * FROM ${input}
  ), asked AS (
    ${insertRequests('input')}
  )
  ${insertRows('input')} RETURNING run_id`,
);

export const insertRuns = defineWrite(
  'insert',
  { input: insertColumns, event: eventColumns },
  ({ input, event }) => `WITH input AS MATERIALIZED (SELECT * FROM ${input}
  ), ${storeRuns('input', event)}
  SELECT run_id FROM stored`,
  { plain: insertPlainRuns },
);

const tables = { input: updateColumns, event: eventColumns, rewrite: rewriteColumns, owed: owedColumns };

/**
 * Updates whose events follow from the run, of which no receiver is owed anything. What the vendor started for a run is
 * the first that it started.
 */
export const updatePlainRuns = definePlainWrite(
  'update plain',
  { rowType: 'run_update_1', columns: plainUpdateColumns },
  (input) => `WITH ${changeRows(input)}, taken AS (
    INSERT INTO upstreams (upstream_key, run_id) SELECT upstream_key, run_id FROM changed WHERE upstream_key IS NOT NULL
  )
  SELECT run_id FROM changed`,
);

/** Updates by the loops of this process; what they changed is announced after the commit. */
export const updateRuns = defineWrite(
  'update',
  tables,
  ({ input, ...others }) => `WITH input AS MATERIALIZED (SELECT * FROM ${input}
  ), ${changeRuns(others)}
  SELECT run_id FROM changed`,
  { plain: updatePlainRuns },
);

/** Updates of runs that may belong to another replica, which must hear of them: notified with the commit. */
export const updateForeignRuns = defineWrite(
  'update foreign',
  tables,
  ({ input, ...others }, origin) => `WITH input AS MATERIALIZED (SELECT * FROM ${input}
  ), ${changeRuns(others)}, ${notify({ runs: 'changed' }, origin)}
  SELECT run_id, ${countNotified} FROM changed`,
);

// Each function encodes its arguments now, what is large before (see `large-json.ts`): a value that is not JSON fails its own caller, and later changes that the caller
// makes are not written.

export function encodeInsert(
  run: Run,
  events: readonly RunEvent[],
  { idempotency: used, texts }: { readonly idempotency: Idempotency | undefined; readonly texts: LargeTexts | null },
): EncodedWrite {
  const entries = listEntries(run.request.metadata);
  const encoded = encodeEvents(run, events, { isNew: true, texts });
  const cells = [
    ...[run.runId, run.tenant, run.agentId, run.agentName, run.threadId, run.phase, run.status, run.owner],
    ...[run.version, run.createdAtMs, run.updatedAtMs, endedAtOf(run), dueAtOf(run), encodeState(run, texts)],
    encoded.implied,
    textOf(run.request, texts),
    formatEntries(entries),
    ...[used?.tenant ?? null, used?.key ?? null, used?.fingerprint ?? null, used?.expiresAtMs ?? null],
  ];
  const keys = used === undefined ? [run.runId] : [run.runId, JSON.stringify([used.tenant, used.key])];
  return { id: run.runId, keys, tables: [[cells], rowsOf(run, encoded.rows)] };
}

export function encodeUpdate(update: RunUpdate, texts: LargeTexts | null): EncodedWrite {
  const { run, expectedVersion, expectedOwner, events, rewrites = [], deliveries = [] } = update;
  const { upstreamKey = null, isFirstUpstream = false } = update;
  const { runId, tenant, phase, status, owner, version, updatedAtMs } = run;
  const condition = [runId, tenant, expectedVersion, expectedOwner ?? null];
  const encoded = encodeEvents(run, events, { isNew: false, texts });
  const mayRename = upstreamKey !== null && !isFirstUpstream ? true : null;
  const cells = [
    ...[...condition, phase, status, owner, version, updatedAtMs, endedAtOf(run), encodeState(run, texts)],
    ...[upstreamKey, encoded.implied, vendorOf(run), mayRename],
  ];
  const owed = deliveries.map(encodeDelivery);
  // Two writes of one upstream run must not fail their whole batch.
  const keys = upstreamKey === null ? [runId] : [runId, `upstream ${upstreamKey}`];
  const rewritten = rewrites.map((rewrite) => [runId, rewrite.seq, encodeRewrite(rewrite)]);
  return { id: runId, keys, tables: [[cells], rowsOf(run, encoded.rows), rewritten, owed] };
}

export function encodeRemove({ tenant, runId }: RunKey, expectedVersion: number): EncodedWrite {
  return { id: runId, keys: [runId], tables: [[[runId, tenant, expectedVersion]]] };
}

/** Entries as one text, because an array of arrays, one per row, would have to be a rectangle. Null without entries. */
export function formatEntries(entries: readonly string[]): string | null {
  // No entry holds a line feed.
  return entries.length === 0 ? null : entries.join('\n');
}

function rowsOf({ runId }: Run, events: readonly EncodedEvent[]): readonly Row[] {
  return events.map((event) => [runId, ...event]);
}
