import { describe, expect, test } from 'vitest';
import { type Run, runStatuses } from '../../src/contract/domain/run.ts';
import type { RunQuery } from '../../src/contract/store/store.ts';
import type { Bench } from './contract.ts';
import { differing, matching, stored } from './member-cases.ts';
import { all } from './rows.ts';
import { makeRun, nextVersion } from './runs.ts';

const agents = ['agent-a', 'agent-b'];
const threads = ['thread-1', null];

export function describeSearch(bench: () => Bench): void {
  /** Two runs of each agent, status and thread, the newest last. */
  async function insertMatrix(): Promise<readonly Run[]> {
    const runs = [0, 1].flatMap(() =>
      runStatuses.flatMap((status) =>
        agents.flatMap((agentId) => threads.map((threadId) => makeRun({ status, agentId, threadId }))),
      ),
    );
    // Written in another order than they were made: the id decides, not the insertion.
    const shuffled = runs.toSorted((a, b) => (a.runId.slice(-6) < b.runId.slice(-6) ? -1 : 1));
    await Promise.all(shuffled.map((run) => bench().store.insert(run, [])));
    return runs;
  }

  async function searchIds(query: Partial<RunQuery>): Promise<readonly string[]> {
    const found = await all(bench().store.search({ tenant: 'main', limit: 1000, offset: 0, ...query }));
    return found.map((run) => run.runId);
  }

  const newestFirst = (runs: readonly Run[]): readonly string[] => runs.map((run) => run.runId).toReversed();

  describe('search', () => {
    const filters: Pick<RunQuery, 'agentId' | 'status' | 'threadId'>[] = [undefined, 'agent-a'].flatMap((agentId) =>
      [undefined, 'success' as const].flatMap((status) =>
        [undefined, 'thread-1'].map((threadId) => ({ agentId, status, threadId })),
      ),
    );
    test.each(filters)('a search for runs by %j gives exactly the matching runs, newest first', async (filter) => {
      const runs = await insertMatrix();
      const expected = runs.filter(
        (run) =>
          (filter.agentId === undefined || run.agentId === filter.agentId) &&
          (filter.status === undefined || run.status === filter.status) &&
          (filter.threadId === undefined || run.threadId === filter.threadId),
      );
      expect(expected.length).toBeGreaterThan(1);
      expect(await searchIds(filter)).toEqual(newestFirst(expected));
    });

    test('limit and offset page through all runs without gaps and repeats', async () => {
      const runs = await insertMatrix();
      const pages: string[] = [];
      for (let offset = 0; offset < runs.length; offset += 7) pages.push(...(await searchIds({ limit: 7, offset })));
      expect(pages).toEqual(newestFirst(runs));
      expect(await searchIds({ offset: runs.length })).toEqual([]);
    });

    test('a run is found under its new status after an update', async () => {
      const { store } = bench();
      const run = makeRun();
      await store.insert(run, []);
      const waiting = nextVersion(run, { status: 'interrupted', phase: 'interrupted' });
      await store.update({ run: waiting, expectedVersion: 1, events: [] });
      expect(await searchIds({ status: 'pending' })).toEqual([]);
      expect(await searchIds({ status: 'interrupted' })).toEqual([run.runId]);
      const ended = nextVersion(waiting, { status: 'error', phase: 'done' });
      await store.update({ run: ended, expectedVersion: 2, events: [] });
      expect(await searchIds({ status: 'interrupted' })).toEqual([]);
      expect(await searchIds({ status: 'error' })).toEqual([run.runId]);
    });

    test('a search never shows the runs of another tenant', async () => {
      const { store } = bench();
      const [mine, theirs] = [makeRun({ tenant: 'mine' }), makeRun({ tenant: 'theirs' })];
      await store.insert(mine, []);
      await store.insert(theirs, []);
      expect(await searchIds({ tenant: 'mine' })).toEqual([mine.runId]);
      expect(await searchIds({ tenant: 'theirs', agentId: mine.agentId })).toEqual([theirs.runId]);
      expect(await searchIds({})).toEqual([]);
    });
  });

  describe('search by metadata', () => {
    test.each(matching)('a run is found by the matching metadata %j', async (metadata) => {
      const run = makeRun({ request: { metadata: stored } });
      await bench().store.insert(run, []);
      expect(await searchIds({ metadata })).toEqual([run.runId]);
      expect(await searchIds({ metadata, agentId: run.agentId, status: 'pending' })).toEqual([run.runId]);
    });

    test.each(differing)('a run is not found by the differing metadata %j', async (metadata) => {
      const { store } = bench();
      await store.insert(makeRun({ request: { metadata: stored } }), []);
      await store.insert(makeRun(), []);
      expect(await searchIds({ metadata })).toEqual([]);
    });

    test('a search by metadata keeps to the other filters, limit and offset past many runs that do not match', async () => {
      const { store } = bench();
      const runs = Array.from({ length: 5000 }, (_, index) =>
        makeRun({
          agentId: agents[index % 2] ?? '',
          request: { input: index, metadata: { rare: index % 1000 === 0, index } },
        }),
      );
      await Promise.all(runs.map((run) => store.insert(run, [])));
      const rare = [4000, 3000, 2000, 1000, 0].map((index) => runs[index]?.runId);
      expect(await searchIds({ metadata: { rare: true } })).toEqual(rare);
      expect(await searchIds({ metadata: { rare: true }, limit: 2, offset: 2 })).toEqual(rare.slice(2, 4));
      expect(await searchIds({ metadata: { rare: true }, agentId: 'agent-b' })).toEqual([]);
      expect(await searchIds({ metadata: { rare: true }, status: 'success' })).toEqual([]);
      expect(await searchIds({ metadata: { rare: true }, tenant: 'other' })).toEqual([]);
    });
  });
}
