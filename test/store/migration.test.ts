import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import type { Store } from '../../src/contract/store/store.ts';
import { readMigrations } from '../../src/store/migrations.ts';
import { openStore } from '../../src/store/open.ts';
import { openDatabase, pageBytes } from '../../src/store/sqlite/database.ts';
import { PostgresServer, startPostgres } from './postgres-server.ts';
import { silentLog } from './runs.ts';
import { endRun, insertRun } from './threads.ts';

/** The last schema of version 0.1.0: no column `due_at_ms`, and a session called `living`. */
const oldVersion = 8;
const threadId = '6f2f5a0e-0000-4000-8000-000000000001';
const agentId = '0b7fbd38-6c3f-5a0e-9c53-2a4a2d3b9d10';
const session = { agentId, upstream: { runId: 'v-1' } };

type OldRun = {
  readonly runId: string;
  readonly threadId: string | null;
  readonly phase: string;
  readonly status: string;
  readonly createdAtMs: number;
  readonly endedAtMs: number | null;
  /** As version 0.1.0 wrote it: a delay first, the protocol under its old name. */
  readonly request: string;
  readonly outcome: object | null;
};

const queued = { threadId, phase: 'queued', status: 'pending', endedAtMs: null, outcome: null } as const;
const oldRuns = {
  finished: {
    ...queued,
    ...{ runId: 'run-0-finished', phase: 'done', status: 'success', createdAtMs: 500, endedAtMs: 900 },
    request: '{"afterMs":100,"input":{"n":0},"dialect":"acp-0.2"}',
    outcome: { kind: 'result', value: [1] },
  },
  delayed: {
    ...{ ...queued, runId: 'run-1-delayed', createdAtMs: 1000 },
    request:
      '{"afterMs":5000,"input":{"{\\"afterMs\\":1":"\\u0000"},"webhook":"https://hook.example/","dialect":"acp-0.2"}',
  },
  next: {
    ...{ ...queued, runId: 'run-2-next', createdAtMs: 2000 },
    request: '{"input":"\\\\{\\"afterMs\\":9","dialect":"agent-protocol"}',
  },
  soon: { ...queued, runId: 'run-3-soon', createdAtMs: 1500, request: '{"afterMs":1000.5,"messages":[{"afterMs":9}]}' },
  alone: {
    ...queued,
    threadId: null,
    runId: 'run-4-alone',
    createdAtMs: 3000,
    request: '{"afterMs":7,"dialect":"acp-0.1"}',
  },
} satisfies Record<string, OldRun>;

/** What the requests mean to the present version. */
const requests = {
  [oldRuns.finished.runId]: { afterMs: 100, input: { n: 0 }, origin: { protocol: 'acp-0.2', extra: {} } },
  [oldRuns.delayed.runId]: {
    ...{ afterMs: 5000, webhook: 'https://hook.example/', origin: { protocol: 'acp-0.2', extra: {} } },
    input: { '{"afterMs":1': '\u0000' },
  },
  [oldRuns.next.runId]: { input: '\\{"afterMs":9', origin: { protocol: 'agent-protocol', extra: {} } },
  [oldRuns.soon.runId]: { afterMs: 1000.5, messages: [{ afterMs: 9 }] },
  [oldRuns.alone.runId]: { afterMs: 7, origin: { protocol: 'acp-0.1', extra: {} } },
};

function stateOf({ outcome }: OldRun): string {
  const unset = { resumption: null, answeredInterrupt: null, startedAtMs: null };
  return JSON.stringify({ upstream: null, outcome, ...unset, attempts: 0, lastSeq: 1, deadlineAtMs: 90_000 });
}

/** An engine's database at the old version: how it is written, and read past the store. */
type Subject = {
  readonly makeOld: () => Promise<string>;
  readonly readDue: (url: string) => Promise<Record<string, number>>;
};

const directory = mkdtempSync(join(tmpdir(), 'rungate-migration-'));
afterAll(() => rmSync(directory, { recursive: true }));

