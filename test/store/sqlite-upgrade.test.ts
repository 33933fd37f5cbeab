import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import { type RunStatus, runStatuses } from '../../src/contract/domain/run.ts';
import type { RunQuery, Store } from '../../src/contract/store/store.ts';
import { readMigrations } from '../../src/store/migrations.ts';
import { openStore } from '../../src/store/open.ts';
import { all } from './rows.ts';
import { silentLog } from './runs.ts';

const directory = mkdtempSync(join(tmpdir(), 'rungate-upgrade-'));
afterAll(() => rmSync(directory, { recursive: true }));

const newest = readMigrations('sqlite').length;
/** Of files that were made before version 17. */
const oldPageBytes = 8192;

type OldRun = {
  readonly runId: string;
  readonly tenant: string;
  readonly agentId: string;
  readonly threadId: string | null;
  readonly status: RunStatus;
  readonly team: string;
};

/** Runs of two tenants, three agents and each status, with and without a thread, in the order of their ids. */
const runs: readonly OldRun[] = Array.from({ length: 120 }, (_, n) => ({
  runId: `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`,
  tenant: n % 4 === 3 ? 'other' : 'main',
  agentId: `agent-${n % 3}`,
  threadId: n % 5 === 4 ? 'thread-1' : null,
  status: runStatuses[n % runStatuses.length] ?? 'pending',
  team: `team-${n % 7}`,
}));

const isLive = ({ status }: OldRun): boolean => status === 'pending' || status === 'interrupted';
const phaseOf = (run: OldRun): string =>
  isLive(run) ? (run.status === 'pending' ? 'running' : 'interrupted') : 'done';

function outcomeOf({ status, runId }: OldRun): object | null {
  switch (status) {
    case 'pending':
      return null;
    case 'interrupted':
      return { kind: 'interrupt', payload: { question: runId } };
    case 'success':
      return { kind: 'result', value: { of: runId } };
    default:
      return { kind: 'error', errcode: 1003, description: `failed: ${runId}` };
  }
}

/** A file of an earlier schema version, with what every version can hold. */
function makeOld(version: number, padding = 0): string {
  const file = join(directory, `${version}-${padding}.db`);
  const database = new DatabaseSync(file);
  database.exec(`PRAGMA page_size = ${oldPageBytes}; PRAGMA journal_mode = WAL;
    CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at_ms INTEGER NOT NULL) STRICT`);
  for (const each of readMigrations('sqlite').slice(0, version)) {
    database.exec(each.sql);
    database.prepare('INSERT INTO migrations VALUES (?, ?, 0)').run(each.version, each.name);
  }
  const insertRun =
    database.prepare(`INSERT INTO runs (id, run_id, tenant, agent_id, agent_name, thread_id, phase, status,
    owner, version, created_at_ms, updated_at_ms, ended_at_ms, state) VALUES (?, ?, ?, ?, 'scraper', ?, ?, ?, ?, 3, ?, ?, ?, ?)`);
  const insertRequest = database.prepare('INSERT INTO requests (id, metadata, request) VALUES (?, ?, ?)');
  const insertEvent = database.prepare('INSERT INTO events (run, seq, at_ms, status, change) VALUES (?, ?, ?, ?, ?)');
  database.exec('BEGIN');
  for (const [n, run] of runs.entries()) {
    const [id, atMs] = [n + 1, 1000 + n];
    const outcome = outcomeOf(run);
    const rest = { upstream: { runId: `v-${n}` }, resumption: null, answeredInterrupt: null, startedAtMs: atMs };
    const state = { outcome, ...rest, attempts: 1, lastSeq: outcome === null ? 2 : 3, deadlineAtMs: 90_000 };
    const named = [run.runId, run.tenant, run.agentId, run.threadId, phaseOf(run), run.status] as const;
    const owner = isLive(run) && n % 2 === 0 ? `replica-${n % 4}` : null;
    insertRun.run(id, ...named, owner, atMs, atMs + 5, isLive(run) ? null : atMs + 5, JSON.stringify(state));
    const metadata = { team: run.team };
    insertRequest.run(
      id,
      `\n"team":"${run.team}"\n`,
      JSON.stringify({ input: { n, p: 'x'.repeat(padding) }, metadata }),
    );
    insertEvent.run(id, 1, atMs, 'pending', '{"kind":"phase","phase":"queued"}');
    insertEvent.run(id, 2, atMs, 'pending', '{"kind":"phase","phase":"running"}');
    if (outcome !== null) insertEvent.run(id, 3, atMs + 5, run.status, JSON.stringify(outcome));
  }
  database.exec(
    `INSERT INTO idempotency VALUES ('main', 'key-1', 'f', '${runs[0]?.runId}', ${Date.now() + 600_000}); COMMIT`,
  );
  database.close();
  return file;
}

