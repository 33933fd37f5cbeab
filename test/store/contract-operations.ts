import { describe, expect, test, vi } from 'vitest';
import type { Stop } from '../../src/contract/domain/operator.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import type { ReplicaReport, RunFilter } from '../../src/contract/store/operations-store.ts';
import type { Store } from '../../src/contract/store/store.ts';
import type { Bench } from './contract.ts';
import { makeRun, nextVersion } from './runs.ts';

const [echo, pair] = ['agent-echo', 'agent-pair'];
const others = { attempts: 2, backend: 'west', upstream: { runId: 'Vendor-7', queue: 'q' } };

/** One run of each kind that a filter can tell apart, oldest first. */
const kinds: Readonly<Record<string, Partial<Run>>> = {
  queued: { agentId: echo, waiting: { cause: 'budget', retryAtMs: 9 } },
  running: { agentId: echo, agentName: 'Echo', phase: 'running', upstream: { runId: 'v-1' }, owner: 'r1' },
  elsewhere: { agentId: pair, phase: 'running', owner: 'r2', ...others },
  asking: {
    ...{ agentId: pair, phase: 'interrupted', status: 'interrupted', threadId: 'thread-9', backend: 'east' },
    outcome: { kind: 'interrupt', payload: { ask: 'sure?' } },
  },
  foreign: { agentId: echo, tenant: 'acme', phase: 'running', owner: 'r1' },
  failed: {
    ...{ agentId: echo, phase: 'done', status: 'error', vendor: { runId: 'v-2', code: 'TZ17' } },
    outcome: { kind: 'error', errcode: 1002, description: 'No \u0000 answer from the vendor' },
  },
  late: {
    ...{ agentId: pair, phase: 'done', status: 'timeout', backend: 'west' },
    outcome: { kind: 'error', errcode: 1001, description: 'too late' },
  },
  well: {
    ...{ agentId: echo, tenant: 'acme', phase: 'done', status: 'success', vendor: { runId: 'v-3' } },
    ...{ outcome: { kind: 'result', value: 'x'.repeat(200_000) }, request: { metadata: { team: 'Blue\n', n: 1 } } },
  },
};

const ended = ['failed', 'late', 'well'];
const cases: readonly (readonly [RunFilter, readonly string[]])[] = [
  [{}, Object.keys(kinds)],
  [{ tenant: 'acme' }, ['foreign', 'well']],
  [{ agentIds: [pair] }, ['elsewhere', 'asking', 'late']],
  [{ tenant: 'main', agentIds: [echo] }, ['queued', 'running', 'failed']],
  [{ tenant: 'main', agentIds: [echo, pair], statuses: ['error', 'timeout'] }, ['failed', 'late']],
  [{ phases: ['running'] }, ['running', 'elsewhere', 'foreign']],
  [{ phases: ['queued', 'done'] }, ['queued', ...ended]],
  [{ statuses: ['interrupted'] }, ['asking']],
  [{ isLive: true }, ['queued', 'running', 'elsewhere', 'asking', 'foreign']],
  [{ isLive: true, tenant: 'main', agentIds: [pair] }, ['elsewhere', 'asking']],
  [{ isLive: false }, ended],
  [{ owner: 'r1' }, ['running', 'foreign']],
  [{ threadId: 'thread-9' }, ['asking']],
  [{ errcodes: [1002] }, ['failed']],
  [{ errcodes: [1001, 1002], statuses: ['timeout'] }, ['late']],
  [{ backend: { name: 'west', onlyAgentIds: [], otherAgentIds: [pair] } }, ['elsewhere', 'late']],
  [
    { backend: { name: 'west', onlyAgentIds: [echo], otherAgentIds: [pair] }, isLive: true },
    ['queued', 'running', 'elsewhere', 'foreign'],
  ],
  [{ backend: { name: 'gone', onlyAgentIds: [], otherAgentIds: [] } }, []],
  [{ text: 'VENDOR-7' }, ['elsewhere']],
  [{ text: 'v-2' }, ['failed']],
  [{ text: 'tz17' }, ['failed']],
  [{ text: 'answer from' }, ['failed']],
  [{ text: '"team":"Blue' }, ['well']],
  [{ text: 'thread-9' }, ['asking']],
  [{ text: 'echo' }, ['running']],
  [{ text: '%' }, []],
  [{ text: 'x'.repeat(20) }, []],
];

const report: ReplicaReport = {
  ...{ version: '1.2.3', configHash: 'abc', startedAtMs: 5, liveRuns: 2, parkedRuns: 1, isDraining: false },
  backends: { west: 'down' },
};

