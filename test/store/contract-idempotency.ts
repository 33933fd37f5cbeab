import { describe, expect, test } from 'vitest';
import type { Idempotency } from '../../src/contract/store/store.ts';
import type { Bench } from './contract.ts';
import { all } from './rows.ts';
import { makeEvent, makeRun } from './runs.ts';

function makeKey(difference: Partial<Idempotency> = {}): Idempotency {
  return { tenant: 'main', key: 'key-1', fingerprint: 'f1', expiresAtMs: Date.now() + 600_000, ...difference };
}

export function describeIdempotency(bench: () => Bench): void {
  describe('idempotency keys', () => {
    test('a second insert with the same idempotency key and fingerprint gives the first run and writes nothing', async () => {
      const { store } = bench();
      const [first, second] = [makeRun(), makeRun()];
      expect(await store.insert(first, [], makeKey())).toEqual({ kind: 'inserted' });
      const replay = await store.insert(second, [makeEvent(second)], makeKey());
      expect(replay).toEqual({ kind: 'replayed', runId: first.runId });
      expect(await store.find(second)).toBeNull();
      expect(await store.events(second.runId, 0, 10)).toEqual([]);
    });

    test('an insert with a used idempotency key and another fingerprint is a mismatch and writes nothing', async () => {
      const { store } = bench();
      const second = makeRun();
      await store.insert(makeRun(), [], makeKey());
      expect(await store.insert(second, [], makeKey({ fingerprint: 'f2' }))).toEqual({ kind: 'mismatch' });
      expect(await store.find(second)).toBeNull();
    });

    test('another idempotency key, the same key of another tenant, and no key at all insert a run', async () => {
      const { store } = bench();
      await store.insert(makeRun(), [], makeKey());
      const kinds = await Promise.all([
        store.insert(makeRun(), [], makeKey({ key: 'key-2' })),
        store.insert(makeRun(), [], makeKey({ tenant: 'other', fingerprint: 'f2' })),
        store.insert(makeRun(), []),
      ]);
      expect(kinds).toEqual([{ kind: 'inserted' }, { kind: 'inserted' }, { kind: 'inserted' }]);
    });

    test('an expired idempotency key counts as unused and is taken by the next insert', async () => {
      const { store } = bench();
      const second = makeRun();
      await store.insert(makeRun(), [], makeKey({ expiresAtMs: Date.now() - 60_000 }));
      expect(await store.insert(second, [], makeKey({ fingerprint: 'f2' }))).toEqual({ kind: 'inserted' });
      expect(await store.insert(makeRun(), [], makeKey({ fingerprint: 'f2' }))).toEqual({
        kind: 'replayed',
        runId: second.runId,
      });
    });

    test('expire removes expired idempotency keys only', async () => {
      const { store } = bench();
      const [dead, alive] = [makeKey({ key: 'dead', expiresAtMs: Date.now() + 300_000 }), makeKey()];
      await store.insert(makeRun(), [], dead);
      await store.insert(makeRun(), [], alive);
      await store.expire(0, Date.now() + 400_000, 10);
      expect(await store.insert(makeRun(), [], { ...dead, fingerprint: 'f2' })).toEqual({ kind: 'inserted' });
      expect((await store.insert(makeRun(), [], alive)).kind).toBe('replayed');
    });

    test('many inserts at once with one idempotency key make one run', async () => {
      const { store, openSecond } = bench();
      const second = await openSecond();
      const runs = Array.from({ length: 20 }, () => makeRun());
      const inserter = await Promise.all(
        runs.map((run, index) => (index % 2 ? store : second).insert(run, [], makeKey())),
      );
      const winners = runs.filter((_, index) => inserter[index]?.kind === 'inserted');
      expect(winners).toHaveLength(1);
      const replays = inserter.filter((insertion) => insertion.kind === 'replayed');
      expect(new Set(replays.map((replay) => replay.runId))).toEqual(new Set(winners.map((run) => run.runId)));
      expect(replays).toHaveLength(19);
      expect(await all(store.search({ tenant: 'main', limit: 100, offset: 0 }))).toHaveLength(1);
    });

    test('a failed insert leaves its idempotency key unused', async () => {
      const { store } = bench();
      const run = makeRun();
      await store.insert(run, []);
      await expect(store.insert(run, [], makeKey())).rejects.toThrow();
      expect(await store.insert(makeRun(), [], makeKey())).toEqual({ kind: 'inserted' });
    });
  });
}