const sqlite: Subject = {
  async makeOld() {
    const file = join(directory, 'old.db');
    const database = new DatabaseSync(file);
    database.exec(
      'CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at_ms INTEGER NOT NULL) STRICT',
    );
    for (const { version, name, sql } of readMigrations('sqlite').slice(0, oldVersion)) {
      database.exec(sql);
      database.prepare('INSERT INTO migrations VALUES (?, ?, 0)').run(version, name);
    }
    const insertRunRow = database.prepare(`INSERT INTO runs (run_id, tenant, agent_id, agent_name, thread_id, phase,
      status, owner, version, created_at_ms, updated_at_ms, ended_at_ms, state)
      VALUES (?, 'main', ?, 'price-scraper', ?, ?, ?, NULL, 1, ?, ?, ?, ?)`);
    const insertRequest = database.prepare('INSERT INTO requests (id, metadata, request) VALUES (?, NULL, ?)');
    const insertEvent = database.prepare(`INSERT INTO events (run, seq, at_ms, status, change, thread_id, thread_seq)
      VALUES (?, 1, ?, ?, '{"kind":"phase","phase":"queued"}', ?, ?)`);
    for (const [at, run] of Object.values<OldRun>(oldRuns).entries()) {
      const cells = [run.createdAtMs, run.endedAtMs ?? run.createdAtMs, run.endedAtMs, stateOf(run)];
      const { lastInsertRowid: id } = insertRunRow.run(
        run.runId,
        agentId,
        run.threadId,
        run.phase,
        run.status,
        ...cells,
      );
      insertRequest.run(id, run.request);
      insertEvent.run(id, run.createdAtMs, run.status, run.threadId, run.threadId === null ? null : at + 2);
    }
    database.exec(`INSERT INTO threads (thread_id, tenant, agent_id, status, active_run_id, living, version, created_at_ms,
        updated_at_ms) VALUES ('${threadId}', 'main', '${agentId}', 'busy', NULL, '${JSON.stringify(session)}', 9, 1, 1);
      INSERT INTO thread_states (id, metadata, state_values, messages) VALUES (1, '{"a":1}', '{"b":2}', '[]')`);
    database.close();
    return `sqlite:${file}`;
  },
  async readDue(url) {
    const database = new DatabaseSync(url.slice('sqlite:'.length), { readOnly: true });
    const rows = database.prepare('SELECT run_id, due_at_ms FROM runs').all();
    database.close();
    return Object.fromEntries(rows.map((row) => [String(row.run_id), Number(row.due_at_ms)]));
  },
};

const server = await startPostgres();
afterAll(async () => server instanceof PostgresServer && (await server.destroy()), 60_000);

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return await use(client).finally(() => client.end());
}

