import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import type { Admission, Thread } from '../../src/contract/domain/thread.ts';
import type { Bench } from './contract.ts';
import { all } from './rows.ts';
import { makeEvent, makeRun } from './runs.ts';
import { makeThread } from './threads.ts';

export function describeThreadMetadata(bench: () => Bench): void {
  async function insertThread(difference: Partial<Thread> = {}): Promise<Thread> {
    const thread = makeThread(difference);
    expect(await bench().store.threads.insertThread(thread)).toBe(true);
    return thread;
  }

  const refuseBusy = { refuseBusy: true };
  const admitAll = { refuseBusy: false };

  describe('metadata of threads that runs note', () => {
    test('a run merges metadata into that of its thread, which a search then finds, and a refused run does not', async () => {
      const { store } = bench();
      const odd = { text: 'nul \u0000 lone \ud800', deep: { list: [1, null] } };
      const thread = await insertThread({ metadata: { kept: odd, graph_id: 'old' } });
      const note = async (metadata: JsonObject, more: Partial<Admission> = {}) => {
        const run = makeRun({ threadId: thread.threadId });
        return (await store.insert(run, [makeEvent(run)], undefined, { ...admitAll, metadata, ...more })).kind;
      };
      expect(await note({ graph_id: 'echo', 'new\u0000': odd })).toBe('inserted');
      const merged = { kept: odd, graph_id: 'echo', 'new\u0000': odd };
      expect((await store.threads.findThread(thread))?.metadata).toEqual(merged);
      const find = (metadata: JsonObject) =>
        all(store.threads.searchThreads({ tenant: 'main', metadata, limit: 9, offset: 0 }));
      expect(await find({ graph_id: 'echo' })).toHaveLength(1);
      expect(await find({ graph_id: 'old' })).toEqual([]);
      expect(await note({ graph_id: 'busy' }, refuseBusy)).toBe('thread-busy');
      expect(await note({ graph_id: 'echo' })).toBe('inserted');
      expect((await store.threads.findThread(thread))?.metadata).toEqual(merged);
    });

    test('the metadata of many runs at once, in one new thread and from two processes, are all in it', async () => {
      const { store, openSecond } = bench();
      const second = await openSecond();
      const admissions = Array.from({ length: 12 }, (_, n) => {
        const metadata = { [`key-${n}`]: n };
        return { ...admitAll, metadata, create: makeThread({ threadId: 'shared', metadata }) };
      });
      const inserted = await Promise.all(
        admissions.map((admission, n) => {
          const run = makeRun({ threadId: 'shared' });
          return (n % 2 ? store : second).insert(run, [makeEvent(run)], undefined, admission);
        }),
      );
      expect(new Set(inserted.map(({ kind }) => kind))).toEqual(new Set(['inserted']));
      const found = await store.threads.findThread({ tenant: 'main', threadId: 'shared' });
      expect(found?.metadata).toEqual(Object.assign({}, ...admissions.map(({ metadata }) => metadata)));
    });

    test('metadata that a client patches while runs come is not lost, and neither is theirs', async () => {
      const { store, openSecond } = bench();
      const second = await openSecond();
      const thread = await insertThread({ metadata: { first: true } });
      const patch = async (n: number): Promise<void> => {
        for (;;) {
          const now = (await second.threads.findThread(thread)) ?? thread;
          const next = { ...now, metadata: { ...now.metadata, [`patch-${n}`]: n } };
          if (await second.threads.updateThread(next, now.version, null)) return;
        }
      };
      const join = async (n: number): Promise<void> => {
        const run = makeRun({ threadId: thread.threadId });
        const admission = { ...admitAll, metadata: { [`run-${n}`]: n } };
        expect((await store.insert(run, [makeEvent(run)], undefined, admission)).kind).toBe('inserted');
      };
      const numbers = [0, 1, 2, 3, 4, 5];
      await Promise.all(numbers.flatMap((n) => [patch(n), join(n)]));
      const expected = Object.fromEntries(
        numbers.flatMap((n) => [
          [`patch-${n}`, n],
          [`run-${n}`, n],
        ]),
      );
      expect((await store.threads.findThread(thread))?.metadata).toEqual({ first: true, ...expected });
    });
  });
}
