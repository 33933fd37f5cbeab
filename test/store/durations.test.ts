import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { Store } from '../../src/contract/store/store.ts';
import { openStore } from '../../src/store/open.ts';
import { PostgresServer, startPostgres } from './postgres-server.ts';
import { silentLog } from './runs.ts';

const directory = mkdtempSync(join(tmpdir(), 'rungate-durations-'));
let made = 0;
afterAll(() => rmSync(directory, { recursive: true }));

describeDurations('SQLite', async () => `sqlite:${join(directory, String(++made), 'rungate.db')}`);

const started = await startPostgres();
if (started instanceof PostgresServer) {
  afterAll(async () => await started.destroy());
  describeDurations('PostgreSQL', async () => await started.createDatabase());
} else {
  describe.skip(`PostgreSQL: ${started.unavailable}`, () => {
    test('every test of it', () => expect(started).toBeInstanceOf(PostgresServer));
  });
}

/** What `contract/store/duration-store.ts` promises, tried on one implementation. */
function describeDurations(name: string, makeUrl: () => Promise<string>): void {
  describe(`${name}: durations`, () => {
    const opened: Store[] = [];
    const open = async (url: string): Promise<Store> => {
      const store = await openStore(url, { log: silentLog });
      opened.push(store);
      return store;
    };
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()));
    });

    test('the newest durations of an agent come back oldest first, without those of other agents', async () => {
      const { durations } = await open(await makeUrl());
      expect(await durations.newest('a', 10)).toEqual([]);
      expect(await durations.add('a', [5, 3, 9], 10)).toEqual([5, 3, 9]);
      expect(await durations.add('b', [7], 10)).toEqual([7]);
      expect(await durations.add('a', [1], 10)).toEqual([5, 3, 9, 1]);
      expect(await durations.newest('a', 2)).toEqual([9, 1]);
      expect(await durations.newest('b', 2)).toEqual([7]);
    });

    test('durations are bounded in number and outlive the process', async () => {
      const url = await makeUrl();
      const first = await open(url);
      for (let from = 0; from < 30; from += 10) {
        await first.durations.add(
          'a',
          Array.from({ length: 10 }, (_, index) => from + index),
          15,
        );
      }
      await first.close();
      const second = await open(url);
      expect(await second.durations.newest('a', 1000)).toEqual(Array.from({ length: 15 }, (_, index) => 15 + index));
    });
  });
}
