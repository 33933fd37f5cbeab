import { describe, expect, test } from 'vitest';
import type { Thread } from '../../src/contract/domain/thread.ts';
import type { Idempotency, Insertion } from '../../src/contract/store/store.ts';
import type { Bench } from './contract.ts';
import { all } from './rows.ts';
import { makeDone, makeEvent, makeRun } from './runs.ts';
import { endRun, insertRun, makeCheckpoint, makeThread, stepRun } from './threads.ts';

function makeKey(difference: Partial<Idempotency> = {}): Idempotency {
  return { tenant: 'main', key: 'key-1', fingerprint: 'f1', expiresAtMs: Date.now() + 600_000, ...difference };
}

export function describeThreadRuns(bench: () => Bench): void {
  async function insertThread(difference: Partial<Thread> = {}): Promise<Thread> {
    const thread = makeThread(difference);
    expect(await bench().store.threads.insertThread(thread)).toBe(true);
    return thread;
  }

  const refuseBusy = { refuseBusy: true };
  const admitAll = { refuseBusy: false };
  const kinds = (inserter: readonly Insertion[]): readonly string[] => inserter.map(({ kind }) => kind).toSorted();

  describe('admission to a thread', () => {
    test('a run makes its thread busy and gives it its agent', async () => {
      const { store } = bench();
      const thread = await insertThread({ status: 'error', values: 'kept', metadata: { a: 1 } });
      const run = makeRun({ threadId: thread.threadId, agentId: 'agent-1', updatedAtMs: 5000 });
      expect(await store.insert(run, [makeEvent(run)], undefined, refuseBusy)).toEqual({ kind: 'inserted' });
      expect(await store.find(run)).toEqual(run);
      expect(await store.events(run.runId, 0, 10)).toHaveLength(1);
      const joined = { ...thread, status: 'busy', agentId: 'agent-1', updatedAtMs: 5000, version: 2 };
      expect(await store.threads.findThread(thread)).toEqual(joined);
      await insertRun(store, thread.threadId, { agentId: 'agent-2', updatedAtMs: 6000 });
      expect(await store.threads.findThread(thread)).toEqual({ ...joined, updatedAtMs: 6000, version: 3 });
    });

    test('a run of an unknown thread or of another tenant is refused and nothing is written', async () => {
      const { store } = bench();
      const theirs = await insertThread({ tenant: 'theirs' });
      for (const threadId of ['unknown', theirs.threadId]) {
        const run = makeRun({ threadId });
        const create = threadId === 'unknown' ? undefined : makeThread({ threadId });
        const refused = await store.insert(run, [makeEvent(run)], makeKey(), { ...admitAll, create });
        expect(refused).toEqual({ kind: 'thread-missing' });
        expect(await store.find(run)).toBeNull();
        expect(await store.events(run.runId, 0, 10)).toEqual([]);
      }
      expect(await store.threads.findThread(theirs)).toEqual(theirs);
      expect((await store.insert(makeRun(), [], makeKey({ fingerprint: 'f2' }))).kind).toBe('inserted');
    });

    test('a missing thread is created where the client wants it, and an existing one stays', async () => {
      const { store } = bench();
      const create = makeThread({
        threadId: 'new',
        name: 'context 1',
        metadata: { a: 1 },
        values: { b: 2 },
        messages: ['c'],
      });
      const admission = { ...refuseBusy, create };
      const run = makeRun({ threadId: 'new', agentId: 'agent-1', updatedAtMs: 5000 });
      expect(await store.insert(run, [], undefined, admission)).toEqual({ kind: 'inserted' });
      const made = { ...create, status: 'busy', agentId: 'agent-1', updatedAtMs: 5000, version: 2 };
      expect(await store.threads.findThread(create)).toEqual(made);
      const other = { ...admission, create: makeThread({ threadId: 'new', metadata: { z: 1 } }) };
      expect((await store.insert(makeRun({ threadId: 'new' }), [], undefined, other)).kind).toBe('thread-busy');
      expect(await store.threads.findThread(create)).toEqual(made);
      await endRun(store, run);
      expect((await store.insert(makeRun({ threadId: 'new' }), [], undefined, other)).kind).toBe('inserted');
      expect((await store.threads.findThread(create))?.metadata).toEqual({ a: 1 });
    });

    test('a step that leaves the status of a thread leaves its time too, and one that changes it does not', async () => {
      const { store } = bench();
      const thread = await insertThread();
      let run = await insertRun(store, thread.threadId, { updatedAtMs: 5000 });
      const now = async () => await store.threads.findThread(thread);
      run = await stepRun(store, run, { status: 'busy', release: false }, { phase: 'running', updatedAtMs: 6000 });
      expect(await now()).toMatchObject({ status: 'busy', updatedAtMs: 5000, version: 3 });
      const waits = { phase: 'interrupted', status: 'interrupted', updatedAtMs: 7000 } as const;
      run = await stepRun(store, run, { status: 'interrupted', release: false }, waits);
      expect(await now()).toMatchObject({ status: 'interrupted', updatedAtMs: 7000, version: 4 });
      const session = { agentId: 'a', upstream: { runId: 'r' } };
      const begun = { phase: 'running', status: 'interrupted', updatedAtMs: 8000 } as const;
      run = await stepRun(store, run, { status: 'interrupted', release: false, session }, begun);
      expect(await now()).toMatchObject({ session, updatedAtMs: 8000, version: 5 });
      await endRun(store, run);
      expect((await now())?.updatedAtMs).toBe(9000);
    });

    test.each(['queued', 'running', 'interrupted'] as const)(
      'a thread with a run that is %s refuses another one',
      async (phase) => {
        const { store } = bench();
        const { threadId, tenant } = await insertThread();
        await endRun(store, await insertRun(store, threadId));
        const status = phase === 'interrupted' ? 'interrupted' : 'pending';
        const live = await insertRun(store, threadId, { phase, status });
        const before = await store.threads.findThread({ threadId, tenant });
        const run = makeRun({ threadId });
        expect(await store.insert(run, [makeEvent(run)], makeKey(), refuseBusy)).toEqual({ kind: 'thread-busy' });
        expect(await store.find(run)).toBeNull();
        expect(await store.threads.findThread({ threadId, tenant })).toEqual(before);
        expect((await store.insert(makeRun({ threadId }), [], undefined, admitAll)).kind).toBe('inserted');
        expect((await all(store.search({ tenant, threadId, status, limit: 9, offset: 0 }))).length).toBeGreaterThan(0);
        expect((await store.find(live))?.phase).toBe(phase);
        expect((await store.insert(makeRun(), [], makeKey({ fingerprint: 'f2' }))).kind).toBe('inserted');
      },
    );

    test('the idempotency key of a run in a thread is decided before its admission', async () => {
      const { store } = bench();
      const { threadId, tenant } = await insertThread();
      const run = makeRun({ threadId });
      expect(await store.insert(run, [], makeKey(), refuseBusy)).toEqual({ kind: 'inserted' });
      const before = await store.threads.findThread({ threadId, tenant });
      const again = makeRun({ threadId });
      const replayed = { kind: 'replayed', runId: run.runId };
      expect(await store.insert(again, [], makeKey(), refuseBusy)).toEqual(replayed);
      expect(await store.insert(again, [], makeKey(), admitAll)).toEqual(replayed);
      expect((await store.insert(again, [], makeKey({ fingerprint: 'f2' }), refuseBusy)).kind).toBe('mismatch');
      expect(await store.threads.findThread({ threadId, tenant })).toEqual(before);

      await endRun(store, run);
      await store.threads.removeThread({ threadId, tenant }, true);
      const create = makeThread({ threadId });
      expect(await store.insert(again, [], makeKey(), refuseBusy)).toEqual(replayed);
      expect(await store.insert(again, [], makeKey(), { ...refuseBusy, create })).toEqual(replayed);
      expect(await store.find(again)).toBeNull();
      expect(await store.threads.findThread({ threadId, tenant })).toBeNull();
    });

    test.each([true, false])(
      'of many runs at once one is admitted to the thread (thread exists: %s)',
      async (there) => {
        const { store, openSecond } = bench();
        const second = await openSecond();
        const create = makeThread();
        if (there) await store.threads.insertThread(create);
        const { threadId } = create;
        const admission = { refuseBusy: true, create };
        const stores = [store, second];
        const runs = Array.from({ length: 30 }, () => makeRun({ threadId }));
        const inserter = await Promise.all(
          runs.map((run, at) => stores[at % 2]?.insert(run, [makeEvent(run)], undefined, admission)),
        );
        expect(kinds(inserter.filter((insertion) => insertion !== undefined))).toEqual([
          'inserted',
          ...Array.from({ length: 29 }, () => 'thread-busy'),
        ]);
        expect(await all(store.search({ tenant: 'main', limit: 100, offset: 0 }))).toHaveLength(1);
        expect(await store.threads.findThread(create)).toMatchObject({ status: 'busy', version: 2 });
      },
    );

    test('of many runs at once with one idempotency key, one is admitted and the others are its replays', async () => {
      const { store, openSecond } = bench();
      const second = await openSecond();
      const { threadId } = await insertThread();
      const inserter = await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          (at % 2 ? store : second).insert(makeRun({ threadId }), [], makeKey(), refuseBusy),
        ),
      );
      expect(kinds(inserter)).toEqual(['inserted', ...Array.from({ length: 19 }, () => 'replayed')]);
    });

    test('many runs at once that may wait are all admitted, to several threads as well', async () => {
      const { store, openSecond } = bench();
      const second = await openSecond();
      const threads = await Promise.all(Array.from({ length: 20 }, () => insertThread()));
      const runs = threads.flatMap(({ threadId }) => Array.from({ length: 5 }, () => makeRun({ threadId })));
      const inserter = await Promise.all(
        runs.map((run, at) => (at % 2 ? store : second).insert(run, [], undefined, admitAll)),
      );
      expect(new Set(kinds(inserter))).toEqual(new Set(['inserted']));
      for (const thread of threads) expect((await store.threads.findThread(thread))?.version).toBe(6);
    });

    test('a run that fails to be written leaves its thread as it was and does not harm others of the same turn', async () => {
      const { store } = bench();
      const taken = makeRun();
      await store.insert(taken, []);
      const [thread, other] = [await insertThread(), await insertThread()];
      const settled = await Promise.allSettled([
        store.insert({ ...taken, threadId: thread.threadId }, [], undefined, refuseBusy),
        store.insert(makeRun({ threadId: other.threadId }), [], undefined, refuseBusy),
        store.insert({ ...taken, threadId: 'new' }, [], undefined, {
          refuseBusy: true,
          create: makeThread({ threadId: 'new' }),
        }),
      ]);
      expect(settled.map((result) => result.status)).toEqual(['rejected', 'fulfilled', 'rejected']);
      expect(await store.threads.findThread(thread)).toEqual(thread);
      expect(await store.threads.findThread({ tenant: 'main', threadId: 'new' })).toBeNull();
      expect(await store.threads.findThread(other)).toMatchObject({ status: 'busy', version: 2 });
    });
  });

  describe('what a run does to its thread', () => {
    test('the end of a run releases its thread and stores the state that the run leaves', async () => {
      const { store } = bench();
      const thread = await insertThread({ values: 'old', messages: ['old'], metadata: { own: true } });
      const run = await insertRun(store, thread.threadId, { agentId: 'agent-1' });
      await store.threads.acquireThread(thread.threadId, run.runId);
      const checkpoint = makeCheckpoint(thread.threadId, {
        values: { step: 1 },
        messages: ['one', 'two'],
        metadata: { of: 'the run' },
        runId: run.runId,
      });
      const ended = await endRun(store, run, { status: 'idle', checkpoint });
      expect(await store.find(run)).toEqual(ended);
      expect(await store.threads.findThread(thread)).toEqual({
        ...thread,
        agentId: 'agent-1',
        values: { step: 1 },
        messages: ['one', 'two'],
        updatedAtMs: ended.updatedAtMs,
        version: 4,
      });
      expect(await all(store.threads.checkpoints(thread.threadId, { limit: 10, beforeId: null }))).toEqual([
        checkpoint,
      ]);
      expect(await store.threads.findCheckpoint(thread.threadId, { runId: run.runId })).toEqual(checkpoint);
    });

    test('a step of a run changes only the status of its thread and keeps it', async () => {
      const { store } = bench();
      const thread = await insertThread({ values: 'kept' });
      const run = await insertRun(store, thread.threadId);
      await store.threads.acquireThread(thread.threadId, run.runId);
      const waits = { phase: 'interrupted', status: 'interrupted', updatedAtMs: 9000 } as const;
      await stepRun(store, run, { status: 'interrupted', release: false }, waits);
      const expected = { status: 'interrupted', values: 'kept', activeRunId: run.runId, updatedAtMs: 9000, version: 4 };
      expect(await store.threads.findThread(thread)).toMatchObject(expected);
      expect(await all(store.threads.checkpoints(thread.threadId, { limit: 10, beforeId: null }))).toEqual([]);
    });

    test('the session of a thread is set, kept and cleared', async () => {
      const { store } = bench();
      const thread = await insertThread();
      const session = { agentId: 'agent-1', upstream: { runId: 'u', agentId: 'x' } };
      const busy = { status: 'busy', release: false } as const;
      let run = await insertRun(store, thread.threadId);
      run = await stepRun(store, run, { ...busy, session }, { phase: 'running' });
      expect((await store.threads.findThread(thread))?.session).toEqual(session);
      run = await stepRun(store, run, busy, {});
      expect((await store.threads.findThread(thread))?.session).toEqual(session);
      await stepRun(store, run, { ...busy, session: null }, {});
      expect((await store.threads.findThread(thread))?.session).toBeNull();
    });

    test('the end of a run removes its thread where it says so, and the runs stay', async () => {
      const { store } = bench();
      const thread = await insertThread({ values: 'old' });
      const run = await insertRun(store, thread.threadId);
      await store.threads.acquireThread(thread.threadId, run.runId);
      const checkpoint = makeCheckpoint(thread.threadId, { runId: run.runId });
      const ended = await endRun(store, run, { remove: true, checkpoint });
      expect(await store.threads.findThread(thread)).toBeNull();
      expect(await all(store.threads.checkpoints(thread.threadId, { limit: 10, beforeId: null }))).toEqual([]);
      expect(await store.find(run)).toEqual(ended);
      expect(await store.threads.insertThread(thread)).toBe(true);
      expect(await store.threads.findThread(thread)).toEqual(thread);
    });

    test('the end of a run does not remove a thread that has another live run', async () => {
      const { store } = bench();
      const thread = await insertThread();
      const [first, second] = [await insertRun(store, thread.threadId), await insertRun(store, thread.threadId)];
      await store.threads.acquireThread(thread.threadId, first.runId);
      const checkpoint = makeCheckpoint(thread.threadId, { values: 'new', runId: first.runId });
      await endRun(store, first, { remove: true, checkpoint });
      expect(await store.threads.findThread(thread)).toMatchObject({
        status: 'busy',
        activeRunId: null,
        values: 'new',
      });
      expect(await all(store.threads.checkpoints(thread.threadId, { limit: 10, beforeId: null }))).toEqual([
        checkpoint,
      ]);
      await endRun(store, second, { remove: true });
      expect(await store.threads.findThread(thread)).toBeNull();
    });

    test('a thread stays busy after a run where another one waits', async () => {
      const { store } = bench();
      const thread = await insertThread();
      const [first, second] = [await insertRun(store, thread.threadId), await insertRun(store, thread.threadId)];
      await store.threads.acquireThread(thread.threadId, first.runId);
      await endRun(store, first, { status: 'error' });
      expect(await store.threads.findThread(thread)).toMatchObject({ status: 'busy', activeRunId: null });
      await store.threads.acquireThread(thread.threadId, second.runId);
      await endRun(store, second, { status: 'error' });
      expect(await store.threads.findThread(thread)).toMatchObject({ status: 'error', activeRunId: null });
    });

    test('a run that ends while it waits leaves the thread to the run that holds it', async () => {
      const { store } = bench();
      const thread = await insertThread();
      const [first, second] = [await insertRun(store, thread.threadId), await insertRun(store, thread.threadId)];
      await store.threads.acquireThread(thread.threadId, first.runId);
      await endRun(store, second);
      expect(await store.threads.findThread(thread)).toMatchObject({ status: 'busy', activeRunId: first.runId });
    });

    test('an update that is refused changes nothing of the thread', async () => {
      const { store } = bench();
      const thread = await insertThread();
      const run = await insertRun(store, thread.threadId, { owner: 'a' });
      const before = await store.threads.findThread(thread);
      const ended = makeDone(run, 9000);
      const checkpoint = makeCheckpoint(thread.threadId, { values: 'lost' });
      const effect = { status: 'error', release: true, checkpoint, session: null } as const;
      const refused = await Promise.all([
        store.update({ run: ended, expectedVersion: 7, events: [], thread: effect }),
        store.update({ run: ended, expectedVersion: 1, expectedOwner: 'b', events: [], thread: effect }),
      ]);
      expect(refused).toEqual([false, false]);
      expect(await store.threads.findThread(thread)).toEqual(before);
      expect(await all(store.threads.checkpoints(thread.threadId, { limit: 10, beforeId: null }))).toEqual([]);
    });

    test('an update of a run whose thread is gone succeeds', async () => {
      const { store } = bench();
      const run = makeRun({ threadId: 'gone' });
      await store.insert(run, []);
      const checkpoint = makeCheckpoint('gone');
      const ended = await endRun(store, run, { checkpoint });
      expect(await store.find(run)).toEqual(ended);
      expect(await store.threads.findThread({ tenant: 'main', threadId: 'gone' })).toBeNull();
      expect(await all(store.threads.checkpoints('gone', { limit: 10, beforeId: null }))).toEqual([]);
    });
  });

  describe('removing a run of a thread', () => {
    test('removing a run releases the thread that it held', async () => {
      const { store } = bench();
      const thread = await insertThread();
      const [first, second] = [await insertRun(store, thread.threadId), await insertRun(store, thread.threadId)];
      await store.threads.acquireThread(thread.threadId, first.runId);
      expect(await store.remove(first, 1)).toBe(true);
      expect(await store.threads.findThread(thread)).toMatchObject({ status: 'busy', activeRunId: null, version: 5 });
      expect(await store.remove(second, 7)).toBe(false);
      expect(await store.remove(second, 1)).toBe(true);
      expect(await store.threads.findThread(thread)).toMatchObject({ status: 'idle', activeRunId: null, version: 6 });
    });

    test('removing several runs of a thread at once releases it', async () => {
      const { store } = bench();
      const thread = await insertThread();
      const runs = await Promise.all([0, 1, 2].map(() => insertRun(store, thread.threadId)));
      await store.threads.acquireThread(thread.threadId, runs[1]?.runId ?? '');
      expect(await Promise.all(runs.map((run) => store.remove(run, 1)))).toEqual([true, true, true]);
      expect(await store.threads.findThread(thread)).toMatchObject({ status: 'idle', activeRunId: null });
    });

    test('removing a run that ended before leaves its thread as it is', async () => {
      const { store } = bench();
      const thread = await insertThread();
      const done = await endRun(store, await insertRun(store, thread.threadId), { status: 'error' });
      const before = await store.threads.findThread(thread);
      expect(await store.remove(done, done.version)).toBe(true);
      expect(await store.threads.findThread(thread)).toEqual(before);
    });
  });
}