const queries: readonly (readonly [Partial<RunQuery>, (run: OldRun) => boolean])[] = [
  [{}, () => true],
  ...runStatuses.map((status) => [{ status }, (run: OldRun) => run.status === status] as const),
  [{ agentId: 'agent-1' }, (run) => run.agentId === 'agent-1'],
  [{ agentId: 'agent-2', status: 'error' }, (run) => run.agentId === 'agent-2' && run.status === 'error'],
  [{ agentIds: ['agent-0', 'agent-2'] }, (run) => run.agentId !== 'agent-1'],
  [
    { agentIds: ['agent-0', 'agent-2'], status: 'interrupted' },
    (run) => run.agentId !== 'agent-1' && run.status === 'interrupted',
  ],
  [{ threadId: 'thread-1' }, (run) => run.threadId === 'thread-1'],
  [{ threadId: null, status: 'success' }, (run) => run.threadId === null && run.status === 'success'],
  [{ metadata: { team: 'team-3' } }, (run) => run.team === 'team-3'],
  [{ metadata: { team: 'team-3' }, status: 'timeout' }, (run) => run.team === 'team-3' && run.status === 'timeout'],
];

async function expectAll(store: Store): Promise<void> {
  for (const [n, run] of runs.entries()) {
    const outcome = outcomeOf(run);
    expect(await store.find(run)).toMatchObject({
      ...{ runId: run.runId, agentId: run.agentId, threadId: run.threadId, status: run.status, outcome, version: 3 },
      request: { input: { n }, metadata: { team: run.team } },
    });
    const events = await store.events(run.runId, 0, 10);
    expect(events.map(({ seq }) => seq)).toEqual(outcome === null ? [1, 2] : [1, 2, 3]);
    if (outcome !== null) expect(events.at(-1)).toMatchObject({ status: run.status, change: outcome });
  }
  for (const tenant of ['main', 'other']) {
    for (const [query, isFound] of queries) {
      const expected = runs.filter((run) => run.tenant === tenant && isFound(run)).map(({ runId }) => runId);
      const found: string[] = [];
      // In pages, so that each begins within the ranges.
      for (let offset = 0; offset <= expected.length; offset += 7) {
        const page = await all(store.search({ tenant, limit: 7, offset, ...query }));
        found.push(...page.map(({ runId }) => runId));
      }
      expect(found, JSON.stringify(query)).toEqual(expected.toReversed());
    }
  }
}

function pageBytesOf(file: string): number {
  const database = new DatabaseSync(file, { readOnly: true });
  const row = database.prepare('PRAGMA page_size').get();
  database.close();
  return Number(row?.page_size);
}

describe('a SQLite file of an earlier version', { timeout: 60_000 }, () => {
  const versions = Array.from({ length: newest - 1 }, (_, at) => at + 1);
  test.each(versions)(
    'a file of schema version %i opens, and everything in it is read, searched and expired',
    async (version) => {
      const file = makeOld(version);
      const { ino } = statSync(file);
      for (let start = 0; start < 2; start += 1) {
        const store = await openStore(`sqlite:${file}`, { log: silentLog });
        await expectAll(store);
        await store.close();
      }
      expect(pageBytesOf(file)).toBe(2048);
      // The fence and the lock know the file by its inode.
      expect(statSync(file).ino).toBe(ino);

      const store = await openStore(`sqlite:${file}`, { log: silentLog });
      const claimed = await store.claim({ replica: 'next', deadAfterMs: 600_000, limit: 1000 });
      expect(claimed.map(({ runId }) => runId)).toEqual(runs.filter(isLive).map(({ runId }) => runId));
      // Retention goes by the end: the first sixty runs that are done.
      expect(await store.expire(1065, Date.now(), 1000)).toBe(runs.slice(0, 60).filter((run) => !isLive(run)).length);
      const left = runs.filter((run, n) => n >= 60 || isLive(run)).filter(({ tenant }) => tenant === 'main');
      const found = await all(store.search({ tenant: 'main', limit: 1000, offset: 0 }));
      expect(found.map(({ runId }) => runId)).toEqual(left.map(({ runId }) => runId).toReversed());
      await store.close();
    },
  );

  test('a large file keeps its pages, which is logged, and works all the same', async () => {
    const file = makeOld(newest - 1, 600_000);
    expect(statSync(file).size).toBeGreaterThan(64 * 1024 * 1024);
    const said: string[] = [];
    const log = { ...silentLog, info: (_facts: object, message: string) => void said.push(message) };
    const store = await openStore(`sqlite:${file}`, { log });
    await expectAll(store);
    await store.close();
    expect(pageBytesOf(file)).toBe(oldPageBytes);
    expect(said).toEqual([expect.stringContaining('database keeps its larger pages')]);
  });

  test('a file that another program reads keeps its pages until a start finds it alone', async () => {
    const file = makeOld(newest);
    const reader = new DatabaseSync(file, { readOnly: true });
    reader.exec('BEGIN; SELECT * FROM runs LIMIT 1');
    const said: string[] = [];
    const log = { ...silentLog, warn: (_facts: object, message: string) => void said.push(message) };
    const store = await openStore(`sqlite:${file}`, { log });
    expect(said).toEqual(['database keeps its larger pages, because it could not be rewritten']);
    await expectAll(store);
    await store.close();
    reader.close();
    expect(pageBytesOf(file)).toBe(oldPageBytes);
    await (await openStore(`sqlite:${file}`, { log: silentLog })).close();
    expect(pageBytesOf(file)).toBe(2048);
  });
});
