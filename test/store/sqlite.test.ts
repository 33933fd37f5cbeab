import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import { type RunQuery, StorageFault } from '../../src/contract/store/store.ts';
import { openStore } from '../../src/store/open.ts';
import { openDatabase } from '../../src/store/sqlite/database.ts';
import { selectChanged, selectChunk } from '../../src/store/sqlite/run-selection.ts';
import { prepareStatements } from '../../src/store/sqlite/sqlite-statements.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { describeStore } from './contract.ts';
import { all, summaryOf } from './rows.ts';
import { makeDone, makeEvent, makeRun, nextVersion, silentLog } from './runs.ts';

const directory = mkdtempSync(join(tmpdir(), 'rungate-store-'));
let made = 0;
const makeFile = (): string => join(directory, String(++made), 'rungate.db');
const open = async (url: string) => await openStore(url, { log: silentLog });

afterAll(() => rmSync(directory, { recursive: true }));

describeStore('SQLite', { shared: false, makeUrl: async () => `sqlite:${makeFile()}` });
/** A store over a connection that the test can disturb. */
function makeStore(busyTimeoutMs: number): { store: SqliteStore; database: DatabaseSync } {
  const database = openDatabase(join(mkdtempSync(join(directory, 'disturbed-')), 'rungate.db'), 'full');
  const close = (): void => database.close();
  return { store: new SqliteStore({ database, busyTimeoutMs, onCommit: () => {}, close }), database };
}

