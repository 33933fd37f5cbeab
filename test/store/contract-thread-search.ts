import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/contract/domain/json.ts';
import { type Thread, type ThreadQuery, threadSortKeys, threadStatuses } from '../../src/contract/domain/thread.ts';
import type { Bench } from './contract.ts';
import { differing, matching, stored } from './member-cases.ts';
import { all } from './rows.ts';
import { makeRun } from './runs.ts';
import { endRun, insertRun, makeCheckpoint, makeThread } from './threads.ts';

const agents = ['agent-a', null];

export function describeThreadSearch(bench: () => Bench): void {
  async function searchIds(query: Partial<ThreadQuery>): Promise<readonly string[]> {
    const found = await all(bench().store.threads.searchThreads({ tenant: 'main', limit: 1000, offset: 0, ...query }));
    return found.map((thread) => thread.threadId);
  }

  /** Two threads of each agent and status, the newest last, but written in another order. */
  async function insertMatrix(): Promise<readonly Thread[]> {
    let createdAtMs = 1_700_000_000_000;
    const threads = [0, 1].flatMap(() =>
      threadStatuses.flatMap((status) =>
        agents.map((agentId) => makeThread({ status, agentId, createdAtMs: createdAtMs++ })),
      ),
    );
    const shuffled = threads.toSorted((a, b) => (a.threadId < b.threadId ? -1 : 1));
    await Promise.all(shuffled.map((thread) => bench().store.threads.insertThread(thread)));
    return threads;
  }

  describe('search for threads', () => {
    const filters: Pick<ThreadQuery, 'agentId' | 'status'>[] = [undefined, 'agent-a'].flatMap((agentId) =>
      [undefined, 'interrupted' as const].map((status) => ({ agentId, status })),
    );
    test.each(filters)(
      'a search for threads by %j gives exactly the matching threads, newest first',
      async (filter) => {
        const threads = await insertMatrix();
        const expected = threads.filter(
          (thread) =>
            (filter.agentId === undefined || thread.agentId === filter.agentId) &&
            (filter.status === undefined || thread.status === filter.status),
        );
        expect(expected.length).toBeGreaterThan(1);
        const found = await all(
          bench().store.threads.searchThreads({ tenant: 'main', limit: 1000, offset: 0, ...filter }),
        );
        expect(found).toEqual(expected.toReversed());
      },
    );

    test('limit and offset page through all threads without gaps and repeats', async () => {
      const threads = await insertMatrix();
      const newestFirst = threads.map((thread) => thread.threadId).toReversed();
      for (const agentId of [undefined, 'agent-a']) {
        const expected = newestFirst.filter((_, index) => agentId === undefined || index % 2 === 1);
        const pages: string[] = [];
        for (let offset = 0; offset < expected.length; offset += 3) {
          pages.push(...(await searchIds({ agentId, limit: 3, offset })));
        }
        expect(pages).toEqual(expected);
        expect(await searchIds({ agentId, offset: expected.length })).toEqual([]);
      }
    });

    test('threads of one instant are paged through without gaps, past those that do not match', async () => {
      const threads = Array.from({ length: 40 }, (_, index) =>
        makeThread({ createdAtMs: 1000, agentId: index % 2 ? 'agent-b' : 'agent-a' }),
      );
      await Promise.all(threads.map((thread) => bench().store.threads.insertThread(thread)));
      for (const agentId of [undefined, 'agent-a']) {
        const expected = threads.filter((thread) => agentId === undefined || thread.agentId === agentId);
        const offsets = Array.from({ length: expected.length / 4 }, (_, page) => page * 4);
        const pages = await Promise.all(offsets.map((offset) => searchIds({ agentId, limit: 4, offset })));
        expect(pages.flat().toSorted()).toEqual(expected.map((thread) => thread.threadId).toSorted());
      }
    });

    test('a search never shows the threads of another tenant', async () => {
      const { store } = bench();
      const theirs = makeThread({ tenant: 'theirs', agentId: 'agent-a', metadata: { a: 1 } });
      await store.threads.insertThread(theirs);
      for (const filter of [{}, { agentId: 'agent-a' }, { metadata: { a: 1 } }]) {
        expect(await searchIds(filter)).toEqual([]);
        expect(await searchIds({ ...filter, tenant: 'theirs' })).toEqual([theirs.threadId]);
      }
    });

    test('a search for threads keeps to the other filters, limit and offset past many that do not match', async () => {
      const { store } = bench();
      const threads = Array.from({ length: 5000 }, (_, index) =>
        makeThread({
          agentId: index % 2 ? 'agent-b' : 'agent-a',
          createdAtMs: 1000 + index,
          metadata: { rare: index % 1000 === 0, index },
          values: { index },
        }),
      );
      await Promise.all(threads.map((thread) => store.threads.insertThread(thread)));
      const rare = [4000, 3000, 2000, 1000, 0].map((index) => threads[index]?.threadId);
      expect(await searchIds({ metadata: { rare: true } })).toEqual(rare);
      expect(await searchIds({ metadata: { rare: true }, limit: 2, offset: 2 })).toEqual(rare.slice(2, 4));
      expect(await searchIds({ metadata: { rare: true }, agentId: 'agent-b' })).toEqual([]);
      expect(await searchIds({ metadata: { rare: true }, status: 'error' })).toEqual([]);
      expect(await searchIds({ metadata: { rare: true }, values: { index: 3000 } })).toEqual([rare[1]]);
      expect(await searchIds({ metadata: { rare: true }, tenant: 'other' })).toEqual([]);
    });
  });

  describe('sorted searches for threads', () => {
    /** Twelve threads whose orders all differ, with ties in status and in times. */
    async function insertSortable(): Promise<readonly Thread[]> {
      const { store } = bench();
      const threads = Array.from({ length: 12 }, (_, n) =>
        makeThread({
          status: threadStatuses[(n * 5) % 4] ?? 'idle',
          agentId: n % 2 ? 'agent-a' : null,
          metadata: { even: n % 2 === 0 },
          createdAtMs: 1000 + ((n * 5) % 12),
          updatedAtMs: 5000 + ((n * 7) % 11),
        }),
      );
      for (const thread of threads) await store.threads.insertThread(thread);
      // Every third thread gets a checkpoint, some of them later ones than the threads of the others were made.
      for (const [n, thread] of threads.entries()) {
        if (n % 3 !== 0) continue;
        const next = { ...thread, values: n };
        await store.threads.updateThread(next, 1, makeCheckpoint(thread.threadId, { atMs: 500 + n * 100 }));
      }
      return threads;
    }

    const statesAt = (threads: readonly Thread[]) =>
      new Map(threads.map(({ threadId, createdAtMs }, n) => [threadId, n % 3 === 0 ? 500 + n * 100 : createdAtMs]));

    test.each(threadSortKeys.flatMap((by) => [true, false].map((isAscending) => ({ by, isAscending }))))(
      'threads come in the order of %j, page by page, narrowed by filters too',
      async (sort) => {
        const threads = await insertSortable();
        const states = statesAt(threads);
        const keys = (thread: Thread) => ({
          createdAt: thread.createdAtMs,
          updatedAt: thread.updatedAtMs,
          stateUpdatedAt: states.get(thread.threadId) ?? 0,
          threadId: thread.threadId,
          status: thread.status,
        });
        const ordered = threads
          .toSorted((a, b) => {
            const [x, y] = [keys(a)[sort.by], keys(b)[sort.by]];
            return x === y ? (a.threadId < b.threadId ? -1 : 1) : x < y ? -1 : 1;
          })
          .map(({ threadId }) => threadId);
        if (!sort.isAscending) ordered.reverse();
        expect(await searchIds({ sort })).toEqual(ordered);
        const pages = [0, 5, 10].map((offset) => searchIds({ sort, limit: 5, offset }));
        expect((await Promise.all(pages)).flat()).toEqual(ordered);
        const chosen = (test: (thread: Thread) => boolean) =>
          ordered.filter((id) => threads.some((thread) => thread.threadId === id && test(thread)));
        expect(await searchIds({ sort, status: 'busy' })).toEqual(chosen(({ status }) => status === 'busy'));
        expect(await searchIds({ sort, agentId: 'agent-a', limit: 2, offset: 1 })).toEqual(
          chosen(({ agentId }) => agentId === 'agent-a').slice(1, 3),
        );
        expect(await searchIds({ sort, metadata: { even: true } })).toEqual(chosen(({ agentId }) => agentId === null));
      },
    );

    test('a search by ids gives those of the tenant that there are, by the other filters and in the order asked for', async () => {
      const threads = await insertSortable();
      const theirs = makeThread({ tenant: 'theirs' });
      await bench().store.threads.insertThread(theirs);
      const ids = [threads[7], threads[2], theirs, makeThread(), threads[3]].flatMap(
        (thread) => thread?.threadId ?? [],
      );
      const wanted = [2, 3, 7].flatMap((n) => threads[n] ?? []).toSorted((a, b) => b.createdAtMs - a.createdAtMs);
      expect(await searchIds({ ids })).toEqual(wanted.map(({ threadId }) => threadId));
      expect(await searchIds({ ids, limit: 1, offset: 1 })).toEqual([wanted[1]?.threadId]);
      expect(await searchIds({ ids, agentId: 'agent-a' })).toEqual(
        wanted.filter(({ agentId }) => agentId !== null).map(({ threadId }) => threadId),
      );
      const sort = { by: 'updatedAt', isAscending: true } as const;
      expect(await searchIds({ ids, sort })).toEqual(
        wanted.toSorted((a, b) => a.updatedAtMs - b.updatedAtMs).map(({ threadId }) => threadId),
      );
      expect(await searchIds({ ids: [] })).toEqual([]);
    });

    test('a count is what a search without bounds finds', async () => {
      const { store } = bench();
      const threads = await insertSortable();
      await store.threads.insertThread(makeThread({ tenant: 'theirs' }));
      const filters: readonly Omit<ThreadQuery, 'tenant' | 'limit' | 'offset'>[] = [
        {},
        { status: 'busy' },
        { agentId: 'agent-a' },
        { agentIds: ['agent-b'] },
        { metadata: { even: true } },
        { metadata: { even: 'true' } },
        { values: { a: 1 } },
        { ids: threads.slice(2, 5).map(({ threadId }) => threadId), status: 'idle' },
      ];
      for (const filter of filters) {
        expect(await store.threads.countThreads({ tenant: 'main', ...filter })).toBe((await searchIds(filter)).length);
      }
      expect(await store.threads.countThreads({ tenant: 'main' })).toBe(12);
    });

    test('a sorted search and a count see every one of some thousand threads', async () => {
      const { store } = bench();
      const threads = Array.from({ length: 2500 }, (_, n) =>
        makeThread({ createdAtMs: 1000 + (n % 50), status: n % 2 ? 'idle' : 'error' }),
      );
      await Promise.all(threads.map((thread) => store.threads.insertThread(thread)));
      const sort = { by: 'threadId', isAscending: true } as const;
      const sorted = threads.map(({ threadId }) => threadId).toSorted();
      expect(await searchIds({ sort, limit: 1000, offset: 1200 })).toEqual(sorted.slice(1200, 2200));
      expect(await store.threads.countThreads({ tenant: 'main' })).toBe(2500);
      expect(await store.threads.countThreads({ tenant: 'main', status: 'idle' })).toBe(1250);
    });
  });

  describe.each(['metadata', 'values'] as const)('search for threads by %s', (field) => {
    test.each(matching)('a thread is found by the matching members %j', async (wanted) => {
      const thread = makeThread({ [field]: stored });
      await bench().store.threads.insertThread(thread);
      expect(await searchIds({ [field]: wanted })).toEqual([thread.threadId]);
    });

    test.each(differing)('a thread is not found by the differing members %j', async (wanted) => {
      const { store } = bench();
      const other = field === 'metadata' ? 'values' : 'metadata';
      await store.threads.insertThread(makeThread({ [field]: stored, [other]: wanted }));
      await store.threads.insertThread(makeThread());
      expect(await searchIds({ [field]: wanted })).toEqual([]);
    });
  });

  describe('search for threads after a change', () => {
    test.each<Json>(['team', ['a'], null])('values %j are not an object and match no key', async (values) => {
      await bench().store.threads.insertThread(makeThread({ values }));
      expect(await searchIds({ values: { 0: 'a' } })).toEqual([]);
      expect(await searchIds({ values: { team: 'a' } })).toEqual([]);
    });

    test('a thread is found by its present state and not by an earlier one', async () => {
      const { store } = bench();
      const thread = makeThread({ metadata: { step: 0 }, values: { step: 0 } });
      await store.threads.insertThread(thread);
      const next = { ...thread, metadata: { step: 1 }, values: { step: 1 } };
      await store.threads.updateThread(next, 1, makeCheckpoint(thread.threadId, { values: { step: 1 } }));
      const run = await insertRun(store, thread.threadId, { agentId: 'agent-a' });
      expect(await searchIds({ agentId: 'agent-a', status: 'busy', metadata: { step: 1 } })).toEqual([thread.threadId]);
      const checkpoint = makeCheckpoint(thread.threadId, { values: { step: 2 }, metadata: { step: 2 } });
      await endRun(store, run, { status: 'error', checkpoint });
      expect(await searchIds({ values: { step: 2 }, status: 'error' })).toEqual([thread.threadId]);
      expect(await searchIds({ metadata: { step: 1 } })).toEqual([thread.threadId]);
      for (const query of [{ values: { step: 1 } }, { metadata: { step: 2 } }, { status: 'busy' as const }]) {
        expect(await searchIds(query)).toEqual([]);
      }
    });
  });

  describe('search for runs of no thread', () => {
    test('a search for runs without a thread leaves out those that have one, whatever the other filters', async () => {
      const { store } = bench();
      const runs = Array.from({ length: 30 }, (_, index) =>
        makeRun({
          threadId: index % 3 ? `thread-${index}` : null,
          agentId: index % 2 ? 'agent-b' : 'agent-a',
          request: { metadata: { even: index % 2 === 0 } },
        }),
      );
      await Promise.all(runs.map((run) => store.insert(run, [])));
      const ids = [27, 24, 21, 18, 15, 12, 9, 6, 3, 0].map((index) => runs[index]?.runId);
      const find = async (query: object) => {
        const found = await all(store.search({ tenant: 'main', threadId: null, limit: 100, offset: 0, ...query }));
        return found.map((run) => run.runId);
      };
      expect(await find({})).toEqual(ids);
      expect(await find({ limit: 3, offset: 2 })).toEqual(ids.slice(2, 5));
      expect(await find({ status: 'pending' })).toEqual(ids);
      expect(await find({ status: 'error' })).toEqual([]);
      expect(await find({ agentId: 'agent-a' })).toEqual(ids.filter((_, index) => index % 2 === 1));
      expect(await find({ metadata: { even: true } })).toEqual(ids.filter((_, index) => index % 2 === 1));
      expect(await find({ tenant: 'other' })).toEqual([]);
    });
  });
}