function postgres(running: PostgresServer): Subject {
  return {
    async makeOld() {
      const url = await running.createDatabase();
      await withClient(url, async (client) => {
        await client.query(`CREATE TABLE rungate_migrations
          (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
        for (const { version, name, sql } of readMigrations('postgres').slice(0, oldVersion)) {
          await client.query(sql);
          await client.query('INSERT INTO rungate_migrations (version, name) VALUES ($1, $2)', [version, name]);
        }
        for (const [at, run] of Object.values<OldRun>(oldRuns).entries()) {
          await client.query(
            `INSERT INTO runs (run_id, tenant, agent_id, agent_name, thread_id, phase, status, owner, version,
              created_at_ms, updated_at_ms, ended_at_ms, state)
            VALUES ($1, 'main', $2, 'price-scraper', $3, $4, $5, NULL, 1, $6, $7, $8, $9)`,
            [
              ...[run.runId, agentId, run.threadId, run.phase, run.status, run.createdAtMs],
              ...[run.endedAtMs ?? run.createdAtMs, run.endedAtMs, stateOf(run)],
            ],
          );
          await client.query('INSERT INTO requests (run_id, request) VALUES ($1, $2)', [run.runId, run.request]);
          await client.query(
            `INSERT INTO events (run_id, seq, at_ms, status, change, thread_id, thread_seq)
            VALUES ($1, 1, $2, $3, '{"kind":"phase","phase":"queued"}', $4, $5)`,
            [run.runId, run.createdAtMs, run.status, run.threadId, run.threadId === null ? null : at + 2],
          );
        }
        await client.query(`INSERT INTO threads (thread_id, tenant, agent_id, status, living, version, created_at_ms,
            updated_at_ms) VALUES ('${threadId}', 'main', '${agentId}', 'busy', '${JSON.stringify(session)}', 9, 1, 1);
          INSERT INTO thread_states (thread_id, metadata, state_values, messages)
          VALUES ('${threadId}', '{"a":1}', '{"b":2}', '[]')`);
      });
      return url;
    },
    readDue: async (url) =>
      await withClient(url, async (client) => {
        const { rows } = await client.query('SELECT run_id, due_at_ms::int FROM runs');
        return Object.fromEntries(rows.map((row) => [row.run_id, row.due_at_ms]));
      }),
  };
}

const subjects: readonly (readonly [string, Subject | null])[] = [
  ['SQLite', sqlite],
  ['PostgreSQL', server instanceof PostgresServer ? postgres(server) : null],
];

describe.each(subjects)('a %s database of version 0.1.0', { timeout: 60_000 }, (name, subject) => {
  const opened: Store[] = [];

  test.skipIf(subject === null)(
    `${name}: runs of version 0.1.0 keep their content and their order when the database is migrated`,
    async () => {
      if (subject === null) return;
      const url = await subject.makeOld();
      const open = async (): Promise<Store> => {
        const store = await openStore(url, { log: silentLog });
        opened.push(store);
        return store;
      };
      try {
        let store = await open();
        const find = async ({ runId }: OldRun) => {
          const run = await store.find({ tenant: 'main', runId });
          if (run === null) throw new Error(`${runId} is gone`);
          return run;
        };
        for (const old of Object.values<OldRun>(oldRuns)) {
          expect(await find(old)).toMatchObject({
            ...{ runId: old.runId, threadId: old.threadId, phase: old.phase, status: old.status },
            ...{ createdAtMs: old.createdAtMs, outcome: old.outcome, deadlineAtMs: 90_000, version: 1 },
          });
          expect((await find(old)).request).toStrictEqual(requests[old.runId]);
          expect(await store.events(old.runId, 0, 10)).toMatchObject([{ seq: 1, status: old.status }]);
        }
        expect(await store.threads.findThread({ tenant: 'main', threadId })).toMatchObject({
          ...{ session, metadata: { a: 1 }, values: { b: 2 }, version: 9 },
        });
        // Of a run that ended nothing is read any more.
        expect(await subject.readDue(url)).toEqual({
          'run-0-finished': 0,
          'run-1-delayed': 6000,
          'run-2-next': 2000,
          'run-3-soon': 2500,
          'run-4-alone': 3007,
        });

        // A second start finds nothing left to do; what is written from now on takes its place among the old runs.
        await store.close();
        store = await open();
        const late = await insertRun(store, threadId, { createdAtMs: 1000, request: { afterMs: 4000 } });
        const order: string[] = [];
        for (let left = [oldRuns.delayed, oldRuns.next, oldRuns.soon, late]; left.length > 0; ) {
          const holders: string[] = [];
          for (const { runId } of left) if (await store.threads.acquireThread(threadId, runId)) holders.push(runId);
          order.push(...holders);
          left = left.filter(({ runId }) => !holders.includes(runId));
          for (const runId of holders) await endRun(store, await find({ ...oldRuns.next, runId }));
        }
        expect(order).toEqual(['run-2-next', 'run-3-soon', late.runId, 'run-1-delayed']);
      } finally {
        await Promise.all(opened.map((store) => store.close()));
      }
    },
  );
});

test('the schema of a new SQLite file is written with one commit', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-migration-'));
  const file = join(folder, 'new.db');
  const database = openDatabase(file, 'full');
  try {
    // The table of migrations, and all of them.
    expect(countCommits(readFileSync(`${file}-wal`))).toBe(2);
    expect(database.prepare('SELECT count(*) AS count FROM migrations').get()).toEqual({
      count: readMigrations('sqlite').length,
    });
  } finally {
    database.close();
    rmSync(folder, { recursive: true });
  }
});

/** Frames of a write-ahead log that end a transaction: their header has the size of the database in pages. */
function countCommits(log: Buffer): number {
  const [logHeader, frameHeader] = [32, 24];
  let commits = 0;
  for (let at = logHeader; at + frameHeader <= log.length; at += frameHeader + pageBytes)
    if (log.readUInt32BE(at + 4) > 0) commits += 1;
  return commits;
}