describe('opening a SQLite store', { timeout: 60_000 }, () => {
  test.each([
    ['sqlite:', /names a file/],
    ['sqlite:x.db?synchronous=off', /synchronous/],
    ['sqlite:x.db?syncronous=full', /syncronous/],
    ['mysql://user:secret@host/db', /^(?!.*secret).*mysql:/],
  ])('the store URL %s is refused', async (url, message) => {
    await expect(open(url)).rejects.toThrow(message);
    await expect(open(url)).rejects.toThrow(StorageFault);
  });

  test('a SQLite file belongs to one process at a time, until that process ends', async () => {
    const url = `sqlite:${makeFile()}`;
    const other = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(other.stdout, 'data');
    await expect(open(url)).rejects.toThrow(/in use by another process/);
    other.kill('SIGKILL');
    await once(other, 'exit');
    const store = await open(url);
    await expect(open(url)).rejects.toThrow(StorageFault);
    await store.close();
    await (await open(url)).close();
  });

  test('a SQLite database that is newer than the program is refused and unlocked again', async () => {
    const file = makeFile();
    await (await open(`sqlite:${file}`)).close();
    const database = new DatabaseSync(file);
    database.exec("INSERT INTO migrations VALUES (999, '0999-future.sql', 0)");
    await expect(open(`sqlite:${file}`)).rejects.toThrow(/schema version 999/);
    database.exec('DELETE FROM migrations WHERE version = 999');
    database.close();
    await (await open(`sqlite:${file}`)).close();
  });

  test.each([
    ['full', 2],
    ['normal', 1],
  ] as const)('synchronous=%s reaches SQLite', (synchronous, level) => {
    const database = openDatabase(':memory:', synchronous);
    expect(database.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: level });
    database.close();
  });

  test('an open SQLite store does not keep a process alive', async () => {
    const script = `import { openStore } from ${JSON.stringify(join(import.meta.dirname, '../../src/store/open.ts'))};
      const log = { warn: () => {} };
      const store = await openStore(${JSON.stringify(`sqlite:${makeFile()}`)}, { log });
      await store.ping();`;
    const file = join(directory, 'opens-only.mjs');
    writeFileSync(file, script);
    const child = spawn(process.execPath, [file], { stdio: 'inherit', timeout: 20_000 });
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

describe('faults of a SQLite store', { timeout: 60_000 }, () => {
  test('a full disk rejects the whole batch, and the store continues once there is room', async () => {
    const { store, database } = makeStore(0);
    const kept = makeRun();
    await store.insert(kept, [makeEvent(kept)]);
    const { page_count: pages } = database.prepare('PRAGMA page_count').get() as { page_count: number };
    database.exec(`PRAGMA max_page_count = ${pages + 4}`);
    const batch = [makeRun(), makeRun({ request: { input: 'x'.repeat(1_000_000) } }), makeRun()];
    const next = nextVersion(kept);
    const update = { run: next, expectedVersion: 1, events: [makeEvent(next)] };
    const settled = await Promise.allSettled([
      ...batch.map((run) => store.insert(run, [makeEvent(run)])),
      store.update(update),
    ]);
    const reasons = settled.map((result) => (result.status === 'rejected' ? result.reason : result.value));
    expect(reasons).toEqual(Array.from({ length: 4 }, () => expect.any(StorageFault)));
    expect(String(reasons[0])).toContain('full');
    for (const run of batch) expect(await store.find(run)).toBeNull();
    expect(await store.find(kept)).toEqual(kept);

    database.exec('PRAGMA max_page_count = 1000000');
    await Promise.all(batch.map((run) => store.insert(run, [makeEvent(run)])));
    for (const run of batch) expect(await store.find(run)).toEqual(run);
    expect(await store.update(update)).toBe(true);
    await store.close();
  });

  test('a lasting lock rejects writes but not reads, and writes continue once it is gone', async () => {
    const { store, database } = makeStore(30);
    const other = new DatabaseSync(database.location() ?? '');
    const [before, during, after] = [makeRun(), makeRun(), makeRun()];
    await store.insert(before, []);
    other.exec('BEGIN IMMEDIATE');
    const refused = await Promise.allSettled([store.insert(during, []), store.insert(makeRun(), [])]);
    expect(refused.map((result) => result.status === 'rejected' && result.reason)).toEqual([
      expect.any(StorageFault),
      expect.any(StorageFault),
    ]);
    expect(await store.find(before)).toEqual(before);
    other.exec('ROLLBACK');
    await store.insert(after, []);
    expect(await store.find(after)).toEqual(after);
    expect(await store.find(during)).toBeNull();
    other.close();
    await store.close();
  });

  test('a write waits for a short lock without holding the event loop', async () => {
    const { store, database } = makeStore(60_000);
    const other = new DatabaseSync(database.location() ?? '');
    other.exec('BEGIN IMMEDIATE');
    const runs = [makeRun(), makeRun()];
    const written = Promise.all(runs.map((run) => store.insert(run, [])));
    // The lock goes only if the event loop still turns while the write waits.
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    other.exec('ROLLBACK');
    await written;
    expect(await all(store.search({ tenant: 'main', limit: 10, offset: 0 }))).toEqual(runs.toReversed().map(summaryOf));
    other.close();
    await store.close();
  });

  test('a row that cannot be decoded is a StorageFault and not a crash', async () => {
    const { store, database } = makeStore(0);
    const run = makeRun();
    await store.insert(run, [makeEvent(run)]);
    database.exec(`UPDATE runs SET state = '{"attempts":"three"}'; UPDATE events SET change = 'no json'`);
    // A list does not read the state.
    expect(await all(store.search({ tenant: 'main', limit: 1, offset: 0 }))).toEqual([summaryOf(run)]);
    database.exec(`UPDATE requests SET request = '{"input"'`);
    await expect(store.find(run)).rejects.toThrow(StorageFault);
    await expect(all(store.search({ tenant: 'main', limit: 1, offset: 0 }))).rejects.toThrow(StorageFault);
    await expect(store.events(run.runId, 0, 1)).rejects.toThrow(StorageFault);
    await store.close();
  });
});

describe('a SQLite store under load', { timeout: 60_000 }, () => {
  test('a SQLite database holds the input, the last partial output and the result of a run once each', async () => {
    const { store, database } = makeStore(0);
    const size = 100_000;
    const value = { text: 'x'.repeat(size) };
    const held = (): number => {
      const sums = ['runs.state', 'requests.request', 'events.change', 'deliveries.body', 'idempotency.fingerprint'];
      const sql = sums.map((sum) => `coalesce((SELECT sum(length(${sum})) FROM ${sum.split('.')[0]}), 0)`).join(' + ');
      return Math.round(Number(database.prepare(`SELECT ${sql} AS held`).get()?.held) / size);
    };
    const run = makeRun({ request: { input: value, webhook: 'https://a.test/' } });
    await store.insert(run, [makeEvent(run)]);
    expect(held()).toBe(1);
    let last = nextVersion(run, { phase: 'running', startedAtMs: run.updatedAtMs });
    await store.update({ run: last, expectedVersion: 1, events: [makeEvent(last)] });
    for (let n = 0; n < 3; n += 1) {
      const rewrites = last.partial === undefined ? [] : [{ seq: last.partial.seq, change: 'replaced' } as const];
      const partial = { seq: last.lastSeq + 1, fingerprint: `${n}`, chars: size, atMs: 1 };
      last = nextVersion(last, { partial });
      const events = [makeEvent(last, { kind: 'partial', value })];
      await store.update({ run: last, expectedVersion: last.version - 1, events, rewrites });
      expect(held()).toBe(2);
    }
    const asked = nextVersion(last, { phase: 'interrupted', outcome: { kind: 'interrupt', payload: value } });
    const question = [makeEvent(asked, { kind: 'interrupt', payload: value })];
    await store.update({ run: asked, expectedVersion: last.version, events: question });
    expect(held()).toBe(3);
    const left = [{ seq: asked.lastSeq, change: { kind: 'interrupt', payload: 'small' } }] as const;
    const resumed = nextVersion(asked, { phase: 'running', outcome: null });
    await store.update({ run: resumed, expectedVersion: asked.version, events: [], rewrites: left });
    const ended = nextVersion(resumed, { phase: 'done', status: 'success', outcome: { kind: 'result', value } });
    const rewrites = [{ seq: last.lastSeq, change: 'same as result' }] as const;
    const events = [makeEvent(ended, { kind: 'result', value })];
    await store.update({ run: ended, expectedVersion: resumed.version, events, rewrites });
    expect(held()).toBe(2);
    // The last partial output and the interrupt: creation, start and end have no row.
    expect(database.prepare('SELECT count(*) AS rows FROM events').get()).toEqual({ rows: 2 });
    await store.close();
  });

  const filters: readonly (readonly [Partial<RunQuery>, RegExp])[] = [
    [{}, /COVERING INDEX runs_by_agent \(tenant=\? AND agent_id=\? AND run_id<\?\)/],
    [{ agentId: 'a' }, /COVERING INDEX runs_by_agent \(tenant=\? AND agent_id=\? AND run_id<\?\)/],
    [{ status: 'success' }, /INDEX runs_by_agent \(tenant=\? AND agent_id=\? AND run_id<\?\)/],
    [
      { statuses: ['error', 'timeout'] },
      /COVERING INDEX runs_failed \(tenant=\? AND agent_id=\? AND status=\? AND run_id<\?\)/,
    ],
    [{ threadId: null }, /INDEX runs_by_agent \(tenant=\? AND agent_id=\? AND run_id<\?\)/],
    [{ status: 'pending', agentIds: ['a', 'b'] }, /COVERING INDEX runs_live \(owner=\? AND run_id<\?\)/],
    [{ status: 'interrupted' }, /COVERING INDEX runs_live \(owner=\? AND run_id<\?\)/],
    [
      { agentId: 'a', status: 'timeout' },
      /COVERING INDEX runs_failed \(tenant=\? AND agent_id=\? AND status=\? AND run/,
    ],
    [{ status: 'error' }, /COVERING INDEX runs_failed \(tenant=\? AND agent_id=\? AND status=\? AND run_id<\?\)/],
    [{ threadId: 't' }, /COVERING INDEX runs_by_thread \(tenant=\? AND thread_id=\? AND run_id<\?\)/],
    [{ metadata: { a: 1 } }, /COVERING INDEX runs_by_agent .*\n.*requests USING INTEGER PRIMARY KEY/],
  ];
  test.each(filters)(
    'a search for runs by %j walks ranges of an index in order without a scan or a sort',
    async (filter, index) => {
      const { store, database } = makeStore(0);
      const steps = explain(database, selectChunk({ tenant: 'main', limit: 10, offset: 0, ...filter }).text);
      expect(steps).toMatch(index);
      // The chunk itself is counted.
      expect(steps.replace('SCAN (subquery-1)', '')).not.toMatch(/SCAN|TEMP B-TREE/);
      await store.close();
    },
  );

  test('a search by the last change walks the ends of runs in order without a scan or a sort', async () => {
    const { store, database } = makeStore(0);
    for (const updatedAfterMs of [undefined, 5]) {
      const query = { tenant: 'main', limit: 10, offset: 0, order: 'updated', updatedAfterMs } as const;
      const steps = explain(database, selectChanged(query).text);
      expect(steps).toMatch(/COVERING INDEX runs_by_end \(tenant=\? AND agent_id=\? AND status=\? AND ended_at_ms>\?/);
      expect(steps.replace('SCAN (subquery-1)', '')).not.toMatch(/SCAN|TEMP B-TREE/);
    }
    await store.close();
  });

  test('a search for live runs of an agent among many of another lets the event loop turn', async () => {
    const { store } = makeStore(0);
    const rare = makeRun({ agentId: 'rare' });
    const others = Array.from({ length: 5000 }, () => makeRun());
    await Promise.all([rare, ...others].map((run) => store.insert(run, [])));
    let turns = 0;
    let isSearching = true;
    const turn = (): void => {
      turns += 1;
      if (isSearching) setImmediate(turn);
    };
    setImmediate(turn);
    const found = await all(store.search({ tenant: 'main', agentId: 'rare', status: 'pending', limit: 10, offset: 0 }));
    isSearching = false;
    expect(found).toEqual([summaryOf(rare)]);
    // A slice has 2,000 rows at most.
    expect(turns).toBeGreaterThan(3);
    await store.close();
  });

  test('runs of many agents are found newest first, whatever the shares of the agents are', async () => {
    const { store } = makeStore(0);
    // Agent 0 has half of the runs, agent 1 a quarter, and so on; 150 more have one each.
    const agentOf = (n: number): string => (n % 16 === 15 ? `many-${n}` : `agent-${Math.clz32(n & 15)}`);
    const runs = Array.from({ length: 2400 }, (_, n) =>
      makeRun({ agentId: agentOf(n), status: 'success', phase: 'done' }),
    );
    await Promise.all(runs.map((run) => store.insert(run, [])));
    const newest = runs.toReversed().map(({ runId }) => runId);
    const ids = async (query: Partial<RunQuery>): Promise<readonly string[]> =>
      (await all(store.search({ tenant: 'main', limit: 1000, offset: 0, ...query }))).map(({ runId }) => runId);
    expect(await ids({})).toEqual(newest.slice(0, 1000));
    expect(await ids({ offset: 1700 })).toEqual(newest.slice(1700));
    expect(await ids({ status: 'success', limit: 3, offset: 7 })).toEqual(newest.slice(7, 10));
    const ofTwo = runs.filter(({ agentId }) => agentId === 'agent-31' || agentId === 'many-15').toReversed();
    expect(await ids({ agentIds: ['many-15', 'agent-31', 'many-15', 'nobody'] })).toEqual(
      ofTwo.map(({ runId }) => runId),
    );
    expect(await ids({ agentIds: ['many-15'], agentId: 'agent-31' })).toEqual([]);
    await store.close();
  });

  test('retention finds every run that ended before the instant, also one that it passed while the run was live', async () => {
    const { store } = makeStore(0);
    const runs = Array.from({ length: 1300 }, (_, n) => {
      const createdAtMs = 1000 + n;
      if (n % 3 === 0) return makeRun({ createdAtMs, updatedAtMs: createdAtMs });
      // Of the others one half ended in time and one half later.
      return makeRun({ createdAtMs, phase: 'done', status: 'success', updatedAtMs: n % 2 === 0 ? 3000 : 9000 });
    });
    const young = Array.from({ length: 600 }, (_, n) => makeRun({ createdAtMs: 6000 + n, updatedAtMs: 6000 + n }));
    for (const run of [...runs, ...young]) await store.insert(run, []);
    const due = runs.filter((run) => run.phase === 'done' && run.updatedAtMs === 3000);
    const isLeft = async (run: { runId: string }) => (await store.findOfAnyTenant(run.runId)) !== null;
    expect(await store.expire(5000, 0, 100)).toBe(100);
    for (const [n, run] of due.entries()) expect(await isLeft(run)).toBe(n >= 100);
    // The first run of all is behind the place where the search goes on.
    const first = runs[0] ?? makeRun();
    await store.update({ run: makeDone(first, 4000), expectedVersion: 1, events: [] });
    expect(await store.expire(5000, 0, 1000)).toBe(due.length - 100 + 1);
    expect(await store.expire(5000, 0, 1000)).toBe(0);
    const kept = [...runs, ...young].filter((run) => run !== first && !due.includes(run));
    for (const run of kept) expect(await isLeft(run)).toBe(true);
    expect(await isLeft(first)).toBe(false);
    await store.close();
  });

  test.each([
    'ownedRuns',
    'nextOwner',
    'nextAgent',
    'runsInOrder',
    'expiredRun',
    'expireKeys',
    'events',
    'find',
  ] as const)('the statement %s finds its rows by an index, without a scan or a sort', async (name) => {
    const { store, database } = makeStore(0);
    const steps = explain(database, prepareStatements(database)[name].sourceSQL);
    expect(steps).toMatch(/SEARCH/);
    expect(steps).not.toMatch(/SCAN|TEMP B-TREE/);
    await store.close();
  });
});

function explain(database: DatabaseSync, sql: string): string {
  const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
  return plan.map(({ detail }) => String(detail)).join('\n');
}
