import pg from 'pg';
import { afterAll, describe, expect, test, vi } from 'vitest';
import type { Store } from '../../src/contract/store/store.ts';
import { openStore } from '../../src/store/open.ts';
import { PostgresServer, startPostgres } from './postgres-server.ts';
import { silentLog as log, makeRun, nextVersion } from './runs.ts';

const started = await startPostgres();
const reason = started instanceof PostgresServer ? null : started.unavailable;
/** Shorter than the time between two probes, which find another store in any case. */
const patience = { timeout: 10_000, interval: 5 };
const channel = 'rungate_runs';

describe.skipIf(reason !== null)(`announcements${reason === null ? '' : ` (${reason})`}`, () => {
  const server = started as PostgresServer;
  afterAll(async () => {
    if (reason === null) await server.destroy();
  });

  const open = async (url: string) => {
    const store = await openStore(url, { log });
    return { store, [Symbol.asyncDispose]: () => store.close() };
  };

  /** Hears what stores announce, and is no store. */
  async function eavesdrop(url: string) {
    const client = new pg.Client({ connectionString: url, application_name: 'a monitor' });
    await client.connect();
    await client.query(`LISTEN ${channel}`);
    const heard: string[] = [];
    client.on('notification', ({ payload = '' }) => heard.push(payload));
    return {
      heard,
      /** Says something, so that what was announced before has been heard. */
      async mark(word: string): Promise<void> {
        await client.query('SELECT pg_notify($1, $2)', [channel, `monitor ${word} 0`]);
        await vi.waitFor(() => expect(heard).toContain(`monitor ${word} 0`), patience);
      },
      end: (pid: string) => client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${pid}`),
      [Symbol.asyncDispose]: () => client.end(),
    };
  }

  /** A change as the loop of a run writes it; resolves once it is announced, if it is. */
  async function change(store: Store): Promise<string> {
    const run = makeRun({ owner: 'a' });
    await store.insert(run, []);
    await store.update({ run: nextVersion(run), expectedVersion: 1, expectedOwner: 'a', events: [] });
    return run.runId;
  }

  test('a store announces the changes of runs from the moment on in which another one has opened, and not before', async () => {
    const url = await server.createDatabase();
    await using monitor = await eavesdrop(url);
    await using here = await open(url);
    const unheard = await change(here.store);
    await using there = await open(url);
    const changes: unknown[] = [];
    there.store.subscribe((each) => changes.push(each));
    // What the new store says of itself may be under way still.
    await vi.waitFor(async () => {
      const runId = await change(here.store);
      await vi.waitFor(() => expect(changes).toContainEqual({ kind: 'run', id: runId }), { timeout: 500, interval: 5 });
    }, patience);
    expect(monitor.heard.join()).not.toContain(unheard);
  }, 60_000);

  test('both of two stores that open at the same time announce to each other', async () => {
    const url = await server.createDatabase();
    const [one, other] = await Promise.all([open(url), open(url)]);
    const heard: unknown[] = [];
    one.store.subscribe((each) => heard.push(each));
    other.store.subscribe((each) => heard.push(each));
    const ids = [await change(one.store), await change(other.store)];
    await vi.waitFor(
      () => expect(heard).toEqual(expect.arrayContaining(ids.map((id) => ({ kind: 'run', id })))),
      patience,
    );
    await Promise.all([one.store.close(), other.store.close()]);
  }, 60_000);

  test('a store whose connection for notifications is opened anew after the last other one has closed announces nothing more', async () => {
    const url = await server.createDatabase();
    await using monitor = await eavesdrop(url);
    await using here = await open(url);
    const there = await openStore(url, { log });
    await there.close();
    const kinds: string[] = [];
    here.store.subscribe(({ kind }) => kinds.push(kind));
    await vi.waitFor(async () => {
      const { rowCount } = await monitor.end("application_name = 'rungate notifications'");
      expect(rowCount).toBe(1);
    }, patience);
    // Once when it is lost, and once when it is back.
    await vi.waitFor(() => expect(kinds).toEqual(['missed', 'missed']), patience);
    const unheard = await change(here.store);
    await here.store.close();
    await monitor.mark('closed');
    expect(monitor.heard.join()).not.toContain(unheard);
  }, 60_000);
});
