import { describe, expect, test } from 'vitest';
import type { Fire } from '../../src/contract/domain/schedule.ts';
import type { Bench } from './contract.ts';

const key = { name: 'nightly', times: '0 2 * * * UTC' };
const begun = { ...key, decidedMs: 100, waitingMs: null, last: null, lastRunId: null };
const fire = (atMs: number, more: Partial<Fire> = {}): Fire => ({
  ...{ atMs, outcome: 'started', runId: `run-${atMs}`, detail: null },
  ...more,
});

export function describeSchedules(bench: () => Bench): void {
  describe('schedules', () => {
    test('a schedule that is taken up twice keeps its first beginning, and another with other times has one of its own', async () => {
      const { store, openSecond } = bench();
      await store.schedules.begin(key, 100);
      await (await openSecond()).schedules.begin(key, 200);
      await store.schedules.begin({ ...key, times: '0 3 * * * UTC' }, 300);
      expect(await store.schedules.list()).toEqual(
        expect.arrayContaining([begun, { ...begun, times: '0 3 * * * UTC', decidedMs: 300 }]),
      );
    });

    test('a time is decided once by any number of stores, and none before a decided one', async () => {
      const { store, openSecond, reopen } = bench();
      const second = await openSecond();
      await store.schedules.begin(key, 100);
      const decisions = await Promise.all(
        [store, second, store, second].map(({ schedules }) => schedules.decide(key, fire(200))),
      );
      expect(decisions.filter((isDecided) => isDecided)).toHaveLength(1);
      expect(await second.schedules.decide(key, fire(199))).toBe(false);
      expect(await second.schedules.decide({ ...key, name: 'other' }, fire(300))).toBe(false);
      const skipped = fire(300, { outcome: 'overlapped', runId: null, detail: 'run run-200 is live' });
      expect(await second.schedules.decide(key, skipped)).toBe(true);
      // The newest run is remembered over a time that made none.
      expect(await (await reopen()).schedules.list()).toEqual([
        { ...begun, decidedMs: 300, last: skipped, lastRunId: 'run-200' },
      ]);
    });

    test('a time waits from its first notice until it or a later one is decided', async () => {
      const { store } = bench();
      await store.schedules.begin(key, 100);
      await store.schedules.wait(key, 100);
      expect(await store.schedules.list()).toEqual([begun]);
      await store.schedules.wait(key, 200);
      await store.schedules.wait(key, 300);
      expect(await store.schedules.list()).toEqual([{ ...begun, waitingMs: 200 }]);
      await store.schedules.decide(key, fire(300));
      expect(await store.schedules.list()).toMatchObject([{ waitingMs: null, decidedMs: 300 }]);
    });

    test.each([
      ['is the newest', 'goes on with schedules where it was', []],
      ['may be an old copy', 'makes no run for what is past', ['queued']],
    ] as const)('a store that %s %s', async (_kind, _effect, hold) => {
      const { schedules, fence } = bench().store;
      if (fence === null) throw new Error('the store has no fence');
      await schedules.begin(key, 100);
      await schedules.wait(key, 200);
      const beforeMs = Date.now() - 1000;
      await fence.take({ kind: 'copy', reason: 'it is one', beatAtMs: null }, hold);
      const [row] = await schedules.list();
      if (hold.length === 0) expect(row).toEqual({ ...begun, waitingMs: 200 });
      else expect(row).toMatchObject({ waitingMs: null, last: null });
      expect((row?.decidedMs ?? 0) > beforeMs).toBe(hold.length > 0);
    });

    test('a schedule that is forgotten leaves the others', async () => {
      const { store } = bench();
      const other = { ...key, times: '@hourly UTC' };
      for (const each of [key, other]) await store.schedules.begin(each, 100);
      await store.schedules.forget([key]);
      expect(await store.schedules.list()).toEqual([{ ...begun, ...other }]);
    });
  });
}
