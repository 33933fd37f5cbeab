import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { Client } from 'pg';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import { StorageFault, type Store, type StoreChange } from '../../src/contract/store/store.ts';
import { openStore } from '../../src/store/open.ts';
import { describeStore } from './contract.ts';
import { PostgresServer, startPostgres } from './postgres-server.ts';
import { all, summaryOf } from './rows.ts';
import { makeEvent, makeRun, nextVersion, silentLog } from './runs.ts';

const started = await startPostgres();

if (started instanceof PostgresServer) {
  afterAll(async () => await started.destroy());
  const shared = await started.createDatabase();
  await (await openStore(shared, { log: silentLog })).close();
  const makeUrl = async (): Promise<string> => {
    await started.clearDatabase(shared);
    return shared;
  };
  describeStore('PostgreSQL', { shared: true, makeUrl });
  describePostgres(started);
} else {
  describe.skip(`PostgreSQL store: ${started.unavailable}`, () => {
    test('every test of it', () => expect(started).toBeInstanceOf(PostgresServer));
  });
}

function describePostgres(server: PostgresServer): void {
  const opened: Store[] = [];
  const open = async (url: string): Promise<Store> => {
    const store = await openStore(url, { log: silentLog });
    opened.push(store);
    return store;
  };

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
  });

  async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client({ connectionString: url });
    await client.connect();
    return await use(client).finally(() => client.end());
  }

  /** The changes that a subscription was called with, and a wait for that of a run. */
  function record(store: Store): { heard: StoreChange[]; hearsRun: (runId: string) => Promise<void> } {
    const heard: StoreChange[] = [];
    store.subscribe((change) => heard.push(change));
    const hearsRun = async (id: string): Promise<void> => {
      await vi.waitFor(() => expect(heard).toContainEqual({ kind: 'run', id }), { timeout: 20_000, interval: 5 });
    };
    return { heard, hearsRun };
  }

  const changesOf = (...runs: readonly Run[]): readonly StoreChange[] =>
    runs.map(({ runId }) => ({ kind: 'run', id: runId }));

  describe('opening a PostgreSQL store', { timeout: 60_000 }, () => {
    test('replicas that start together on an empty database migrate it once', async () => {
      const url = await server.createDatabase();
      const stores = await Promise.all(Array.from({ length: 5 }, () => open(url)));
      await Promise.all(stores.map((store) => store.ping()));
    });

    test('a database that is newer than the program is refused', async () => {
      const url = await server.createDatabase();
      await (await open(url)).close();
      await withClient(url, async (client) => {
        await client.query("INSERT INTO rungate_migrations (version, name) VALUES (999, '0999-future.sql')");
      });
      await expect(open(url)).rejects.toThrow(/schema version 999/);
      await expect(open(url)).rejects.toThrow(StorageFault);
    });

    test('an unreachable server and an unknown database are refused', async () => {
      await expect(open('postgres://127.0.0.1:1/none')).rejects.toThrow(StorageFault);
      await expect(open(server.url('nowhere'))).rejects.toThrow(StorageFault);
    });

    test('synchronous_commit is turned on for a database that has it off', async () => {
      const url = await server.createDatabase();
      await server.query(`ALTER DATABASE ${new URL(url).pathname.slice(1)} SET synchronous_commit = off`);
      const store = await open(url);
      await withClient(url, async (client) => {
        await client.query('CREATE TABLE seen (level text)');
        await client.query(`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN new; END $$`);
        await client.query('CREATE TRIGGER note BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION note()');
        await store.insert(makeRun(), []);
        expect((await client.query('SELECT level FROM seen')).rows).toEqual([{ level: 'on' }]);
      });
    });
  });

  describe('changes told to other stores', { timeout: 60_000 }, () => {
    test('other stores hear of an update, a removal and a claim, and the one that made them does not', async () => {
      const url = await server.createDatabase();
      const [here, there] = [await open(url), await open(url)];
      const [updated, removed, claimed, last] = [
        makeRun({ owner: 'a' }),
        makeRun(),
        makeRun(),
        makeRun({ owner: 'a' }),
      ];
      for (const run of [updated, removed, last]) await here.insert(run, []);
      const [mine, theirs] = [record(here), record(there)];
      await here.update({ run: nextVersion(updated), expectedVersion: 1, events: [] });
      await theirs.hearsRun(updated.runId);
      await here.remove(removed, 1);
      await theirs.hearsRun(removed.runId);
      await here.beat('a');
      await here.insert(claimed, []);
      await here.claim({ replica: 'b', deadAfterMs: 600_000, limit: 10 });
      await theirs.hearsRun(claimed.runId);
      // Refused, so there is nothing to tell.
      await here.update({ run: nextVersion(last), expectedVersion: 7, events: [] });
      await there.update({ run: nextVersion(last), expectedVersion: 1, events: [] });
      await mine.hearsRun(last.runId);
      expect(mine.heard).toEqual(changesOf(last));
      expect(theirs.heard).toEqual(changesOf(updated, removed, claimed));
    });

    test('more changes at once than one message can hold are all heard by other stores', async () => {
      const url = await server.createDatabase();
      const [here, there] = [await open(url), await open(url)];
      const runs = Array.from({ length: 600 }, () => makeRun());
      await Promise.all(runs.map((run) => here.insert(run, [])));
      const theirs = record(there);
      const claimed = await here.claim({ replica: 'a', deadAfterMs: 600_000, limit: 1000 });
      await vi.waitFor(() => expect(theirs.heard).toHaveLength(600), { timeout: 20_000 });
      await Promise.all(claimed.map((run) => here.update({ run: nextVersion(run), expectedVersion: 2, events: [] })));
      await vi.waitFor(() => expect(theirs.heard).toHaveLength(1200), { timeout: 20_000 });
      expect(theirs.heard.every(({ kind }) => kind === 'run')).toBe(true);
      const ids = theirs.heard.map((change) => (change.kind === 'run' ? change.id : change.kind));
      expect(new Set(ids)).toEqual(new Set(runs.map((run) => run.runId)));
    });

    test('other stores hear of what the loops of runs write, and the store of the loops does not', async () => {
      const url = await server.createDatabase();
      const [here, there] = [await open(url), await open(url)];
      const runs = Array.from({ length: 400 }, () => makeRun({ owner: 'a' }));
      await Promise.all(runs.map((run) => here.insert(run, [])));
      const [mine, theirs] = [record(here), record(there)];
      const write = (run: Run) =>
        here.update({ run: nextVersion(run), expectedVersion: 1, expectedOwner: 'a', events: [] });
      expect(await Promise.all(runs.map(write))).not.toContain(false);
      const ids = () => new Set(theirs.heard.map((change) => (change.kind === 'run' ? change.id : change.kind)));
      await vi.waitFor(() => expect(ids()).toEqual(new Set(runs.map(({ runId }) => runId))), { timeout: 20_000 });
      // Refused, so there is nothing to announce.
      const refused = makeRun({ owner: 'b' });
      await here.insert(refused, []);
      expect(await write(refused)).toBe(false);
      const last = makeRun({ owner: 'a' });
      await here.insert(last, []);
      await write(last);
      await theirs.hearsRun(last.runId);
      expect(theirs.heard).not.toContainEqual({ kind: 'run', id: refused.runId });
      expect(mine.heard).toEqual([]);
    });

    test('what the loops of runs wrote last is announced before their store is closed', async () => {
      const url = await server.createDatabase();
      const [here, there] = [await openStore(url, { log: silentLog }), await open(url)];
      const run = makeRun({ owner: 'a' });
      await here.insert(run, []);
      const theirs = record(there);
      await here.update({ run: nextVersion(run), expectedVersion: 1, expectedOwner: 'a', events: [] });
      await here.close();
      await theirs.hearsRun(run.runId);
    });

    test('a subscription hears that it missed changes when its connection broke, and later changes again', async () => {
      const url = await server.createDatabase();
      const [here, there] = [await open(url), await open(url)];
      const run = makeRun();
      await here.insert(run, []);
      const theirs = record(there);
      await server.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'rungate notifications' AND datname = '${new URL(url).pathname.slice(1)}'`);
      await vi.waitFor(() => expect(theirs.heard).toEqual([{ kind: 'missed' }, { kind: 'missed' }]), {
        timeout: 20_000,
      });
      await here.update({ run: nextVersion(run), expectedVersion: 1, events: [] });
      await theirs.hearsRun(run.runId);
    });

    test('an ended subscription hears nothing more', async () => {
      const url = await server.createDatabase();
      const [here, there] = [await open(url), await open(url)];
      const run = makeRun();
      await here.insert(run, []);
      const left: StoreChange[] = [];
      there.subscribe((change) => left.push(change))();
      const theirs = record(there);
      await here.update({ run: nextVersion(run), expectedVersion: 1, events: [] });
      await theirs.hearsRun(run.runId);
      expect(left).toEqual([]);
    });
  });

  describe('faults of a PostgreSQL store', { timeout: 60_000 }, () => {
    test.each(['fast', 'immediate'] as const)(
      'while the server is down (%s) every method rejects with StorageFault, and works again afterwards',
      async (mode) => {
        const store = await open(await server.createDatabase());
        const [kept, lost, after] = [makeRun(), makeRun(), makeRun()];
        await store.insert(kept, [makeEvent(kept)]);
        const mine = record(store);
        await server.stop(mode);
        const calls = [
          store.insert(lost, [makeEvent(lost)]),
          store.update({ run: nextVersion(kept), expectedVersion: 1, events: [] }),
          store.remove(kept, 1),
          store.find(kept),
          all(store.search({ tenant: 'main', limit: 1, offset: 0 })),
          all(store.search({ tenant: 'main', limit: 1, offset: 0, metadata: { a: 1 } })),
          store.events(kept.runId, 0, 1),
          store.beat('a'),
          store.claim({ replica: 'a', deadAfterMs: 0, limit: 1 }),
          store.release('a'),
          store.expire(0, 0, 1),
          store.ping(),
        ];
        const settled = await Promise.allSettled(calls);
        const reasons = settled.map((result) => (result.status === 'rejected' ? result.reason : result));
        expect(reasons).toEqual(calls.map(() => expect.any(StorageFault)));
        await server.start();
        expect(await store.find(kept)).toEqual(kept);
        await store.insert(after, [makeEvent(after)]);
        expect(await all(store.search({ tenant: 'main', limit: 10, offset: 0 }))).toEqual([after, kept].map(summaryOf));
        // It listens again, too.
        await vi.waitFor(() => expect(mine.heard.length).toBeGreaterThanOrEqual(2), { timeout: 20_000 });
        expect(mine.heard.every(({ kind }) => kind === 'missed')).toBe(true);
      },
    );

    test('a server that no longer answers is given up in time and used again when it answers', async () => {
      const url = new URL(await server.createDatabase());
      const proxy = await openProxy(server.port);
      url.port = String(proxy.port);
      url.search = '?query_timeout=200&connectionTimeoutMillis=200';
      const store = await open(url.href);
      const [kept, lost] = [makeRun(), makeRun()];
      await store.insert(kept, []);
      proxy.hold();
      await expect(store.insert(lost, [])).rejects.toThrow(StorageFault);
      await expect(store.find(kept)).rejects.toThrow(StorageFault);
      proxy.release();
      expect(await store.find(kept)).toEqual(kept);
      await store.close();
      await proxy.close();
    });

    test('updates that deadlock with another program are retried', async () => {
      const url = await server.createDatabase();
      // A session looks for a deadlock once, this long after its wait began: the other program has to be waiting by then.
      await server.query(`ALTER DATABASE ${new URL(url).pathname.slice(1)} SET deadlock_timeout = '1s'`);
      const store = await open(url);
      const runs = [makeRun(), makeRun()];
      for (const run of runs) await store.insert(run, []);
      const ids = runs.map((run) => run.runId);
      // Which row the store's statement locks first is the server's choice: one of the two orders collides.
      for (const [index, [first, second]] of [ids, ids.toReversed()].entries()) {
        await withClient(url, async (other) => {
          // The store is to find the deadlock, and to be its victim.
          await other.query("SET deadlock_timeout = '1min'");
          await other.query('BEGIN');
          await other.query('SELECT FROM runs WHERE run_id = $1 FOR UPDATE', [first]);
          const updates = runs.map((run) => {
            const changed = { ...run, version: index + 2, attempts: index + 1 };
            return store.update({ run: changed, expectedVersion: index + 1, events: [] });
          });
          const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
          await vi.waitFor(
            async () => {
              // Inside a transaction the view is read once, and then stays as it was.
              await other.query('SELECT pg_stat_clear_snapshot()');
              expect((await other.query(waiting)).rowCount).toBe(1);
            },
            { timeout: 20_000, interval: 5 },
          );
          await other.query('SELECT FROM runs WHERE run_id = $1 FOR UPDATE', [second]);
          await other.query('COMMIT');
          expect(await Promise.all(updates)).toEqual([true, true]);
        });
      }
      await withClient(url, async (client) => {
        await vi.waitFor(
          async () => {
            const { rows } = await client.query(
              'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
            );
            expect(rows[0].deadlocks).toBeGreaterThan(0);
          },
          { timeout: 20_000 },
        );
      });
      for (const run of runs) expect((await store.find(run))?.attempts).toBe(2);
    });
  });
}

/** A TCP proxy that can stop to forward, as a network that swallows everything. */
async function openProxy(port: number) {
  const sockets = new Set<Socket>();
  let held = false;
  const proxy = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => {
        if (!held) to.write(chunk);
      });
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    port: (proxy.address() as { port: number }).port,
    hold: () => {
      held = true;
    },
    release: () => {
      held = false;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
