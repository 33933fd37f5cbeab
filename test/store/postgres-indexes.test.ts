import { Client } from 'pg';
import { afterAll, describe, expect, test, vi } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import { type Store, UpstreamTaken } from '../../src/contract/store/store.ts';
import { readMigrations } from '../../src/store/migrations.ts';
import { openStore } from '../../src/store/open.ts';
import { PostgresServer, startPostgres } from './postgres-server.ts';
import { all } from './rows.ts';
import { makeDone, makeRun, nextVersion, silentLog } from './runs.ts';

const started = await startPostgres();
const reason = started instanceof PostgresServer ? null : started.unavailable;

describe.skipIf(reason !== null)(
  `indexes of runs in PostgreSQL${reason === null ? '' : ` (${reason})`}`,
  { timeout: 60_000 },
  () => {
    const server = started as PostgresServer;
    const opened: Store[] = [];
    afterAll(async () => {
      await Promise.all(opened.map((store) => store.close()));
      if (reason === null) await server.destroy();
    });

    async function open(url: string): Promise<Store> {
      const store = await openStore(url, { log: silentLog });
      opened.push(store);
      return store;
    }

    test('the start and the polls of a run move none of its entries in indexes', async () => {
      const url = await server.createDatabase();
      const store = await open(url);
      const run = makeRun({ phase: 'starting' });
      await store.insert(run, []);
      const running = nextVersion(run, { phase: 'running' });
      await store.update({ run: running, expectedVersion: 1, events: [], upstreamKey: 'vendor run 1' });
      await store.update({ run: nextVersion(running), expectedVersion: 2, events: [] });
      // The server publishes its statistics when its sessions are idle.
      const count = async () =>
        await server.query(
          "SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS within FROM pg_stat_user_tables WHERE relname = 'runs'",
          new URL(url).pathname.slice(1),
        );
      await vi.waitFor(async () => expect(await count()).toEqual([{ updates: 2, within: 2 }]), { timeout: 30_000 });
    });

    test('a page has room for the starts and the ends of all runs that began in it', async () => {
      const url = await server.createDatabase();
      const store = await open(url);
      const runs = Array.from({ length: 100 }, () => makeRun({ phase: 'starting' }));
      await Promise.all(runs.map((run) => store.insert(run, [])));
      const upstream = { runId: 'as long as ids of vendors are, at most of them' };
      const running = runs.map((run) => nextVersion(run, { phase: 'running', upstream, startedAtMs: run.createdAtMs }));
      const write = (run: Run) => store.update({ run, expectedVersion: run.version - 1, events: [] });
      // At once, so that what each write leaves behind is still there at the next one.
      await Promise.all(running.map(write));
      await Promise.all(running.map((run) => write(makeDone(run, run.createdAtMs))));
      const count = async () =>
        await server.query(
          `SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS within, n_tup_newpage_upd::int AS moved
            FROM pg_stat_user_tables WHERE relname = 'runs'`,
          new URL(url).pathname.slice(1),
        );
      await vi.waitFor(async () => expect(await count()).toEqual([{ updates: 200, within: 100, moved: 0 }]), {
        timeout: 30_000,
      });
    });

    test('what the vendor started for runs of the schema before keeps belonging to them, and they are found as before', async () => {
      const url = await server.createDatabase();
      const client = new Client({ connectionString: url });
      await client.connect();
      await client.query('CREATE TABLE rungate_migrations (version integer PRIMARY KEY, name text NOT NULL)');
      for (const { version, name, sql } of readMigrations('postgres').slice(0, 16)) {
        await client.query(sql);
        await client.query('INSERT INTO rungate_migrations VALUES ($1, $2)', [version, name]);
      }
      const old = makeRun();
      const state =
        '{"outcome":null,"upstream":{"runId":"v1"},"resumption":null,"answeredInterrupt":null,"attempts":0,"lastSeq":1,"startedAtMs":1,"deadlineAtMs":9}';
      await client.query(
        `INSERT INTO runs (run_id, tenant, agent_id, agent_name, phase, status, version, created_at_ms, updated_at_ms, state,
          upstream_key) VALUES ($1, $2, $3, 'agent', 'running', 'pending', 1, 1, 1, $4, 'vendor run 1')`,
        [old.runId, old.tenant, old.agentId, state],
      );
      await client.query(`INSERT INTO requests (run_id, request) VALUES ($1, '{}')`, [old.runId]);
      await client.end();

      const store = await open(url);
      const run = makeRun({ tenant: old.tenant, agentId: old.agentId });
      await store.insert(run, []);
      const start = () =>
        store.update({ run: nextVersion(run), expectedVersion: 1, events: [], upstreamKey: 'vendor run 1' });
      await expect(start()).rejects.toThrow(UpstreamTaken);
      const query = { tenant: old.tenant, agentId: old.agentId, status: 'pending' as const, limit: 10, offset: 0 };
      expect((await all(store.search(query))).map(({ runId }) => runId)).toEqual([run.runId, old.runId]);
      expect(await store.remove(old, 1)).toBe(true);
      expect(await start()).toBe(true);
    });
  },
);
