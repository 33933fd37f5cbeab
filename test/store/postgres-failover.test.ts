import { afterAll, describe, expect, test, vi } from 'vitest';
import { StorageFault, type Store } from '../../src/contract/store/store.ts';
import { openStore } from '../../src/store/open.ts';
import { ServerPair } from '../torture/standby.ts';
import { PostgresServer, startPostgres } from './postgres-server.ts';
import { makeRun, nextVersion, silentLog } from './runs.ts';

const started = await startPostgres();
const reason = started instanceof PostgresServer ? null : started.unavailable;

describe.skipIf(reason !== null)(
  `a failover to another PostgreSQL server${reason === null ? '' : ` (${reason})`}`,
  { timeout: 120_000 },
  () => {
    const server = started as PostgresServer;
    const undo: (() => Promise<void>)[] = [];
    afterAll(async () => {
      for (const step of undo.toReversed()) await step();
      if (reason === null) await server.destroy();
    });

    test('a store goes on at the promoted server with all that was acknowledged, and refuses the one that it replaced', async () => {
      const direct = await server.createDatabase();
      const pair = await ServerPair.of(server);
      undo.push(() => pair.close());
      const url = pair.url(direct);
      const open = async (): Promise<Store> => {
        const store = await openStore(url, { log: silentLog });
        undo.push(() => store.close());
        return store;
      };
      const store = await open();
      const runs = Array.from({ length: 50 }, () => makeRun());
      await Promise.all(runs.map((run) => store.insert(run, [])));
      await pair.failOver();
      // The old primary is back by now, and takes writes.
      const [run] = runs;
      if (run === undefined) throw new Error('no run');
      await vi.waitFor(
        async () => {
          const isWritten = await store.update({ run: nextVersion(run), expectedVersion: 1, events: [] });
          expect(isWritten).toBe(true);
        },
        { timeout: 60_000, interval: 50 },
      );
      const found = await Promise.all(runs.map((each) => store.find(each)));
      expect(found.map((each) => each?.version)).toEqual(runs.map((each) => (each === run ? 2 : 1)));
      // A process that starts now has seen neither of the servers before.
      const fresh = await open();
      expect((await fresh.find(run))?.version).toBe(2);
      await pair.stopPromoted();
      await vi.waitFor(async () => await expect(store.ping()).rejects.toThrow(/replaced/), {
        timeout: 60_000,
        interval: 50,
      });
      await expect(store.insert(makeRun(), [])).rejects.toThrow(StorageFault);
    });
  },
);
