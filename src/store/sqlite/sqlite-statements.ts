import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { eventSourceColumns } from '../event-rows.ts';
import { runColumns, summaryColumns } from '../run-rows.ts';
import { prepareAll } from './database.ts';
import { insertDelivery, keepRun } from './sqlite-outbox-statements.ts';
import { threadTexts } from './sqlite-thread-statements.ts';

const selectRun = `SELECT ${runColumns} FROM runs JOIN requests ON requests.id = runs.id`;

const setInPlace = 'phase = ?4, version = ?7, updated_at_ms = ?8, state = ?10, implied = implied | ?12';
const whereInPlace = `WHERE run_id = ?1 AND tenant = ?2 AND version = ?3 AND status = ?5 AND owner IS ?6 AND ended_at_ms IS ?9
  AND (?11 IS NULL OR owner = ?11)`;

const texts = {
  ...threadTexts,
  insertDelivery,
  keepRun,
  findKey: 'SELECT fingerprint, run_id FROM idempotency WHERE tenant = ? AND key = ? AND expires_at_ms > ?',
  storeKey: `INSERT OR REPLACE INTO idempotency (tenant, key, fingerprint, run_id, expires_at_ms)
    VALUES (?, ?, ?, ?, ?)`,
  insertRun: `INSERT INTO runs (run_id, tenant, agent_id, agent_name, thread_id, phase, status, owner, version,
    created_at_ms, updated_at_ms, ended_at_ms, due_at_ms, state, implied)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  insertRequest: 'INSERT INTO requests (id, metadata, request) VALUES (?, ?, ?)',
  insertEvent: `INSERT INTO events (run, seq, at_ms, status, change, thread_id, thread_seq)
    VALUES ((SELECT id FROM runs WHERE run_id = ?), ?, ?, ?, ?, ?, ?)`,
  rewriteEvent: 'UPDATE events SET change = ?3 WHERE run = (SELECT id FROM runs WHERE run_id = ?1) AND seq = ?2',
  removeEvent: 'DELETE FROM events WHERE run = (SELECT id FROM runs WHERE run_id = ?) AND seq = ?',
  // RETURNING would make an update take twice as long; the events look the id up instead.
  updateRun: `UPDATE runs SET phase = ?4, status = ?5, owner = ?6, version = ?7, updated_at_ms = ?8, ended_at_ms = ?9,
    state = ?10, implied = implied | ?12, vendor = ?13 WHERE run_id = ?1 AND tenant = ?2 AND version = ?3 AND (?11 IS NULL OR owner = ?11)`,
  // SQLite rewrites the entry of every index that a SET names, changed or not. This one names no indexed column.
  updateRunInPlace: `UPDATE runs SET ${setInPlace} ${whereInPlace}`,
  /** The same of a run that the vendor has started: one statement, because it is one of every run. */
  updateStartedRun: `UPDATE runs SET ${setInPlace}, upstream_key = ?13 ${whereInPlace}`,
  setUpstream: 'UPDATE runs SET upstream_key = ?2 WHERE run_id = ?1',
  isVersion: 'SELECT 1 FROM runs WHERE run_id = ? AND tenant = ? AND version = ?',
  removeRun: `DELETE FROM runs WHERE run_id = ? AND tenant = ? AND version = ?
    RETURNING id, thread_id, ended_at_ms`,
  removeRequest: 'DELETE FROM requests WHERE id = ?',
  uncountRun: 'DELETE FROM counted_runs WHERE run_id = ?',
  removeEvents: 'DELETE FROM events WHERE run = ?',
  find: `${selectRun} WHERE runs.run_id = ? AND runs.tenant = ?`,
  weighRequest: `SELECT octet_length(requests.request) AS size FROM runs JOIN requests ON requests.id = runs.id
    WHERE runs.run_id = ?`,
  weighRun: `SELECT octet_length(runs.state) + octet_length(requests.request) AS size FROM runs
    JOIN requests ON requests.id = runs.id WHERE runs.run_id = ?`,
  eventSource: `SELECT ${eventSourceColumns} FROM runs WHERE run_id = ?`,
  findSummary: `SELECT ${summaryColumns("json_extract(runs.state, '$.outcome.errcode')")}, requests.request FROM runs JOIN requests ON requests.id = runs.id
    WHERE runs.run_id = ? AND runs.tenant = ?`,
  findOfAnyTenant: `${selectRun} WHERE runs.run_id = ?`,
  events: `SELECT seq, at_ms, status, change FROM events
    WHERE run = (SELECT id FROM runs WHERE run_id = ?) AND seq > ? ORDER BY seq LIMIT ?`,
  nextAgent: `SELECT agent_id FROM runs INDEXED BY runs_by_agent WHERE tenant = ? AND agent_id > ?
    ORDER BY agent_id LIMIT 1`,
  nextOwner: `SELECT owner FROM runs WHERE ended_at_ms IS NULL AND owner > ? ORDER BY owner LIMIT 1`,
  ownedRuns: `${selectRun} WHERE runs.ended_at_ms IS NULL AND runs.owner IS ? ORDER BY runs.run_id LIMIT ?`,
  ownedAfter: `${selectRun} WHERE runs.ended_at_ms IS NULL AND runs.owner = ? AND runs.run_id > ?
    ORDER BY runs.run_id LIMIT ?`,
  claimRun: 'UPDATE runs SET owner = ?, version = version + 1 WHERE run_id = ?',
  runsInOrder: 'SELECT id, created_at_ms, ended_at_ms FROM runs WHERE id > ? ORDER BY id LIMIT ?',
  expiredRun: 'SELECT run_id FROM runs WHERE id = ? AND ended_at_ms < ?',
  expireRun: 'DELETE FROM runs WHERE id = ?',
  expireDeliveries: `DELETE FROM deliveries WHERE id IN
    (SELECT id FROM deliveries WHERE ended_at_ms < ? ORDER BY ended_at_ms LIMIT ?)`,
  expireKeys: `DELETE FROM idempotency WHERE rowid IN
    (SELECT rowid FROM idempotency WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ?)`,
  ping: 'SELECT count(*) FROM migrations',
  // As much as a run may take: a disk that is full for runs may have room for a few bytes.
  probe: `INSERT OR REPLACE INTO migrations VALUES (0, printf('%65536s', ''), 0)`,
  unprobe: 'DELETE FROM migrations WHERE version = 0',
} as const;

export type Statements = { readonly [name in keyof typeof texts]: StatementSync };

export function prepareStatements(database: DatabaseSync): Statements {
  return prepareAll(database, texts);
}
