import { describe, expect, test } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import type { Store } from '../../src/contract/store/store.ts';
import type { Bench } from './contract.ts';
import { all } from './rows.ts';
import { makeRun, nextVersion } from './runs.ts';

const longMs = 600_000;

export function describeClaims(bench: () => Bench): void {
  async function insertAll(store: Store, runs: readonly Run[]): Promise<void> {
    await Promise.all(runs.map((run) => store.insert(run, [])));
  }

  describe('claims', () => {
    test('runs without an owner and runs of an owner that never lived are claimed with a new version', async () => {
      const { store } = bench();
      const runs = [makeRun(), makeRun({ owner: 'never' }), makeRun({ phase: 'interrupted', status: 'interrupted' })];
      await insertAll(store, runs);
      const claimed = await store.claim({ replica: 'a', deadAfterMs: longMs, limit: 10 });
      expect(claimed).toEqual(runs.map((run) => ({ ...run, owner: 'a', version: 2 })));
      expect(await store.find(runs[1] ?? makeRun())).toEqual(claimed[1]);
    });

    test('ended runs, own runs and runs of a live replica are not claimed', async () => {
      const { store } = bench();
      await store.beat('b');
      await insertAll(store, [
        makeRun({ phase: 'done', status: 'success' }),
        makeRun({ owner: 'a' }),
        makeRun({ owner: 'b' }),
      ]);
      expect(await store.claim({ replica: 'a', deadAfterMs: longMs, limit: 10 })).toEqual([]);
    });

    test('a replica counts as dead once its last heartbeat is too old', async () => {
      const { store } = bench();
      const run = makeRun({ owner: 'b' });
      await store.beat('b');
      await store.insert(run, []);
      expect(await store.claim({ replica: 'a', deadAfterMs: longMs, limit: 10 })).toEqual([]);
      expect(await store.claim({ replica: 'a', deadAfterMs: 0, limit: 10 })).toHaveLength(1);
    });

    test('the runs of a replica that left can be claimed at once', async () => {
      const { store } = bench();
      await store.beat('b');
      await store.insert(makeRun({ owner: 'b' }), []);
      await store.release('b');
      expect(await store.claim({ replica: 'a', deadAfterMs: longMs, limit: 10 })).toHaveLength(1);
    });

    test('claiming runs counts as a heartbeat of the claimer', async () => {
      const { store } = bench();
      await store.insert(makeRun(), []);
      expect(await store.claim({ replica: 'a', deadAfterMs: longMs, limit: 10 })).toHaveLength(1);
      expect(await store.claim({ replica: 'b', deadAfterMs: longMs, limit: 10 })).toEqual([]);
    });

    test('the runs that a replica owns are listed in the order of their ids, page by page', async () => {
      const { store } = bench();
      const runs = Array.from({ length: 5 }, () => makeRun({ owner: 'a' }));
      await insertAll(store, [
        ...runs.toReversed(),
        makeRun(),
        makeRun({ owner: 'b' }),
        makeRun({ owner: 'a', phase: 'done', status: 'success' }),
      ]);
      const first = await store.owned('a', null, 3);
      expect([...first, ...(await store.owned('a', first.at(-1)?.runId ?? null, 3))]).toEqual(runs);
      expect(await store.owned('a', runs.at(-1)?.runId ?? null, 3)).toEqual([]);
    });

    test('a claim takes the oldest runs first, across all dead owners', async () => {
      const { store } = bench();
      const runs = Array.from({ length: 9 }, (_, index) => makeRun({ owner: [null, 'x', 'y'][index % 3] ?? null }));
      await insertAll(store, runs.toReversed());
      const batches: (readonly string[])[] = [];
      for (let more = true; more; ) {
        const claimed = await store.claim({ replica: 'a', deadAfterMs: longMs, limit: 4 });
        batches.push(claimed.map((run) => run.runId));
        more = claimed.length === 4;
      }
      const ids = runs.map((run) => run.runId);
      expect(batches).toEqual([ids.slice(0, 4), ids.slice(4, 8), ids.slice(8)]);
    });

    test('two replicas that claim at once get different runs, and together all of them', async () => {
      const { store, openSecond } = bench();
      const second = await openSecond();
      const runs = Array.from({ length: 200 }, () => makeRun({ owner: 'dead' }));
      await insertAll(store, runs);
      const drain = async (from: Store, replica: string): Promise<readonly string[]> => {
        const mine: string[] = [];
        // A claimer may find nothing while the other holds the rest, so only the sum of both is asserted.
        for (let round = 0; round < 20; round++) {
          mine.push(...(await from.claim({ replica, deadAfterMs: longMs, limit: 20 })).map((run) => run.runId));
        }
        return mine;
      };
      const [a, b] = await Promise.all([drain(store, 'a'), drain(second, 'b')]);
      expect([...a, ...b].toSorted()).toEqual(runs.map((run) => run.runId));
      const found = await all(store.search({ tenant: 'main', limit: 1000, offset: 0 }));
      const owners = new Set(await Promise.all(found.map(async (run) => (await store.find(run))?.owner)));
      expect(found).toHaveLength(runs.length);
      expect(owners.has('dead')).toBe(false);
    });

    test('an owner that lost its run cannot write it any more', async () => {
      const { store } = bench();
      const run = makeRun({ owner: 'paused' });
      await store.insert(run, []);
      const [claimed] = await store.claim({ replica: 'a', deadAfterMs: 0, limit: 1 });
      const late = nextVersion(run, { phase: 'done', status: 'error' });
      expect(await store.update({ run: late, expectedVersion: 1, expectedOwner: 'paused', events: [] })).toBe(false);
      expect(await store.find(run)).toEqual(claimed);
    });
  });
}
