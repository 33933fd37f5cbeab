import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import { type Store, UpstreamTaken } from '../../src/contract/store/store.ts';
import { readMigrations } from '../../src/store/migrations.ts';
import { openStore } from '../../src/store/open.ts';
import { makeRun, nextVersion, silentLog } from './runs.ts';

const directory = mkdtempSync(join(tmpdir(), 'rungate-upstreams-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** So many are sorted in together. */
const enough = 16_384;
const many = enough + 200;
const together = 200;

let made = 0;
const makeFile = (): string => join(directory, `${++made}.db`);
const open = async (file: string): Promise<Store> => await openStore(`sqlite:${file}`, { log: silentLog });
/** In no order, as vendors give them. */
const keyOf = (n: number): string => JSON.stringify(['vendor', ((n * 2_654_435_761) % 4_294_967_296).toString(36), n]);

async function start(store: Store, run: Run, upstreamKey: string): Promise<boolean> {
  return await store.update({ run: nextVersion(run), expectedVersion: run.version, events: [], upstreamKey });
}

async function startMany(store: Store, from: number, to: number): Promise<readonly Run[]> {
  const runs = Array.from({ length: to - from }, () => makeRun());
  for (let at = 0; at < runs.length; at += together) {
    const some = runs.slice(at, at + together);
    await Promise.all(some.map((run) => store.insert(run, [])));
    await Promise.all(some.map((run, n) => start(store, run, keyOf(from + at + n))));
  }
  return runs;
}

/** Each of these writes lets one more slice be sorted in. */
async function letSort(store: Store): Promise<void> {
  for (let n = 0; n < 2 * together; n += 1) await store.insert(makeRun(), []);
}

function count(file: string) {
  const database = new DatabaseSync(file, { readOnly: true });
  const rowsOf = (table: string) => Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);
  const counts = { sorted: rowsOf('upstreams'), unsorted: rowsOf('unsorted_upstreams') };
  database.close();
  return counts;
}

async function expectUnique(store: Store, runs: readonly Run[]): Promise<void> {
  const other = makeRun();
  await store.insert(other, []);
  for (let n = 0; n < runs.length; n += 197) {
    expect(await store.findByUpstream(keyOf(n))).toBe(runs[n]?.runId);
    await expect(start(store, other, keyOf(n))).rejects.toThrow(UpstreamTaken);
  }
  expect(await store.find(other)).toEqual(other);
}

describe('ids of vendors in a SQLite file', () => {
  test('many ids stay unique when they are sorted in, after a restart, and when their runs are removed', async () => {
    const file = makeFile();
    let store = await open(file);
    let runs = await startMany(store, 0, many);
    await letSort(store);
    const { sorted, unsorted } = count(file);
    expect(sorted).toBeGreaterThanOrEqual(enough);
    expect(sorted + unsorted).toBe(many);
    runs = [...runs, ...(await startMany(store, many, many + 1))];
    await expectUnique(store, runs);
    await store.close();
    store = await open(file);
    await expectUnique(store, runs);

    // The first has been sorted in, the last has not.
    for (const n of [0, many]) {
      const run = runs[n] as Run;
      expect(await store.remove(run, run.version + 1)).toBe(true);
      expect(await store.findByUpstream(keyOf(n))).toBeNull();
      const again = makeRun();
      await store.insert(again, []);
      expect(await start(store, again, keyOf(n))).toBe(true);
      expect(await store.findByUpstream(keyOf(n))).toBe(again.runId);
    }
    await store.close();
    expect(count(file)).toEqual({ sorted: sorted - 1, unsorted: unsorted + 2 });
  });

  test('a run that is removed while ids are sorted in leaves no id behind', async () => {
    const file = makeFile();
    const store = await open(file);
    const runs = await startMany(store, 0, enough);
    // Its last start has begun to sort them in, so each removal shares a transaction with a slice.
    await Promise.all(runs.map((run) => store.remove(run, run.version + 1)));
    await letSort(store);
    await store.close();
    expect(count(file)).toEqual({ sorted: 0, unsorted: 0 });
  });

  test('ids whose runs were removed do not have each later id sorted in alone', async () => {
    const file = makeFile();
    const store = await open(file);
    const runs = await startMany(store, 0, enough - 1);
    await Promise.all(runs.map((run) => store.remove(run, run.version + 1)));
    for (const n of [0, 1]) {
      await startMany(store, n, n + 1);
      await letSort(store);
    }
    await store.close();
    expect(count(file)).toEqual({ sorted: 1, unsorted: 1 });
  });

  test('a file that is closed before all ids are sorted in has each of them once', async () => {
    const file = makeFile();
    const first = await open(file);
    const runs = await startMany(first, 0, enough);
    await first.close();
    const { unsorted } = count(file);
    expect(unsorted).toBeGreaterThan(0);
    const second = await open(file);
    await expectUnique(second, runs);
    await startMany(second, enough, enough + 1);
    await letSort(second);
    await second.close();
    expect(count(file)).toEqual({ sorted: enough + 1, unsorted: 0 });
  });

  test('an id that comes while ids are sorted in is kept, also for a run whose first one or whose number was among them', async () => {
    const file = makeFile();
    const first = await open(file);
    await startMany(first, 0, enough - 2);
    const [changed, removed, next] = [makeRun(), makeRun(), makeRun()];
    await first.insert(changed, []);
    await first.insert(removed, []);
    // These two are sorted in before all others; the ids after them belong before the place that the sorting has reached.
    await start(first, changed, '!3');
    await start(first, removed, '!4');
    const changedTwice = nextVersion(nextVersion(changed));
    await first.update({ run: changedTwice, expectedVersion: 2, events: [], upstreamKey: '!1' });
    // The newest run leaves its number to the next one.
    expect(await first.remove(removed, 2)).toBe(true);
    await first.insert(next, []);
    await start(first, next, '!2');
    await letSort(first);
    await first.close();
    expect(count(file)).toEqual({ sorted: enough - 2, unsorted: 2 });

    const second = await open(file);
    const found = await Promise.all(['!1', '!2', '!3', '!4'].map((key) => second.findByUpstream(key)));
    expect(found).toEqual([changed.runId, next.runId, null, null]);
    const other = makeRun();
    await second.insert(other, []);
    for (const key of ['!1', '!2']) await expect(start(second, other, key)).rejects.toThrow(UpstreamTaken);
    expect(await start(second, other, '!3')).toBe(true);
    await second.close();
  });

  test('a write that shares a transaction with a failing one keeps its id, and the failing one has none', async () => {
    const store = await open(makeFile());
    const [kept, failing] = [makeRun(), makeRun()];
    await store.insert(kept, []);
    await store.insert(failing, []);
    const event = {
      runId: failing.runId,
      seq: 2,
      atMs: 1,
      status: 'pending',
      change: { kind: 'partial', value: 1 },
    } as const;
    const outcomes = await Promise.allSettled([
      start(store, kept, 'a'),
      store.update({
        ...{ run: nextVersion(failing), expectedVersion: 1, upstreamKey: 'b' },
        events: [event, event],
      }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(await store.findByUpstream('a')).toBe(kept.runId);
    expect(await store.findByUpstream('b')).toBeNull();
    expect(await start(store, failing, 'b')).toBe(true);
    await store.close();
  });

  test('the ids in a file of an earlier version are found and refused to other runs', async () => {
    const file = makeFile();
    const database = new DatabaseSync(file);
    database.exec(
      'CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at_ms INTEGER NOT NULL) STRICT',
    );
    for (const { version, name, sql } of readMigrations('sqlite').slice(0, 24)) {
      database.exec(sql);
      database.prepare('INSERT INTO migrations VALUES (?, ?, 0)').run(version, name);
    }
    const runs = Array.from({ length: 300 }, () => makeRun());
    const insert = database.prepare(`INSERT INTO runs (run_id, tenant, agent_id, agent_name, phase, status, version,
      created_at_ms, updated_at_ms, state, upstream_key) VALUES (?, ?, 'a', 'agent', 'running', 'pending', 1, 1, 1, '{}', ?)`);
    for (const [n, run] of runs.entries()) insert.run(run.runId, run.tenant, n === 7 ? null : keyOf(n));
    database.close();
    const store = await open(file);
    expect(await store.findByUpstream(keyOf(7))).toBeNull();
    const other = makeRun();
    await store.insert(other, []);
    for (const n of [0, 8, 299]) {
      expect(await store.findByUpstream(keyOf(n))).toBe(runs[n]?.runId);
      await expect(start(store, other, keyOf(n))).rejects.toThrow(UpstreamTaken);
    }
    expect(await start(store, other, keyOf(7))).toBe(true);
    await store.close();
    expect(count(file)).toEqual({ sorted: 299, unsorted: 1 });
  });
});
