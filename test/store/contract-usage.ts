import { describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import type { Bench } from './contract.ts';
import { all } from './rows.ts';
import { makeDone, makeRun } from './runs.ts';
import { makeThread } from './threads.ts';

const quota = { name: 'acme\nci', maxLive: 2 };

export function describeUsage(bench: () => Bench): void {
  describe('live runs of a name', () => {
    /** Counts a run and inserts it; null: the quota is used up. */
    async function tryRun(name = quota.name): Promise<Run | null> {
      const { store } = bench();
      const run = makeRun();
      if (!(await store.usage.reserveRun({ ...quota, name }, run.runId, undefined))) return null;
      await store.insert(run, []);
      return run;
    }

    test('live runs are counted up to the quota, for each name separately', async () => {
      expect(
        [await tryRun(), await tryRun(), await tryRun(), await tryRun('acme\nother')].map((run) => run !== null),
      ).toEqual([true, true, false, true]);
    });

    test('runs that are done, removed or were never inserted are no longer counted', async () => {
      const { store } = bench();
      const [first, second] = [await tryRun(), await tryRun()];
      if (first === null || second === null) throw new Error('the quota was used up');
      await store.update({ run: makeDone(first, Date.now()), expectedVersion: 1, events: [] });
      expect(await tryRun()).not.toBeNull();
      expect(await tryRun()).toBeNull();
      await store.remove(second, 1);
      const unborn = makeRun();
      expect(await store.usage.reserveRun(quota, unborn.runId, undefined)).toBe(true);
      expect(await tryRun()).toBeNull();
      await store.usage.releaseRun(unborn.runId);
      expect(await tryRun()).not.toBeNull();
    });

    test('live runs never exceed the quota, however many are created at once and by whichever process', async () => {
      const [one, other] = [bench().store, await bench().openSecond()];
      const admissions = Array.from({ length: 40 }, (_, at) =>
        (at % 2 === 0 ? one : other).usage.reserveRun({ name: 'crowd', maxLive: 7 }, makeRun().runId, undefined),
      );
      expect((await Promise.all(admissions)).filter(Boolean)).toHaveLength(7);
    });

    test('a run is not counted again for the retry of its request', async () => {
      const { store } = bench();
      const key = { tenant: 'main', key: 'k', fingerprint: 'f', expiresAtMs: Date.now() + 60_000 };
      const run = makeRun();
      const one = { name: 'retry', maxLive: 1 };
      expect(await store.usage.reserveRun(one, run.runId, key)).toBe(true);
      await store.insert(run, [], key);
      expect(await store.usage.reserveRun(one, makeRun().runId, key)).toBe(true);
      expect(await store.usage.reserveRun(one, makeRun().runId, { ...key, key: 'another' })).toBe(false);
    });
  });

  describe('what replicas use together', () => {
    test('replicas count requests together in windows of a second', async () => {
      const [one, other] = [bench().store.usage.shared, (await bench().openSecond()).usage.shared];
      if (one === null || other === null) return;
      const uses = await Promise.all(
        Array.from({ length: 30 }, (_, at) => (at % 2 === 0 ? one : other).countRequest('acme\nci')),
      );
      // However long they took, each window counts from one without a gap, for every replica.
      const starts = uses.filter(({ used }) => used === 1).length;
      expect(starts).toBeGreaterThan(0);
      expect(uses.length).toBeGreaterThanOrEqual(Math.max(...uses.map(({ used }) => used)));
      expect(new Set(uses.map(({ used }) => used)).size).toBeGreaterThanOrEqual(30 / starts);
      for (const { resetMs } of uses) expect(resetMs).toBeLessThanOrEqual(1000);
      expect((await one.countRequest('x'.repeat(500))).used).toBe(1);
    });

    test.each([-3_600_000, 3_600_000])(
      'a window of requests lasts a second, whatever the clock of a process says: %i ms off',
      async (offMs) => {
        const [shared, other] = [bench().store.usage.shared, (await bench().openSecond()).usage.shared];
        if (shared === null || other === null) return;
        const name = `clock ${offMs}`;
        vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + offMs });
        await shared.countRequest(name);
        vi.useRealTimers();
        // Replicas whose clocks differ count in the same window, and it ends.
        let ended = false;
        for (let before = 1; !ended; ) {
          const { used, resetMs } = await other.countRequest(name);
          expect(resetMs).toBeLessThanOrEqual(1000);
          ended = used <= before;
          if (!ended) expect(used).toBe(before + 1);
          before = used;
        }
      },
    );

    test('replicas count open streams together, and a closed one is free again', async () => {
      const [one, other] = [bench().store.usage.shared, (await bench().openSecond()).usage.shared];
      if (one === null || other === null) return;
      const taken = await Promise.all(
        Array.from({ length: 9 }, (_, at) => (at % 2 === 0 ? one : other).reserveStream('acme\nci', 4)),
      );
      expect(taken.filter(Boolean)).toHaveLength(4);
      expect(await one.reserveStream('acme\nother', 1)).toBe(true);
      await (taken.indexOf(true) % 2 === 0 ? one : other).releaseStream('acme\nci');
      expect(await other.reserveStream('acme\nci', 4)).toBe(true);
      expect(await one.reserveStream('acme\nci', 4)).toBe(false);
    });
  });

  describe('a search by several agents', () => {
    const agents = ['a', 'b', 'c'].map((letter) => letter.repeat(36));

    test('a search by several agents finds their runs, newest first, with every other condition', async () => {
      const { store } = bench();
      const runs: Run[] = [];
      for (let at = 0; at < 12; at += 1) {
        const metadata: JsonObject = at % 2 === 0 ? { even: true } : { odd: true };
        const run = makeRun({ agentId: agents[at % 3] ?? '', request: { metadata } });
        await store.insert(run, []);
        runs.unshift(run);
      }
      const agentIds = agents.slice(1);
      const wanted = runs.filter(({ agentId }) => agentIds.includes(agentId)).map(({ runId }) => runId);
      const page = { tenant: 'main', agentIds, limit: 100, offset: 0 };
      const find = async (more: object) => (await all(store.search({ ...page, ...more }))).map(({ runId }) => runId);
      expect(await find({})).toEqual(wanted);
      expect(await find({ limit: 3, offset: 2 })).toEqual(wanted.slice(2, 5));
      expect(await find({ status: 'pending' })).toEqual(wanted);
      expect(await find({ status: 'success' })).toEqual([]);
      const even = runs.filter((run) => wanted.includes(run.runId) && run.request.metadata?.even === true);
      expect(await find({ metadata: { even: true } })).toEqual(even.map(({ runId }) => runId));
    });

    test('a search by several agents finds their threads and those without an agent', async () => {
      const { store } = bench();
      const ids: string[] = [];
      for (const agentId of [...agents, null]) {
        const thread = makeThread({ agentId });
        await store.threads.insertThread(thread);
        ids.push(thread.threadId);
      }
      const query = { tenant: 'main', agentIds: agents.slice(1), limit: 100, offset: 0 };
      const found = (await all(store.threads.searchThreads(query))).map(({ threadId }) => threadId);
      expect(found.toSorted()).toEqual(ids.slice(1).toSorted());
    });
  });
}
