import { describe, expect, test } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import type { Thread } from '../../src/contract/domain/thread.ts';
import type { Store } from '../../src/contract/store/store.ts';
import type { Bench } from './contract.ts';
import { makeDone, makeRun, nextVersion } from './runs.ts';
import { endRun, insertRun, makeThread, stepRun } from './threads.ts';

export function describeThreadTurns(bench: () => Bench): void {
  async function insertThread(difference: Partial<Thread> = {}): Promise<Thread> {
    const thread = makeThread(difference);
    expect(await bench().store.threads.insertThread(thread)).toBe(true);
    return thread;
  }

  const admitAll = { refuseBusy: false };

  describe('the turn of a run', () => {
    test('a thread is given to one live run, and to the same run again', async () => {
      const { store } = bench();
      const thread = await insertThread();
      const [first, second] = [await insertRun(store, thread.threadId), await insertRun(store, thread.threadId)];
      expect(await store.threads.acquireThread(thread.threadId, first.runId)).toBe(true);
      const held = await store.threads.findThread(thread);
      expect(held).toMatchObject({ activeRunId: first.runId, version: 4 });
      expect(await store.threads.acquireThread(thread.threadId, first.runId)).toBe(true);
      expect(await store.threads.acquireThread(thread.threadId, second.runId)).toBe(false);
      expect(await store.threads.findThread(thread)).toEqual(held);
      await endRun(store, first);
      expect(await store.threads.acquireThread(thread.threadId, second.runId)).toBe(true);
    });

    test('waiting runs get the thread in the order in which they come due, whichever asks first', async () => {
      const { store, openSecond } = bench();
      const second = await openSecond();
      const thread = await insertThread();
      const { threadId } = thread;
      const text = { '"afterMs":1': '\\u0000 {"afterMs":1', afterMs: 1 };
      const runs = [
        makeRun({ threadId, createdAtMs: 2000, request: { input: text } }),
        makeRun({ threadId, createdAtMs: 1000, request: { input: text, afterMs: 5000 } }),
        makeRun({ threadId, createdAtMs: 6000, request: {} }),
        makeRun({ threadId, createdAtMs: 3000, request: {} }),
        makeRun({ threadId, createdAtMs: 1500, request: { afterMs: 0 } }),
      ];
      for (const run of runs) await store.insert(run, [], undefined, admitAll);
      const order: number[] = [];
      for (const _ of runs) {
        for (const [at, run] of runs.entries()) {
          if (order.includes(at) || !(await second.threads.acquireThread(threadId, run.runId))) continue;
          order.push(at);
          await endRun(store, run);
          break;
        }
      }
      // The delayed run and the one after it are due at the same moment; the older id goes first.
      expect(order).toEqual([4, 0, 3, 1, 2]);
    });

    test('a thread passes on from a run that ended or was removed without releasing it', async () => {
      const { store } = bench();
      const thread = await insertThread();
      const runs = [0, 1].map(() => makeRun({ threadId: thread.threadId }));
      for (const run of runs) await store.insert(run, []);
      const [first, second] = runs as [Run, Run];
      await store.threads.acquireThread(thread.threadId, first.runId);
      await store.update({ run: makeDone(first, 9000), expectedVersion: 1, events: [] });
      expect(await store.threads.acquireThread(thread.threadId, second.runId)).toBe(true);
      expect((await store.threads.findThread(thread))?.activeRunId).toBe(second.runId);
      const lost = await insertThread({ activeRunId: 'no run' });
      const third = await insertRun(store, lost.threadId);
      expect(await store.threads.acquireThread(lost.threadId, third.runId)).toBe(true);
    });

    test('a run that is done, unknown or of another thread does not get the thread', async () => {
      const { store } = bench();
      const [thread, other] = [await insertThread(), await insertThread()];
      const done = await endRun(store, await insertRun(store, thread.threadId));
      const elsewhere = await insertRun(store, other.threadId);
      for (const { runId } of [done, elsewhere, makeRun()]) {
        expect(await store.threads.acquireThread(thread.threadId, runId)).toBe(false);
      }
      expect(await store.threads.acquireThread('unknown', elsewhere.runId)).toBe(false);
      expect((await store.threads.findThread(thread))?.activeRunId).toBeNull();
    });

    test('of many runs that ask at once exactly one gets the thread', async () => {
      const { store, openSecond } = bench();
      const stores: readonly Store[] = [store, await openSecond()];
      const thread = await insertThread();
      let inside = 0;
      const follow = async (at: number): Promise<void> => {
        const mine = stores[at % 2] ?? store;
        const run = await insertRun(mine, thread.threadId);
        while (!(await mine.threads.acquireThread(thread.threadId, run.runId)));
        inside++;
        expect(inside).toBe(1);
        await stepRun(mine, run, { status: 'busy', release: false }, { phase: 'running' });
        expect(inside).toBe(1);
        inside--;
        await endRun(mine, nextVersion(run, { phase: 'running' }));
      };
      await Promise.all(Array.from({ length: 12 }, (_, at) => follow(at)));
      expect(await store.threads.findThread(thread)).toMatchObject({ status: 'idle', activeRunId: null });
    });
  });
}