export function describeOperations(bench: () => Bench): void {
  async function insert(hours = 0): Promise<ReadonlyMap<string, Run>> {
    const runs = new Map<string, Run>();
    for (const [name, kind] of Object.entries(kinds)) {
      const run = makeRun({ ...kind, createdAtMs: Date.now() - hours * 3_600_000 });
      await bench().store.insert({ ...run, phase: 'queued', status: 'pending', outcome: null, vendor: undefined }, []);
      const last = nextVersion(run, { lastSeq: 1 });
      expect(await bench().store.update({ run: last, expectedVersion: 1, events: [] })).toBe(true);
      runs.set(name, last);
    }
    return runs;
  }

  const nameOf = (runs: ReadonlyMap<string, Run>, runId: string) =>
    [...runs].find(([, run]) => run.runId === runId)?.[0];

  describe('what operators look at', () => {
    test('a walk over all tenants gives exactly the runs that match its filter, newest first', async () => {
      const runs = await insert();
      const { operations } = bench().store;
      for (const [filter, names] of cases) {
        const walk = { filter, before: null, maxExamined: 1000, limit: 100 };
        const found = await operations.walkRuns(walk);
        expect([filter, found.runs.map(({ runId }) => nameOf(runs, runId))]).toEqual([filter, names.toReversed()]);
        expect([filter, found.next]).toEqual([filter, null]);
        const { groups, isComplete } = await operations.countRuns({
          filter,
          maxExamined: 1000,
          spreadAgentIds: [pair],
        });
        expect([filter, isComplete, groups.reduce((sum, { count }) => sum + count, 0)]).toEqual([
          filter,
          true,
          names.length,
        ]);
      }
    });

    test('pages and walks that stop at their bound go on without a gap or a repeat', async () => {
      const runs = await insert();
      const { operations } = bench().store;
      for (const [filter, names] of cases) {
        for (const [limit, maxExamined] of [
          [1, 1000],
          [3, 2],
          [100, 1],
          [2, 3],
        ] as const) {
          const seen: string[] = [];
          let before: string | null = null;
          let walks = 0;
          do {
            const found = await operations.walkRuns({ filter, before, maxExamined, limit });
            expect(found.runs.length).toBeLessThanOrEqual(limit);
            seen.push(...found.runs.map(({ runId }) => nameOf(runs, runId) ?? ''));
            before = found.next;
            walks += 1;
          } while (before !== null && walks < 50);
          expect([filter, limit, maxExamined, seen]).toEqual([filter, limit, maxExamined, names.toReversed()]);
        }
      }
    });

    test('a listed run shows its backend, its ids, its wait, its error and its metadata, and no payload', async () => {
      const runs = await insert();
      const found = await bench().store.operations.walkRuns({ filter: {}, before: null, maxExamined: 100, limit: 100 });
      const head = (name: string) => found.runs.find(({ runId }) => runId === runs.get(name)?.runId);
      expect(head('elsewhere')).toMatchObject({ ...others, owner: 'r2', error: null, metadata: {} });
      expect(head('queued')).toMatchObject({ waiting: { cause: 'budget', retryAtMs: 9 }, upstream: null });
      expect(head('failed')).toMatchObject({
        ...{ upstream: { runId: 'v-2', code: 'TZ17' } },
        error: { errcode: 1002, description: 'No \u0000 answer from the vendor' },
      });
      // Its state is too large to be read for a list.
      expect(head('well')).toMatchObject({
        ...{ upstream: { runId: 'v-3' }, deadlineAtMs: null, metadata: { team: 'Blue\n', n: 1 } },
      });
      expect(JSON.stringify(found.runs)).not.toContain('sure?');
    });

    test('runs are counted in groups with the oldest of each', async () => {
      const runs = await insert();
      const { groups } = await bench().store.operations.countRuns({
        ...{ filter: { isLive: true, tenant: 'main' }, maxExamined: 100, spreadAgentIds: [pair] },
      });
      expect(groups).toHaveLength(4);
      expect(groups).toContainEqual({
        ...{ agentId: pair, agentName: 'price-scraper', backend: 'west', tenant: 'main', phase: 'running' },
        ...{ status: 'pending', count: 1, oldestMs: runs.get('elsewhere')?.createdAtMs },
      });
      const bounded = await bench().store.operations.countRuns({ filter: {}, maxExamined: 3, spreadAgentIds: [] });
      expect([bounded.isComplete, bounded.groups.reduce((sum, { count }) => sum + count, 0)]).toEqual([false, 3]);
    });

    test('times of creation bound a walk', async () => {
      const runs = await insert();
      const { operations } = bench().store;
      const times = [...runs.values()].map(({ createdAtMs }) => createdAtMs);
      const [first = 0, last = 0] = [Math.min(...times), Math.max(...times)];
      const count = async (filter: RunFilter) =>
        (await operations.walkRuns({ filter, before: null, maxExamined: 100, limit: 100 })).runs.length;
      expect(await count({ createdBeforeMs: first })).toBe(0);
      expect(await count({ createdBeforeMs: last + 1, createdFromMs: first })).toBe(times.length);
      expect(await count({ createdFromMs: last + 1 })).toBe(0);
      expect(await count({ isLive: true, createdFromMs: first, createdBeforeMs: last + 1 })).toBe(5);
    });

    test('stops are kept over a restart, replaced by name and lifted once', async () => {
      const stop: Stop = { kind: 'agent', name: 'echo', reason: 'it costs too much', by: 'ada', atMs: 7 };
      const { operations } = bench().store;
      expect(await operations.stops()).toEqual([]);
      await operations.putStop({ ...stop, reason: 'first' });
      await operations.putStop(stop);
      await operations.putStop({ ...stop, kind: 'tenant', atMs: 8 });
      const again = await bench().reopen();
      expect(await again.operations.stops()).toEqual([stop, { ...stop, kind: 'tenant', atMs: 8 }]);
      expect(await again.operations.liftStop({ kind: 'agent', name: 'echo' })).toBe(true);
      expect(await again.operations.liftStop({ kind: 'agent', name: 'echo' })).toBe(false);
      expect(await again.operations.stops()).toHaveLength(1);
    });

    test('replicas show their reports, the runs that they own and what is wanted of them', async () => {
      await insert();
      const [one, other] = [bench().store, await bench().openSecond()];
      expect(await one.operations.setDrain('r1', true)).toBe(false);
      for (const replica of ['r1', 'r2']) {
        await one.beat(replica);
        await one.operations.report(replica, report);
      }
      expect(await other.operations.setDrain('r1', true)).toBe(true);
      const rows = await other.operations.replicas();
      expect(rows.map(({ replica, runs, shouldDrain }) => [replica, runs, shouldDrain])).toEqual([
        ['r1', 2, true],
        ['r2', 1, false],
      ]);
      expect(rows[0]?.report).toEqual(report);
      expect(Math.abs((rows[0]?.beatAtMs ?? 0) - Date.now())).toBeLessThan(60_000);
      await one.operations.report('r1', { ...report, isDraining: true });
      expect((await other.operations.replicas())[0]).toMatchObject({ report: { isDraining: true }, shouldDrain: true });
    });

    test('another process is told what clients watch here, each once, and the own one is not', async () => {
      const [one, other] = [bench().store, await bench().openSecond()];
      if (one.wakes === null) return expect(other.wakes).toBeNull();
      await hearFrom(other, one);
      const [heard, own] = [vi.fn(), vi.fn()];
      const end = other.wakes?.onWatched(heard);
      one.wakes.onWatched(own);
      const watched = Array.from(
        { length: 400 },
        (_, at) => ({ kind: at < 300 ? 'run' : 'thread', id: `id-${at}` }) as const,
      );
      for (const each of [...watched, ...watched]) one.wakes.announceWatched(each);
      await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(400), { timeout: 20_000 });
      expect(heard.mock.calls.flat()).toEqual(expect.arrayContaining(watched));
      end?.();
      expect(own).not.toHaveBeenCalled();
    });

    test('another process is told of stops and drains, and the own one is not', async () => {
      const [one, other] = [bench().store, await bench().openSecond()];
      if (one !== other) await hearFrom(other, one);
      const heard = vi.fn();
      const own = vi.fn();
      const end = other.operations.onChange(heard);
      if (one !== other) one.operations.onChange(own);
      await one.operations.putStop({ kind: 'tenant', name: 'acme', reason: 'r', by: 'b', atMs: 1 });
      if (one !== other) await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1), { timeout: 20_000 });
      await one.operations.liftStop({ kind: 'tenant', name: 'acme' });
      if (one !== other) await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(2), { timeout: 20_000 });
      end();
      expect(own).not.toHaveBeenCalled();
    });
  });
}

/** Waits until the listener has heard all that the other store has said, which is a hello when it opens. */
async function hearFrom({ wakes }: Store, listener: Store): Promise<void> {
  const heard = vi.fn();
  const end = listener.wakes?.subscribe(heard);
  await wakes?.wakeRun('any-run');
  await vi.waitFor(() => expect(heard).toHaveBeenCalled(), { timeout: 20_000 });
  end?.();
}
