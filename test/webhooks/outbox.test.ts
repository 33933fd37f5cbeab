import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, expect, test } from 'vitest';
import { StorageFault, type Store } from '../../src/contract/store/store.ts';
import { receiverOf } from '../../src/engine/webhooks/outbox-entry.ts';
import { readMigrations } from '../../src/store/migrations.ts';
import { openOutbox, openStore } from '../../src/store/open.ts';
import { makeRun, nextVersion, silentLog } from '../store/runs.ts';

const folder = mkdtempSync(join(tmpdir(), 'rungate-outbox-'));
afterAll(() => rmSync(folder, { recursive: true }));

let made = 0;
async function openFile() {
  made += 1;
  const file = join(folder, `${made}.db`);
  const url = `sqlite:${file}?synchronous=normal`;
  return { file, url, store: await openStore(url, { log: silentLog }) };
}

const visit = (url: string, readOnly = false) => openOutbox(url, { log: silentLog, readOnly });

async function owe(store: Store, count: number): Promise<void> {
  const owing = Array.from({ length: count }, async (_, at) => {
    const run = makeRun();
    await store.insert(run, []);
    const next = nextVersion(run);
    const { runId, tenant, version: seq } = next;
    const url = `https://host-${at % 7}.test/`;
    const receiver = receiverOf({ tenant, url });
    const delivery = { runId, seq, tenant, url, receiver, body: '{}', createdAtMs: Date.now() };
    await store.update({ run: next, expectedVersion: run.version, events: [], deliveries: [delivery] });
  });
  await Promise.all(owing);
}

async function takeAll(store: Store, each: number) {
  const { due: receivers } = await store.outbox.receivers({ after: '', examine: 100, nowMs: Date.now() });
  return await store.outbox.claim({ receivers, each, leaseMs: 600_000, nowMs: Date.now() });
}

test('another process lists and redrives deliveries of a running gateway, except those being sent', async () => {
  const { url, store } = await openFile();
  await owe(store, 2500);
  const taken = await takeAll(store, 1000);
  expect(taken).toHaveLength(2500);
  for (const delivery of taken.slice(0, 2400)) {
    void store.outbox.settle(delivery, { kind: 'failed', failure: 'too long' }, Date.now());
  }
  await store.outbox.settle(taken[2400] ?? fail(), { kind: 'retry', delayMs: 60_000, failure: 'later' }, Date.now());
  const reader = await visit(url, true);
  expect(await reader.outbox.list({ states: ['failed'], limit: 5000 })).toHaveLength(2400);
  await expect(reader.outbox.redrive({ states: ['failed'], nowMs: Date.now() })).rejects.toThrow(StorageFault);
  await reader.close();
  const guest = await visit(url);
  const states = ['waiting', 'failed', 'stopped'] as const;
  // While the one writes, so does the other.
  const [count] = await Promise.all([guest.outbox.redrive({ states, nowMs: Date.now() }), owe(store, 50)]);
  expect(count).toBeGreaterThanOrEqual(2401);
  expect(count).toBeLessThanOrEqual(2451);
  await guest.close();
  expect(await takeAll(store, 1000)).toHaveLength(2451);
  // Deliveries under way are settled by the process that has leased them.
  expect(await store.outbox.settle(taken[2450] ?? fail(), { kind: 'delivered' }, Date.now())).toBe(true);
  await store.close();
});

test('another process needs no gateway, and releases the file afterwards', async () => {
  const { url, store } = await openFile();
  await owe(store, 3);
  await takeAll(store, 1);
  await store.close();
  const guest = await visit(url);
  // Their leases expire for the next gateway to find.
  expect(await guest.outbox.redrive({ states: ['waiting'], nowMs: Date.now() })).toBe(0);
  expect(await guest.outbox.list({ limit: 10 })).toHaveLength(3);
  const next = await openStore(url, { log: silentLog });
  expect(await takeAll(next, 1)).toHaveLength(3);
  await guest.close();
  await next.close();
});

test('another process creates no file and changes no schema', async () => {
  const absent = join(folder, 'absent.db');
  await expect(visit(`sqlite:${absent}`)).rejects.toThrow(`${absent} does not exist`);
  expect(existsSync(absent)).toBe(false);
  const { file, url, store } = await openFile();
  await store.close();
  const database = new DatabaseSync(file);
  database.exec('DELETE FROM migrations WHERE version = (SELECT max(version) FROM migrations)');
  await expect(visit(url)).rejects.toThrow(/does not have the schema version/);
  database.close();
});

test('deliveries from before receivers were separated by tenant are sent', async () => {
  const file = join(folder, 'older.db');
  const database = new DatabaseSync(file);
  database.exec(
    'CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at_ms INTEGER NOT NULL)',
  );
  for (const { version, name, sql } of readMigrations('sqlite').filter((each) => each.version < 7)) {
    database.exec(sql);
    database.prepare('INSERT INTO migrations VALUES (?, ?, 0)').run(version, name);
  }
  database.exec(`INSERT INTO deliveries (run_id, seq, tenant, url, receiver, state, attempts, created_at_ms, since_ms,
    due_at_ms, taken, body) VALUES ('r', 2, 'acme', 'https://a.test/', 'a.test', 'waiting', 0, 0, 0, 0, 0, '{}')`);
  database.close();
  const store = await openStore(`sqlite:${file}`, { log: silentLog });
  expect(await takeAll(store, 1)).toMatchObject([{ runId: 'r', tenant: 'acme', receiver: 'acme\na.test' }]);
  await store.close();
});

function fail(): never {
  throw new Error('it is not there');
}
