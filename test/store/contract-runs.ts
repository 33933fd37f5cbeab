import { describe, expect, test } from 'vitest';
import type { Change } from '../../src/contract/domain/event.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { StorageFault, type Store, UpstreamTaken } from '../../src/contract/store/store.ts';
import type { Bench } from './contract.ts';
import { all, summaryOf } from './rows.ts';
import { makeDone, makeEvent, makeRun, nextVersion } from './runs.ts';
import { makeThread } from './threads.ts';

const oddJson = {
  null: null,
  numbers: [0, -1, 1.5, 1e300, Number.MAX_SAFE_INTEGER],
  text: 'quote " backslash \\ line\nfeed nul \u0000 lone \ud800 snow ☃ 😀',
  nested: { list: [[], {}, [null, false, true]] },
  ['__proto__']: 'own key',
  '': 'empty key',
};

export function describeRuns(bench: () => Bench): void {
  describe('runs', () => {
    test('a run comes back with every field as it was written', async () => {
      const { store } = bench();
      const run = makeRun({
        threadId: '7d0c9c0e-1111-4222-8333-444455556666',
        request: {
          input: oddJson,
          messages: [{ role: 'user', content: 'hello' }],
          config: { retry: { maximumAttempts: 2 } },
          metadata: { team: 'a', odd: oddJson },
          webhook: 'https://client.example/hook',
          origin: { protocol: 'acp-v0.2', extra: { stream_mode: ['values'], odd: oddJson } },
        },
        phase: 'delivering',
        status: 'interrupted',
        upstream: { runId: 'V1StGXR8_Z5jdHi6B-myT', agentId: 'agent-1' },
        outcome: { kind: 'interrupt', payload: oddJson },
        resumption: { payload: [oddJson], interrupt: null },
        partialAnswers: { odd: oddJson },
        asked: { payload: '"go?"', sighting: 'sha256:00' },
        answeredInterrupt: '{"a":1}',
        answeredAtMs: 1_700_000_000_001,
        answers: [
          { questionSeq: 3, fingerprint: 'sha256:01', mark: 'm-1', isUndelivered: true },
          { questionSeq: 8, fingerprint: '[1]' },
        ],
        attempts: 3,
        waiting: { cause: 'rate-limited', retryAtMs: 1_700_000_000_002 },
        lastSeq: 9,
        version: 7,
        owner: 'replica-1',
        startedAtMs: 1_700_000_000_000,
      });
      await store.insert(run, []);
      expect(await store.find(run)).toEqual(run);
    });

    test("what is kept of the vendor's answer comes back with its run and in lists", async () => {
      const { store } = bench();
      const run = makeRun({ owner: 'replica-1' });
      const plain = makeRun();
      await store.insert(run, []);
      await store.insert(plain, []);
      const vendor = { runId: 'r', error: oddJson };
      const ended = { ...makeDone(run, run.updatedAtMs + 1), vendor };
      expect(await store.update({ run: ended, expectedVersion: 1, events: [] })).toBe(true);
      expect((await store.find(run))?.vendor).toEqual(vendor);
      const found = await all(store.search({ tenant: 'main', limit: 10, offset: 0 }));
      expect(found.find(({ runId }) => runId === run.runId)?.vendor).toEqual(vendor);
      expect(found.find(({ runId }) => runId === plain.runId)).not.toHaveProperty('vendor');
      expect(await store.find(plain)).not.toHaveProperty('vendor');
    });

    test.each([{ input: null }, { input: false }, { input: 0 }, { input: '' }, { input: [] }, {}])(
      'the request %j of a run comes back with the members that it has and no others',
      async (request) => {
        const { store } = bench();
        const run = makeRun({ request });
        await store.insert(run, []);
        const found = await store.find(run);
        expect(found?.request).toStrictEqual(request);
      },
    );

    test.each([{ kind: 'result', value: null }, { kind: 'error', errcode: 1001, description: 'late' }, null] as const)(
      'the outcome %j of a run comes back as it was',
      async (outcome) => {
        const { store } = bench();
        const run = makeRun({ outcome });
        await store.insert(run, []);
        expect((await store.find(run))?.outcome).toStrictEqual(outcome);
      },
    );

    test('an unknown run and a run of another tenant are not found', async () => {
      const { store } = bench();
      const run = makeRun();
      await store.insert(run, []);
      expect(await store.find(makeRun())).toBeNull();
      expect(await store.find({ ...run, tenant: 'other' })).toBeNull();
      expect(await store.find({ ...run, runId: 'no uuid' })).toBeNull();
    });

    test('runs that are asked for together come back but for those that are gone or of another tenant', async () => {
      const { store } = bench();
      const runs = [makeRun(), makeRun({ request: { input: 'x'.repeat(300_000) } }), makeRun(), makeRun()];
      for (const run of runs) await store.insert(run, []);
      const [first, large, foreign, gone] = runs as [Run, Run, Run, Run];
      await store.remove(gone, 1);
      const found = await store.findAll([first, large, { ...foreign, tenant: 'other' }, gone, makeRun()]);
      expect(found.toSorted((a, b) => (a.runId < b.runId ? -1 : 1))).toEqual([first, large]);
      expect(await store.findAll([])).toEqual([]);
    });

    test('an update replaces the changing part of a run and appends its events', async () => {
      const { store } = bench();
      const run = makeRun({ owner: 'a' });
      await store.insert(run, [makeEvent(run)]);
      const started = nextVersion(run, {
        phase: 'running',
        upstream: { runId: 'u' },
        updatedAtMs: run.updatedAtMs + 5,
      });
      const update = { run: started, expectedVersion: 1, expectedOwner: 'a', events: [makeEvent(started)] };
      expect(await store.update(update)).toBe(true);
      expect(await store.find(run)).toEqual(started);
      const ended = nextVersion(started, { phase: 'done', status: 'success', owner: null });
      expect(await store.update({ run: ended, expectedVersion: 2, events: [makeEvent(ended)] })).toBe(true);
      expect(await store.find(run)).toEqual(ended);
      expect((await store.events(run.runId, 0, 10)).map((event) => event.seq)).toEqual([1, 2, 3]);
    });

    test('an update for an older version, another owner, tenant or run writes nothing', async () => {
      const { store } = bench();
      const run = makeRun({ owner: 'a', version: 4 });
      const unowned = makeRun();
      await store.insert(run, [makeEvent(run)]);
      await store.insert(unowned, []);
      const next = nextVersion(run, { phase: 'starting' });
      const events = [makeEvent(next)];
      const stranger = makeRun({ version: 5 });
      const refused = await Promise.all([
        store.update({ run: next, expectedVersion: 3, events }),
        store.update({ run: next, expectedVersion: 4, expectedOwner: 'b', events }),
        store.update({ run: { ...next, tenant: 'other' }, expectedVersion: 4, events }),
        store.update({ run: nextVersion(unowned), expectedVersion: 1, expectedOwner: 'a', events: [] }),
        store.update({ run: stranger, expectedVersion: 4, events: [makeEvent(stranger)] }),
      ]);
      expect(refused).toEqual([false, false, false, false, false]);
      expect(await store.find(run)).toEqual(run);
      expect(await store.find(unowned)).toEqual(unowned);
      expect(await store.events(run.runId, 0, 10)).toHaveLength(1);
      expect(await store.events(stranger.runId, 0, 10)).toEqual([]);
    });

    test('of several updates of one version exactly one is written, with its events only', async () => {
      const { store, openSecond } = bench();
      const second = await openSecond();
      const run = makeRun();
      await store.insert(run, [makeEvent(run)]);
      const write = async (index: number): Promise<boolean> => {
        const next = nextVersion(run, { attempts: index });
        return await (index % 2 ? store : second).update({
          run: next,
          expectedVersion: 1,
          events: [makeEvent(next, { kind: 'partial', value: index })],
        });
      };
      const held = await Promise.all(Array.from({ length: 10 }, (_, index) => write(index)));
      expect(held.filter(Boolean)).toHaveLength(1);
      const winner = held.indexOf(true);
      expect((await store.find(run))?.attempts).toBe(winner);
      const events = await store.events(run.runId, 1, 10);
      expect(events.map((event) => event.change)).toEqual([{ kind: 'partial', value: winner }]);
    });

    test('of several updates of one version without events exactly one is written', async () => {
      const { store } = bench();
      const [run, removed] = [makeRun(), makeRun()];
      await store.insert(run, []);
      await store.insert(removed, []);
      const changes = [1, 2, 3].map((attempts) => nextVersion(run, { attempts }));
      const held = await Promise.all(
        changes.map((next) => store.update({ run: next, expectedVersion: 1, events: [] })),
      );
      expect(held.filter(Boolean)).toHaveLength(1);
      expect(await store.find(run)).toEqual(changes[held.indexOf(true)]);
      const gone = await Promise.all([store.remove(removed, 1), store.remove(removed, 1)]);
      expect(gone.filter(Boolean)).toHaveLength(1);
    });

    test('no two runs have one upstream run, also not at once, after a restart, in a thread or by another process', async () => {
      const { store, openSecond, reopen } = bench();
      const other = await openSecond();
      const runs = Array.from({ length: 6 }, () => makeRun());
      for (const run of runs) await store.insert(run, []);
      const start = (through: Store, run: Run, upstreamKey: string) =>
        through.update({ run: nextVersion(run), expectedVersion: run.version, events: [], upstreamKey });
      const kinds = async (starts: readonly Promise<boolean>[]) =>
        (await Promise.allSettled(starts)).map((start) => (start.status === 'fulfilled' ? start.value : start.reason));
      const [a, b, c, d, e, f] = runs as [Run, Run, Run, Run, Run, Run];
      const first = await kinds([
        start(store, a, 'k'),
        start(other, b, 'k'),
        start(store, c, 'k'),
        start(store, d, 'l'),
      ]);
      expect(first.filter((kind) => kind === true)).toHaveLength(2);
      expect(first.filter((kind) => kind instanceof UpstreamTaken)).toHaveLength(2);
      expect(first[3]).toBe(true);
      // Nothing of a refused write is there, and the run that has the key keeps it through its later writes.
      for (const [at, run] of [a, b, c].entries()) {
        expect(await store.find(run)).toEqual(first[at] === true ? nextVersion(run) : run);
      }
      const holder = [a, b, c][first.indexOf(true)];
      const found = await Promise.all(['k', 'l', 'm'].map((key) => other.findByUpstream(key)));
      expect(found).toEqual([holder?.runId, d.runId, null]);
      expect(await start(store, nextVersion(d), 'l')).toBe(true);
      const again = await reopen();
      await expect(start(again, e, 'l')).rejects.toThrow(UpstreamTaken);
      const thread = makeThread();
      const inThread = makeRun({ threadId: thread.threadId });
      await again.insert(inThread, [], undefined, { create: thread, refuseBusy: true });
      const effect = { thread: { status: 'busy', release: false } as const, upstreamKey: 'l' };
      const update = { run: nextVersion(inThread), expectedVersion: 1, events: [], ...effect };
      await expect(again.update(update)).rejects.toThrow(UpstreamTaken);
      expect(await again.remove(d, 3)).toBe(true);
      expect(await start(again, f, 'l')).toBe(true);
    });

    test('a run that goes on as another upstream run gives back the first one, and keeps what it has otherwise', async () => {
      const { store } = bench();
      const run = makeRun();
      const other = makeRun();
      for (const each of [run, other]) await store.insert(each, []);
      const start = (before: Run, upstreamKey: string, isFirstUpstream: boolean) =>
        store.update({
          run: nextVersion(before),
          expectedVersion: before.version,
          events: [],
          upstreamKey,
          isFirstUpstream,
        });
      const holders = () => Promise.all(['first', 'second'].map((key) => store.findByUpstream(key)));
      expect(await start(run, 'first', true)).toBe(true);
      await expect(start(other, 'first', true)).rejects.toThrow(UpstreamTaken);
      expect(await store.find(other)).toEqual(other);
      expect(await start(nextVersion(run), 'first', false)).toBe(true);
      expect(await holders()).toEqual([run.runId, null]);
      expect(await start(nextVersion(nextVersion(run)), 'second', false)).toBe(true);
      expect(await holders()).toEqual([null, run.runId]);
      expect(await start(other, 'first', true)).toBe(true);
      expect(await holders()).toEqual([other.runId, run.runId]);
    });

    test('events of a run come back in order, all of them, after a number, and in pages', async () => {
      const { store } = bench();
      const run = makeRun({ lastSeq: 6 });
      const changes: Change[] = [
        { kind: 'phase', phase: 'queued' },
        { kind: 'phase', phase: 'starting', note: 'second attempt' },
        { kind: 'partial', value: oddJson },
        { kind: 'interrupt', payload: null },
        { kind: 'error', errcode: 2001, description: 'no' },
        { kind: 'result', value: [1, 2] },
      ];
      const events = changes.map((change, index) => ({ ...makeEvent(run, change), seq: index + 1 }));
      await store.insert(run, events);
      expect(await store.events(run.runId, 0, 100)).toEqual(events);
      expect(await store.events(run.runId, 2, 3)).toEqual(events.slice(2, 5));
      expect(await store.events(run.runId, 6, 100)).toEqual([]);
      expect(await store.events(makeRun().runId, 0, 100)).toEqual([]);
    });

    test('a removed run is gone with its events, and another version or tenant removes nothing', async () => {
      const { store } = bench();
      const run = makeRun({ version: 2 });
      await store.insert(run, [makeEvent(run)]);
      expect(await store.remove(run, 1)).toBe(false);
      expect(await store.remove({ ...run, tenant: 'other' }, 2)).toBe(false);
      expect(await store.find(run)).toEqual(run);
      expect(await store.remove(run, 2)).toBe(true);
      expect(await store.find(run)).toBeNull();
      expect(await store.events(run.runId, 0, 10)).toEqual([]);
      expect(await store.remove(run, 2)).toBe(false);
      expect(await store.update({ run: nextVersion(run), expectedVersion: 2, events: [] })).toBe(false);
    });

    test('a failed write does not harm others of the same turn and is not written in part', async () => {
      const { store } = bench();
      const taken = makeRun();
      await store.insert(taken, [makeEvent(taken)]);
      const next = nextVersion(taken, { attempts: 1 });
      const good = Array.from({ length: 20 }, () => makeRun());
      const settled = await Promise.allSettled([
        ...good.slice(0, 10).map((run) => store.insert(run, [makeEvent(run)])),
        store.insert(taken, [makeEvent(taken)]),
        // Its event has the number of one that is there.
        store.update({ run: next, expectedVersion: 1, events: [makeEvent(taken)] }),
        ...good.slice(10).map((run) => store.insert(run, [makeEvent(run)])),
      ]);
      const failed = settled.filter((result) => result.status === 'rejected');
      expect(failed.map((result) => result.reason)).toEqual([expect.any(StorageFault), expect.any(StorageFault)]);
      expect(await store.find(taken)).toEqual(taken);
      for (const run of good) expect(await store.find(run)).toEqual(run);
    });

    test('a thousand writes at once are all written', async () => {
      const { store } = bench();
      const runs = Array.from({ length: 1000 }, () => makeRun());
      const inserter = await Promise.all(runs.map((run) => store.insert(run, [makeEvent(run)])));
      expect(new Set(inserter.map((insertion) => insertion.kind))).toEqual(new Set(['inserted']));
      const started = runs.map((run) => nextVersion(run, { phase: 'starting' }));
      const updated = await Promise.all(
        started.map((run) => store.update({ run, expectedVersion: 1, events: [makeEvent(run)] })),
      );
      expect(updated.every(Boolean)).toBe(true);
      const found = await all(store.search({ tenant: 'main', limit: 1000, offset: 0 }));
      expect(found).toEqual(started.toReversed().map(summaryOf));
    });

    test('expire removes runs that ended before the instant, oldest first, in batches', async () => {
      const { store } = bench();
      const ended = [5000, 1000, 3000].map((updatedAtMs) => makeRun({ phase: 'done', status: 'error', updatedAtMs }));
      const live = makeRun({ updatedAtMs: 10 });
      for (const run of [...ended, live]) await store.insert(run, [makeEvent(run)]);
      const areThere = async () =>
        await Promise.all([...ended, live].map(async (run) => (await store.find(run)) !== null));
      expect(await store.expire(4000, 0, 1)).toBe(1);
      expect(await areThere()).toEqual([true, false, true, true]);
      expect(await store.expire(4000, 0, 10)).toBe(1);
      expect(await areThere()).toEqual([true, false, false, true]);
      expect(await store.expire(4000, 0, 10)).toBe(0);
      expect(await store.events(ended[1]?.runId ?? '', 0, 10)).toEqual([]);
      expect(await store.events(ended[0]?.runId ?? '', 0, 10)).toHaveLength(1);
    });

    test('the store answers a ping', async () => {
      await expect(bench().store.ping()).resolves.toBeUndefined();
    });
  });
}
