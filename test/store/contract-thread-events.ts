import { describe, expect, test } from 'vitest';
import type { ThreadEvent } from '../../src/contract/domain/event.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import type { Thread } from '../../src/contract/domain/thread.ts';
import type { Bench } from './contract.ts';
import { makeDone, makeEvent, makeRun, nextVersion } from './runs.ts';
import { endRun, insertRun, makeThread, stepRun } from './threads.ts';

const busy = { status: 'busy', release: false } as const;

export function describeThreadEvents(bench: () => Bench): void {
  async function insertThread(difference: Partial<Thread> = {}): Promise<Thread> {
    const thread = makeThread(difference);
    expect(await bench().store.threads.insertThread(thread)).toBe(true);
    return thread;
  }

  const read = ({ tenant, threadId }: Thread, more: { afterSeq?: number; limit?: number; agentIds?: string[] } = {}) =>
    bench().store.threads.threadEvents({ tenant, threadId, afterSeq: 0, limit: 100, ...more });
  const places = (events: readonly ThreadEvent[]) => events.map(({ runId, seq }) => [runId, seq]);
  const numbers = (events: readonly ThreadEvent[]) => events.map(({ threadSeq }) => threadSeq);
  const ascend = (seqs: readonly number[]) => expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b));

  describe('events of a thread', () => {
    test('the events of a thread come in the order in which they were written, across all its runs', async () => {
      const { store } = bench();
      const thread = await insertThread();
      let first = await insertRun(store, thread.threadId);
      let second = await insertRun(store, thread.threadId);
      await insertRun(store, (await insertThread()).threadId);
      first = await stepRun(store, first, busy, { phase: 'running' });
      second = await stepRun(store, second, busy, { phase: 'running' });
      first = await endRun(store, first);
      const events = await read(thread);
      expect(places(events)).toEqual([
        [first.runId, 1],
        [second.runId, 1],
        [first.runId, 2],
        [second.runId, 2],
        [first.runId, 3],
      ]);
      ascend(numbers(events));
      const [own] = await store.events(first.runId, 2, 1);
      expect(events.at(-1)).toEqual({ ...own, threadSeq: numbers(events).at(-1) });
      expect((await store.threads.findThread(thread))?.version).toBe(numbers(events).at(-1));
    });

    test('the events of a thread are read on from any of them, up to a limit', async () => {
      const { store } = bench();
      const thread = await insertThread();
      let run = await insertRun(store, thread.threadId);
      for (let step = 0; step < 6; step++) run = await stepRun(store, run, busy, { phase: 'running' });
      const all = await read(thread);
      const paged: ThreadEvent[] = [];
      for (;;) {
        const page = await read(thread, { afterSeq: paged.at(-1)?.threadSeq ?? 0, limit: 2 });
        if (page.length === 0) break;
        paged.push(...page);
      }
      expect(paged).toEqual(all);
      expect(all).toHaveLength(7);
    });

    test('each event of one write has its own number in the thread', async () => {
      const { store } = bench();
      const thread = await insertThread();
      const run = makeRun({ threadId: thread.threadId, lastSeq: 2 });
      const born = [makeEvent({ ...run, lastSeq: 1 }), makeEvent(run)];
      await store.insert(run, born, undefined, { refuseBusy: true });
      const next = nextVersion(run, { lastSeq: 4 });
      const events = [makeEvent({ ...next, lastSeq: 3 }), makeEvent(next)];
      await store.update({ run: next, expectedVersion: run.version, events, thread: busy });
      const found = await read(thread);
      expect(found.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
      ascend(numbers(found));
      expect((await store.threads.findThread(thread))?.version).toBe(numbers(found).at(-1));
    });

    test('a number of an event in a thread is given once, whatever is removed', async () => {
      const { store } = bench();
      const thread = await insertThread();
      const run = await endRun(store, await insertRun(store, thread.threadId));
      const before = numbers(await read(thread));
      expect(await store.remove(run, run.version)).toBe(true);
      expect(await read(thread)).toEqual([]);
      await insertRun(store, thread.threadId);
      const after = numbers(await read(thread));
      expect(Math.min(...after)).toBeGreaterThan(Math.max(...before));
    });

    test('events of a new thread continue after those of a removed thread with the same id', async () => {
      const { store } = bench();
      const thread = await insertThread();
      let run = await insertRun(store, thread.threadId);
      for (let step = 0; step < 3; step++) run = await stepRun(store, run, busy, { phase: 'running' });
      await endRun(store, run, { remove: true });
      const before = numbers(await read(thread));
      expect(before).toHaveLength(5);
      const again = makeRun({ threadId: thread.threadId });
      const create = makeThread({ threadId: thread.threadId });
      await store.insert(again, [makeEvent(again)], undefined, { refuseBusy: true, create });
      const after = await read(thread, { afterSeq: Math.max(...before) });
      expect(places(after)).toEqual([[again.runId, 1]]);
      expect((await store.threads.findThread(thread))?.version).toBe(numbers(after)[0]);
    });

    test('the events of a thread go with it and belong to no other thread', async () => {
      const { store } = bench();
      const thread = await insertThread();
      await endRun(store, await insertRun(store, thread.threadId));
      expect(await read({ ...thread, tenant: 'theirs' })).toEqual([]);
      expect(await read(await insertThread())).toEqual([]);
      expect(await read(thread)).toHaveLength(2);
      await store.threads.removeThread(thread, false);
      expect(await read(thread)).toEqual([]);
    });

    test('the events of a thread can be narrowed to those of some agents', async () => {
      const { store } = bench();
      const thread = await insertThread();
      const one = await insertRun(store, thread.threadId, { agentId: 'a' });
      const two = await insertRun(store, thread.threadId, { agentId: 'b' });
      const runsOf = async (agentIds: string[]) => (await read(thread, { agentIds })).map(({ runId }) => runId);
      expect(await runsOf(['b', 'c'])).toEqual([two.runId]);
      expect(await runsOf(['a', 'b'])).toEqual([one.runId, two.runId]);
      expect(await runsOf([])).toEqual([]);
    });

    test('a refused write adds no events to a thread', async () => {
      const { store } = bench();
      const thread = await insertThread();
      const run = await insertRun(store, thread.threadId);
      const ended: Run = makeDone(run, run.updatedAtMs);
      const update = { run: ended, expectedVersion: 9, events: [makeEvent(ended)], thread: busy };
      expect(await store.update(update)).toBe(false);
      expect(await read(thread)).toHaveLength(1);
    });

    test('the first live event of a thread is that of its oldest live run', async () => {
      const { store } = bench();
      const thread = await insertThread();
      expect(await store.threads.firstLiveSeq(thread)).toBeNull();
      const over = await insertRun(store, thread.threadId);
      const live = await insertRun(store, thread.threadId);
      await insertRun(store, thread.threadId);
      await endRun(store, over);
      const born = (await read(thread)).find(({ runId }) => runId === live.runId);
      expect(await store.threads.firstLiveSeq(thread)).toBe(born?.threadSeq);
      expect(await store.threads.firstLiveSeq({ ...thread, tenant: 'theirs' })).toBeNull();
    });
  });
}
