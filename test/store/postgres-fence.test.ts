import { Client } from 'pg';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import type { FenceFinding } from '../../src/contract/store/fence.ts';
import { StorageFault, type Store } from '../../src/contract/store/store.ts';
import { openStore } from '../../src/store/open.ts';
import { PostgresServer, startPostgres } from './postgres-server.ts';
import { makeRun, nextVersion, silentLog } from './runs.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const started = await startPostgres({ archives: true });
const reason = started instanceof PostgresServer ? null : started.unavailable;

const copy = (words: string) => ({
  kind: 'copy',
  reason: expect.stringContaining(words),
  beatAtMs: expect.any(Number),
});
const intact = { kind: 'intact', unheardMs: expect.any(Number) };
const stopped = { kind: 'intact', unheardMs: null };

describe.skipIf(reason !== null)(`the fence of a PostgreSQL database${reason === null ? '' : ` (${reason})`}`, () => {
  const server = started as PostgresServer;
  const opened: Store[] = [];
  const servers: PostgresServer[] = [];
  let made = 0;

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
    await Promise.all(servers.splice(0).map((each) => each.destroy()));
  });
  afterAll(async () => {
    if (reason === null) await server.destroy();
  });

  async function open(url: string) {
    const store = await openStore(url, { log: silentLog });
    opened.push(store);
    const { fence } = store;
    if (fence === null) throw new Error('PostgreSQL has a fence');
    return Object.assign(store, { fence });
  }

  /** As a gateway that starts does. */
  async function take(url: string, replica = 'a') {
    const store = await open(url);
    await store.fence.take(await store.fence.examine(), []);
    await store.beat(replica);
    return store;
  }

  /** What a start would find. */
  async function examine(url: string): Promise<FenceFinding> {
    const store = await open(url);
    const finding = await store.fence.examine();
    await store.close();
    return finding;
  }

  const nameOf = (url: string): string => new URL(url).pathname.slice(1);

  async function template(url: string): Promise<string> {
    const name = `copy_${++made}`;
    await server.query(`CREATE DATABASE ${name} TEMPLATE ${nameOf(url)}`);
    return server.url(name);
  }

  /** A server that was recovered to an earlier moment, which is called `before`. */
  async function recover(base: PostgresServer, before: string): Promise<PostgresServer> {
    await server.query('SELECT pg_switch_wal()');
    servers.push(base);
    await base.start([
      `restore_command=cp ${server.archive}/%f %p`,
      `recovery_target_name=${before}`,
      'recovery_target_action=promote',
    ]);
    await promoted(base);
    return base;
  }

  async function promoted(each: PostgresServer): Promise<void> {
    await vi.waitFor(
      async () => expect(await each.query('SELECT pg_is_in_recovery() AS waits')).toEqual([{ waits: false }]),
      { timeout: 60_000, interval: 50 },
    );
  }

  test('a database that was never taken is new', async () => {
    expect(await examine(await server.createDatabase())).toEqual({ kind: 'new', note: null });
  });

  test('a database whose replicas were killed is intact', async () => {
    const url = await server.createDatabase();
    await (await take(url)).close();
    expect(await examine(url)).toEqual(intact);
  });

  test('a database is stopped once its last replica has left, and not before', async () => {
    const url = await server.createDatabase();
    const [first, second] = [await take(url, 'a'), await take(url, 'b')];
    await first.release('a');
    expect(await examine(url)).toEqual(intact);
    await second.release('b');
    expect(await examine(url)).toEqual(stopped);
  });

  test('a database is stopped when all replicas leave at once', async () => {
    const url = await server.createDatabase();
    const names = ['a', 'b', 'c', 'd'];
    const stores = await Promise.all(names.map((name) => take(url, name)));
    await Promise.all(stores.map((store, at) => store.release(names[at] ?? '')));
    expect(await examine(url)).toEqual(stopped);
  });

  test('a heartbeat after the mark of a clean stop takes the mark back', async () => {
    const url = await server.createDatabase();
    const [first, second] = [await take(url, 'a'), await take(url, 'b')];
    await server.query(`UPDATE replicas SET beat_at = beat_at - interval '1 hour'`, nameOf(url));
    await first.release('a');
    expect(await examine(url)).toEqual(stopped);
    await second.beat('b');
    expect(await examine(url)).toEqual(intact);
  });

  test('a copy of a database beside it is recognized, and may be a move after a clean stop', async () => {
    const url = await server.createDatabase();
    const store = await take(url);
    await store.close();
    expect(await examine(await template(url))).toEqual(copy('this is another server or database'));
    const again = await take(url);
    await again.release('a');
    // The first heartbeat is of a replica that was killed, and counts for a minute.
    await server.query('DELETE FROM replicas; UPDATE fence SET stopped = true', nameOf(url));
    await again.close();
    expect(await examine(await template(url))).toEqual({ kind: 'moved' });
  });

  test('a dump that was restored into the same database is recognized', async () => {
    const url = await server.createDatabase();
    await (await take(url)).close();
    await server.query(
      `ALTER TABLE fence RENAME TO dumped;
       CREATE TABLE fence (LIKE dumped INCLUDING ALL);
       INSERT INTO fence SELECT * FROM dumped; DROP TABLE dumped`,
      nameOf(url),
    );
    expect(await examine(url)).toEqual(copy('this is another server or database'));
  });

  test('a server that was recovered to a point in time is recognized', async () => {
    const url = await server.createDatabase();
    const store = await take(url);
    const base = await server.copy('recovery');
    await server.query(`SELECT pg_create_restore_point('first')`);
    await store.insert(makeRun(), []);
    await store.beat('a');
    const recovered = await recover(base, 'first');
    expect(await examine(recovered.url(nameOf(url)))).toEqual(copy('recovery_target_name = first'));
    expect(await examine(url)).toEqual(intact);
  });

  test('a replica that finds its database recovered to an earlier time writes nothing more, and says so', async () => {
    const url = await server.createDatabase();
    const store = await take(url);
    await store.beat('a');
    const base = await server.copy('recovery');
    await server.query(`SELECT pg_create_restore_point('second')`);
    const run = makeRun({ owner: 'a' });
    await store.insert(run, []);
    for (let beat = 0; beat < 3; beat += 1) await store.beat('a');
    const recovered = await recover(base, 'second');
    const port = await exchange(server, recovered);
    try {
      await vi.waitFor(
        async () => await expect(store.beat('a')).rejects.toThrow(/gone back to an older state/),
        20_000,
      );
      expect(store.fence.fault).toBeInstanceOf(StorageFault);
      // Its heartbeats have caught up by now, and would seem new.
      for (let beat = 0; beat < 5; beat += 1) await expect(store.beat('a')).rejects.toThrow(StorageFault);
      await expect(store.insert(makeRun(), [])).rejects.toThrow(/gone back/);
      await expect(store.update({ run: nextVersion(run), expectedVersion: 1, events: [] })).rejects.toThrow(
        /gone back/,
      );
      await expect(store.ping()).rejects.toThrow(/gone back/);
    } finally {
      await recovered.stop('immediate');
      await server.start(server.archiving, port);
    }
  });

  test('a promoted standby goes on without a word, for replicas that live and for those that start', async () => {
    const url = await server.createDatabase();
    const store = await take(url);
    const standby = await server.copy('standby');
    servers.push(standby);
    const source = `primary_conninfo=host=127.0.0.1 port=${server.port} user=rungate`;
    await standby.start([source]);
    await store.insert(makeRun(), []);
    await store.beat('a');
    const [row] = await server.query('SELECT pg_current_wal_lsn()::text AS lsn');
    await vi.waitFor(
      async () => {
        const { lsn } = row as { readonly lsn: string };
        const reached = `SELECT pg_last_wal_replay_lsn() >= '${lsn}'::pg_lsn AS reached`;
        expect(await standby.query(reached)).toEqual([{ reached: true }]);
      },
      { timeout: 60_000, interval: 50 },
    );
    await standby.query('SELECT pg_promote()');
    const port = await exchange(server, standby);
    try {
      // A new process first: no replica has adopted the timeline.
      expect(await examine(url)).toEqual({ kind: 'promoted', unheardMs: expect.any(Number) });
      await vi.waitFor(async () => await store.beat('a'), 20_000);
      expect(store.fence.fault).toBeNull();
      await store.insert(makeRun(), []);
      expect(await examine(url)).toEqual(intact);
      await take(url, 'b');
      expect(await examine(url)).toEqual(intact);
    } finally {
      await standby.stop('immediate');
      await server.start(server.archiving, port);
    }
  });

  test('a replica whose connections lead to a copy writes nothing until they lead back', async () => {
    const url = await server.createDatabase();
    await (await take(url)).close();
    const target = await template(url);
    const store = await take(url);
    const exchangeNames = async (): Promise<void> => {
      const [one, two] = [nameOf(url), nameOf(target)];
      const close = [one, two].map((name) => `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
      const reopen = [one, two].map((name) => `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
      const sessions = `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname IN ('${one}', '${two}')`;
      for (const sql of [
        ...[...close, sessions, `ALTER DATABASE ${one} RENAME TO exchanged`, `ALTER DATABASE ${two} RENAME TO ${one}`],
        ...[`ALTER DATABASE exchanged RENAME TO ${two}`, ...reopen],
      ]) {
        await server.query(sql);
      }
    };
    await exchangeNames();
    await vi.waitFor(async () => await expect(store.beat('a')).rejects.toThrow(/is another one than before/), 20_000);
    await expect(store.insert(makeRun(), [])).rejects.toThrow(/is another one/);
    await exchangeNames();
    await vi.waitFor(async () => await store.beat('a'), 20_000);
    await store.insert(makeRun(), []);
  });

  test('a replica that lived through a restore that others took writes nothing more', async () => {
    const url = await server.createDatabase();
    const [old, next] = [await take(url, 'a'), await open(url)];
    await server.query(`UPDATE fence SET place = 'elsewhere'`, nameOf(url));
    await next.fence.take(await next.fence.examine(), []);
    await expect(old.beat('a')).rejects.toThrow(/was restored/);
    await next.beat('b');
    await next.insert(makeRun(), []);
  });

  test('replicas that start at once on a copy hold its runs once, and share one epoch', async () => {
    const url = await server.createDatabase();
    const store = await take(url);
    const runs = [makeRun({ owner: 'a' }), makeRun({ phase: 'running', owner: 'a' })];
    for (const run of runs) await store.insert(run, []);
    await store.close();
    const target = await template(url);
    const stores = await Promise.all(['b', 'c', 'd'].map(() => open(target)));
    const findings = await Promise.all(stores.map(({ fence }) => fence.examine()));
    for (const finding of findings) expect(finding).toEqual(copy('another server'));
    await Promise.all(
      stores.map(async ({ fence }, at) => await fence.take(findings[at] ?? { kind: 'moved' }, ['queued'])),
    );
    await Promise.all(stores.map((each, at) => each.beat(`${at}`)));
    const [held] = await Promise.all(stores.map(({ fence }) => fence.live(10, true)));
    expect(held).toMatchObject({ counts: { queued: 1 }, oldest: [{ runId: runs[0]?.runId }] });
    expect(await stores[0]?.find(runs[0] ?? makeRun())).toMatchObject({ owner: 'held', version: 2 });
    const claimed = await stores[0]?.claim({ replica: '0', deadAfterMs: 1, limit: 10 });
    expect(claimed?.map(({ runId }) => runId)).toEqual([runs[1]?.runId]);
    await stores[1]?.fence.free();
    expect(await stores[0]?.claim({ replica: '0', deadAfterMs: 1, limit: 10 })).toMatchObject([{ version: 4 }]);
  });

  test('a user that may not read what identifies the server is told copies by the rest', async () => {
    const url = await server.createDatabase();
    await (await take(url)).close();
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(`DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN; GRANT ALL ON SCHEMA public TO plain;
      GRANT ALL ON ALL TABLES IN SCHEMA public TO plain;
      REVOKE EXECUTE ON FUNCTION pg_control_system(), pg_walfile_name(pg_lsn) FROM PUBLIC`);
    await client.end();
    const plain = new URL(url);
    plain.username = 'plain';
    const own = await open(plain.href);
    await own.fence.take({ kind: 'new', note: null }, []);
    await own.beat('a');
    await own.close();
    expect(await examine(plain.href)).toEqual(intact);
    const other = new URL(await template(url));
    other.username = 'plain';
    expect(await examine(other.href)).toEqual(copy('another server or database'));
  });

  /** The second server takes the place of the first one, at its port. Gives that. */
  async function exchange(from: PostgresServer, to: PostgresServer): Promise<number> {
    const { port } = from;
    await promoted(to);
    await from.stop('fast');
    await to.stop('fast');
    await to.start([], port);
    return port;
  }
});
