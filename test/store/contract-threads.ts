import { v4 as uuidv4 } from 'uuid';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Thread } from '../../src/contract/domain/thread.ts';
import type { Bench } from './contract.ts';
import { all } from './rows.ts';
import { makeRun } from './runs.ts';
import { endRun, insertRun, makeCheckpoint, makeThread } from './threads.ts';

const oddJson = {
  null: null,
  numbers: [0, -1, 1.5, 1e300, Number.MAX_SAFE_INTEGER],
  text: 'quote " backslash \\ line\nfeed nul \u0000 lone \ud800 snow ☃ 😀',
  nested: { list: [[], {}, [null, false, true]] },
  ['__proto__']: 'own key',
  '': 'empty key',
};

export function describeThreads(bench: () => Bench): void {
  describe('threads', () => {
    test('a thread comes back with every field as it was written', async () => {
      const { store, reopen } = bench();
      const thread = makeThread({
        name: 'Meine Unterhaltung ☃ 😀',
        agentId: 'agent-1',
        metadata: { team: 'a', odd: oddJson },
        status: 'interrupted',
        values: oddJson,
        messages: [{ role: 'user', content: 'line\nfeed \u0000' }, oddJson],
        activeRunId: makeRun().runId,
        session: { agentId: 'agent-1', upstream: { runId: 'V1StGXR8', agentId: 'x' } },
        version: 7,
        createdAtMs: 1_700_000_000_000,
        updatedAtMs: 1_700_000_000_001,
      });
      expect(await store.threads.insertThread(thread)).toBe(true);
      expect(await store.threads.findThread(thread)).toStrictEqual(thread);
      expect(await (await reopen()).threads.findThread(thread)).toStrictEqual(thread);
    });

    test.each([null, false, 0, '', [], {}, [null], 'text'])(
      'the values %j of a thread come back as they were',
      async (values: Json) => {
        const { store } = bench();
        const thread = makeThread({ values });
        await store.threads.insertThread(thread);
        expect((await store.threads.findThread(thread))?.values).toStrictEqual(values);
      },
    );

    test('a thread id that any tenant uses is refused and nothing is written', async () => {
      const { store } = bench();
      const thread = makeThread({ values: 'first' });
      await store.threads.insertThread(thread);
      expect(await store.threads.insertThread({ ...thread, values: 'second' })).toBe(false);
      expect(await store.threads.insertThread({ ...thread, tenant: 'other' })).toBe(false);
      expect(await store.threads.findThread(thread)).toEqual(thread);
      expect(await store.threads.findThread({ ...thread, tenant: 'other' })).toBeNull();
      expect(await store.threads.findThread(makeThread())).toBeNull();
    });

    test('the key of thread names is the same for all that ask, also after a restart', async () => {
      const { store, openSecond, reopen } = bench();
      const second = await openSecond();
      const [first, ...others] = await Promise.all([store, second, store].map((each) => each.threads.nameKey()));
      expect(first).toHaveLength(32);
      expect(first).not.toEqual(await store.tickets.secret());
      for (const other of others) expect(other).toEqual(first);
      expect(await (await reopen()).threads.nameKey()).toEqual(first);
    });

    test('of many inserts of one thread id at once exactly one succeeds', async () => {
      const { store, openSecond } = bench();
      const second = await openSecond();
      const threads = Array.from({ length: 20 }, (_, index) => makeThread({ threadId: 'one', values: index }));
      const others = Array.from({ length: 20 }, () => makeThread());
      const made = await Promise.all(
        threads.map((thread, at) => (at % 2 ? store : second).threads.insertThread(thread)),
      );
      expect(await Promise.all(others.map((thread) => store.threads.insertThread(thread)))).not.toContain(false);
      expect(made.filter(Boolean)).toHaveLength(1);
      const found = await store.threads.findThread({ tenant: 'main', threadId: 'one' });
      expect(found).toEqual(threads[made.indexOf(true)]);
    });

    test('an update of a thread writes what a client may change, and the checkpoint', async () => {
      const { store } = bench();
      const thread = makeThread({ agentId: 'agent-1', activeRunId: 'run-1', metadata: { a: 1, b: 2 } });
      await store.threads.insertThread(thread);
      const changed: Thread = {
        ...thread,
        metadata: { a: 1 },
        status: 'error',
        values: { step: 1 },
        messages: ['hello'],
        session: { agentId: 'agent-1', upstream: { runId: 'u' } },
        updatedAtMs: thread.updatedAtMs + 5,
        version: 2,
      };
      const { values, messages } = changed;
      const checkpoint = makeCheckpoint(thread.threadId, { values, messages, metadata: { odd: oddJson } });
      expect(await store.threads.updateThread({ ...changed, agentId: null, activeRunId: null }, 1, checkpoint)).toBe(
        true,
      );
      expect(await store.threads.findThread(thread)).toEqual(changed);
      expect(await all(store.threads.checkpoints(thread.threadId, { limit: 10, beforeId: null }))).toStrictEqual([
        checkpoint,
      ]);
      expect(await store.threads.updateThread({ ...changed, metadata: {}, session: null, version: 3 }, 2, null)).toBe(
        true,
      );
      expect(await store.threads.findThread(thread)).toEqual({ ...changed, metadata: {}, session: null, version: 3 });
      expect(await all(store.threads.checkpoints(thread.threadId, { limit: 10, beforeId: null }))).toHaveLength(1);
    });

    test('an update for another version, tenant or thread writes nothing', async () => {
      const { store } = bench();
      const thread = makeThread({ version: 3 });
      const stranger = makeThread({ version: 4 });
      await store.threads.insertThread(thread);
      const next = { ...thread, values: 'new', version: 4 };
      const refused = await Promise.all([
        store.threads.updateThread(next, 2, makeCheckpoint(thread.threadId)),
        store.threads.updateThread({ ...next, tenant: 'other' }, 3, makeCheckpoint(thread.threadId)),
        store.threads.updateThread(stranger, 3, makeCheckpoint(stranger.threadId)),
      ]);
      expect(refused).toEqual([false, false, false]);
      expect(await store.threads.findThread(thread)).toEqual(thread);
      expect(await all(store.threads.checkpoints(thread.threadId, { limit: 10, beforeId: null }))).toEqual([]);
      expect(await all(store.threads.checkpoints(stranger.threadId, { limit: 10, beforeId: null }))).toEqual([]);
    });

    test('of many updates of one version of a thread at once exactly one is written', async () => {
      const { store, openSecond } = bench();
      const second = await openSecond();
      const thread = makeThread();
      await store.threads.insertThread(thread);
      const write = async (index: number): Promise<boolean> => {
        const next = { ...thread, values: index, version: 2 };
        const checkpoint = makeCheckpoint(thread.threadId, { values: index });
        return await (index % 2 ? store : second).threads.updateThread(next, 1, checkpoint);
      };
      const held = await Promise.all(Array.from({ length: 10 }, (_, index) => write(index)));
      expect(held.filter(Boolean)).toHaveLength(1);
      expect((await store.threads.findThread(thread))?.values).toBe(held.indexOf(true));
      const history = await all(store.threads.checkpoints(thread.threadId, { limit: 10, beforeId: null }));
      expect(history.map((checkpoint) => checkpoint.values)).toEqual([held.indexOf(true)]);
    });
  });

  describe('checkpoints', () => {
    /** A thread with checkpoints of the values 0, 1, …; each second one left by a run. */
    async function makeHistory(count: number, difference: Partial<Thread> = {}) {
      const { store } = bench();
      const thread = makeThread(difference);
      await store.threads.insertThread(thread);
      const written = Array.from({ length: count }, (_, index) =>
        makeCheckpoint(thread.threadId, {
          // Ids of clocks that differ: the writing decides.
          checkpointId: uuidv4(),
          values: index,
          messages: [`message ${index}`],
          metadata: { index },
          runId: index % 2 ? `run-${index}` : null,
          atMs: 1000 + index,
        }),
      );
      for (const [index, checkpoint] of written.entries()) {
        const next = { ...thread, values: checkpoint.values, messages: checkpoint.messages, version: index + 2 };
        expect(await store.threads.updateThread(next, index + 1, checkpoint)).toBe(true);
      }
      return { store, thread: await store.threads.findThread(thread), written, history: written.toReversed() };
    }

    test('the history of a thread comes newest first, in pages', async () => {
      const { store, thread, history } = await makeHistory(5);
      const { threadId } = thread ?? makeThread();
      expect(await all(store.threads.checkpoints(threadId, { limit: 10, beforeId: null }))).toEqual(history);
      expect(await all(store.threads.checkpoints(threadId, { limit: 2, beforeId: null }))).toEqual(history.slice(0, 2));
      expect(
        await all(store.threads.checkpoints(threadId, { limit: 2, beforeId: history[1]?.checkpointId ?? '' })),
      ).toEqual(history.slice(2, 4));
      expect(
        await all(store.threads.checkpoints(threadId, { limit: 9, beforeId: history[4]?.checkpointId ?? '' })),
      ).toEqual([]);
      expect(await all(store.threads.checkpoints(threadId, { limit: 9, beforeId: uuidv4() }))).toEqual([]);
      expect(await all(store.threads.checkpoints(makeThread().threadId, { limit: 9, beforeId: null }))).toEqual([]);
    });

    test('checkpoints are counted by who left them, those of runs apart from those of patches', async () => {
      const { store, thread, history } = await makeHistory(5);
      const { threadId } = thread ?? makeThread();
      await makeHistory(2);
      const counts = (beforeId: string | null) => store.threads.countCheckpoints(threadId, beforeId);
      expect(await counts(null)).toEqual({ runs: 2, patches: 3 });
      const ofEach = await Promise.all(history.map(({ checkpointId }) => counts(checkpointId)));
      expect(ofEach.map(({ runs, patches }) => [runs, patches])).toEqual([
        ...[
          [2, 2],
          [1, 2],
          [1, 1],
          [0, 1],
          [0, 0],
        ],
      ]);
      expect(await counts(uuidv4())).toEqual({ runs: 0, patches: 0 });
      expect(await store.threads.countCheckpoints(uuidv4(), null)).toEqual({ runs: 0, patches: 0 });
    });

    test('a checkpoint is found by its id and by the run that left it, in its own thread only', async () => {
      const { store, thread, written } = await makeHistory(4);
      const other = await makeHistory(1);
      const { threadId } = thread ?? makeThread();
      const [first, second] = written;
      expect(await store.threads.findCheckpoint(threadId, { checkpointId: first?.checkpointId ?? '' })).toEqual(first);
      expect(await store.threads.findCheckpoint(threadId, { runId: 'run-1' })).toEqual(second);
      expect(await store.threads.findCheckpoint(threadId, { runId: 'run-2' })).toBeNull();
      expect(
        await store.threads.findCheckpoint(threadId, { checkpointId: other.written[0]?.checkpointId ?? '' }),
      ).toBeNull();
      expect(await store.threads.findCheckpoint(other.thread?.threadId ?? '', { runId: 'run-1' })).toBeNull();
    });

    test('a copy of a thread has its own state and history, and no run', async () => {
      const session = { agentId: 'agent-1', upstream: { runId: 'u' } };
      const source = makeThread({ agentId: 'agent-1', metadata: { a: 1 }, session });
      const { store, thread, history } = await makeHistory(3, source);
      const run = await insertRun(store, source.threadId);
      await store.threads.acquireThread(source.threadId, run.runId);
      const copy = await store.threads.copyThread(source, { threadId: 'copy', nowMs: 5000 });
      expect(copy).toEqual({
        ...source,
        threadId: 'copy',
        values: thread?.values,
        messages: thread?.messages,
        session: null,
        version: 1,
        createdAtMs: 5000,
        updatedAtMs: 5000,
      });
      expect(await store.threads.findThread({ tenant: 'main', threadId: 'copy' })).toEqual(copy);
      const copied = await all(store.threads.checkpoints('copy', { limit: 10, beforeId: null }));
      expect(copied.map(({ checkpointId, threadId, ...rest }) => rest)).toEqual(
        history.map(({ checkpointId, threadId, ...rest }) => rest),
      );
      expect(new Set([...copied, ...history].map((checkpoint) => checkpoint.checkpointId)).size).toBe(6);
      expect(
        await all(store.threads.searchThreads({ tenant: 'main', limit: 9, offset: 0, metadata: { a: 1 } })),
      ).toHaveLength(2);

      await store.threads.updateThread({ ...(copy ?? source), values: 'own', version: 2 }, 1, makeCheckpoint('copy'));
      expect((await store.threads.findThread(source))?.values).toBe(2);
      expect(await all(store.threads.checkpoints(source.threadId, { limit: 10, beforeId: null }))).toEqual(history);
      expect(await all(store.threads.checkpoints('copy', { limit: 10, beforeId: null }))).toHaveLength(4);
    });

    test('an unknown thread and a thread of another tenant are not copied', async () => {
      const { store } = bench();
      const thread = makeThread();
      await store.threads.insertThread(thread);
      expect(await store.threads.copyThread(makeThread(), { threadId: 'copy', nowMs: 1 })).toBeNull();
      expect(await store.threads.copyThread({ ...thread, tenant: 'other' }, { threadId: 'copy', nowMs: 1 })).toBeNull();
      expect(await store.threads.findThread({ tenant: 'main', threadId: 'copy' })).toBeNull();
      expect(await store.threads.findThread({ tenant: 'other', threadId: 'copy' })).toBeNull();
    });

    test('checkpoints outlive their runs and go with their thread', async () => {
      const { store } = bench();
      const thread = makeThread();
      await store.threads.insertThread(thread);
      const run = await insertRun(store, thread.threadId, { updatedAtMs: 1000 });
      const checkpoint = makeCheckpoint(thread.threadId, { values: 'state', runId: run.runId });
      await endRun(store, run, { checkpoint });
      expect(await store.expire(100_000, 0, 10)).toBe(1);
      expect(await store.threads.findThread(thread)).toMatchObject({
        status: 'idle',
        values: 'state',
        activeRunId: null,
      });
      expect(await all(store.threads.checkpoints(thread.threadId, { limit: 10, beforeId: null }))).toEqual([
        checkpoint,
      ]);
      expect(await store.threads.removeThread(thread, false)).toBe('removed');
      expect(await all(store.threads.checkpoints(thread.threadId, { limit: 10, beforeId: null }))).toEqual([]);
      await store.threads.insertThread(thread);
      expect(await store.threads.findThread(thread)).toEqual(thread);
      expect(await all(store.threads.checkpoints(thread.threadId, { limit: 10, beforeId: null }))).toEqual([]);
    });
  });

  describe('removing a thread', () => {
    test('removing a thread removes its runs and their events, and those of no other thread', async () => {
      const { store } = bench();
      const [thread, other] = [makeThread(), makeThread()];
      for (const each of [thread, other]) await store.threads.insertThread(each);
      const runs = [
        await endRun(store, await insertRun(store, thread.threadId)),
        await endRun(store, await insertRun(store, thread.threadId)),
      ];
      const kept = await endRun(store, await insertRun(store, other.threadId));
      const foreign = makeRun({ threadId: thread.threadId, tenant: 'other' });
      await store.insert(foreign, []);
      expect(await store.threads.removeThread(thread, false)).toBe('removed');
      expect(await store.threads.findThread(thread)).toBeNull();
      for (const { runId, tenant } of runs) {
        expect(await store.find({ runId, tenant })).toBeNull();
        expect(await store.events(runId, 0, 10)).toEqual([]);
      }
      expect(await store.find(kept)).toEqual(kept);
      expect(await store.events(kept.runId, 0, 10)).toHaveLength(2);
      expect(await store.find(foreign)).toEqual(foreign);
      expect(await store.threads.findThread(other)).not.toBeNull();
      expect(await store.threads.removeThread(thread, false)).toBe('missing');
    });

    test('the runs of a removed thread are no longer counted', async () => {
      const { store } = bench();
      const thread = makeThread();
      await store.threads.insertThread(thread);
      const run = makeRun({ threadId: thread.threadId });
      const one = { name: 'one', maxLive: 1 };
      expect(await store.usage.reserveRun(one, run.runId, undefined)).toBe(true);
      await store.insert(run, [], undefined, { refuseBusy: false });
      await endRun(store, run);
      expect(await store.threads.removeThread(thread, false)).toBe('removed');
      expect(await store.usage.reserveRun(one, makeRun().runId, undefined)).toBe(true);
    });

    test('removing a thread keeps its runs where the caller asks for it', async () => {
      const { store } = bench();
      const thread = makeThread();
      await store.threads.insertThread(thread);
      const run = await endRun(store, await insertRun(store, thread.threadId));
      expect(await store.threads.removeThread(thread, true)).toBe('removed');
      expect(await store.threads.findThread(thread)).toBeNull();
      expect(await store.find(run)).toEqual(run);
      expect(await store.events(run.runId, 0, 10)).toHaveLength(2);
    });

    test('removing a thread is refused while it has a live run, and to another tenant', async () => {
      const { store } = bench();
      const thread = makeThread();
      await store.threads.insertThread(thread);
      const done = await endRun(store, await insertRun(store, thread.threadId));
      const live = await insertRun(store, thread.threadId, { phase: 'interrupted', status: 'interrupted' });
      const before = await store.threads.findThread(thread);
      for (const keepRuns of [false, true]) expect(await store.threads.removeThread(thread, keepRuns)).toBe('busy');
      expect(await store.threads.removeThread({ ...thread, tenant: 'other' }, false)).toBe('missing');
      expect(await store.threads.findThread(thread)).toEqual(before);
      expect(await store.find(done)).toEqual(done);
      await endRun(store, live);
      expect(await store.threads.removeThread(thread, false)).toBe('removed');
    });
  });
}
