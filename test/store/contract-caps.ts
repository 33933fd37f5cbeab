import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import type { Cap, CapLimit } from '../../src/contract/domain/cap.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import type { Store } from '../../src/contract/store/store.ts';
import type { Bench } from './contract.ts';
import { makeDone, makeEvent, makeRun, nextVersion } from './runs.ts';
import { makeThread } from './threads.ts';

const makeCap = (difference: Partial<Cap> = {}): Cap => ({
  ...{ name: 'agent a', agent: 'a', tenant: null, reserve: 0 },
  ...{ runsPerHour: null, runsPerDay: null, costPerHour: null, costPerDay: null },
  ...difference,
});

export function describeCaps(bench: () => Bench): void {
  /** What became of a new run under the caps. */
  async function tryRun(caps: readonly Cap[], store: Store = bench().store, run: Run = makeRun()) {
    const insertion = await store.insertWithin(run, [makeEvent(run)], { caps });
    expect(await store.find(run)).toEqual(insertion.kind === 'inserted' ? run : null);
    return { run, insertion, isIn: insertion.kind === 'inserted' };
  }

  async function end(run: Run, settlements: readonly { name: string; released: number; cost: number }[]) {
    const done = makeDone(run, Date.now());
    expect(await bench().store.update({ run: done, expectedVersion: run.version, events: [], settlements })).toBe(true);
  }

  /** Lets what was counted so far be older. */
  async function age(ms: number): Promise<void> {
    const change = `UPDATE cap_uses SET bucket_ms = bucket_ms - ${ms} WHERE span <> 'open'`;
    const { url } = bench();
    if (url.startsWith('sqlite:')) {
      const database = new DatabaseSync(url.slice('sqlite:'.length));
      database.exec('PRAGMA busy_timeout = 10000');
      database.exec(change);
      database.close();
      return;
    }
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(change);
    await client.end();
  }

  const use = async (cap: Cap) => (await bench().store.caps.uses([cap]))[0];

  describe('caps', () => {
    test('runs are taken up to a cap in any hour and any day, and again once the first of them are that old', async () => {
      const hourly = makeCap({ runsPerHour: 3 });
      for (let n = 0; n < 3; n += 1) expect((await tryRun([hourly])).isIn).toBe(true);
      const { insertion } = await tryRun([hourly]);
      expect(insertion).toMatchObject({ kind: 'capped', reached: { name: 'agent a', limit: 'runsPerHour', max: 3 } });
      const freesInMs = insertion.kind === 'capped' ? (insertion.reached.freesInMs ?? 0) : 0;
      expect(freesInMs).toBeGreaterThan(3_600_000 - 60_000);
      expect(freesInMs).toBeLessThanOrEqual(3_660_000);
      // A refused run is not counted.
      expect(await use(hourly)).toMatchObject({ hour: { runs: 3 }, day: { runs: 3 } });
      await age(3_500_000);
      expect((await tryRun([hourly])).isIn).toBe(false);
      await age(160_001);
      expect((await tryRun([hourly])).isIn).toBe(true);
      const daily = makeCap({ runsPerDay: 4 });
      expect((await tryRun([daily])).insertion).toMatchObject({ reached: { limit: 'runsPerDay', max: 4 } });
      await age(86_400_000 + 900_000);
      expect((await tryRun([daily])).isIn).toBe(true);
      expect(await use(daily)).toMatchObject({ hour: { runs: 1 }, day: { runs: 1 } });
    });

    test('caps are counted by name, a run with all of its caps, and one that another cap refuses with none', async () => {
      const [a, b] = [makeCap({ runsPerDay: 2 }), makeCap({ name: 'tenant t', runsPerDay: 3 })];
      expect((await tryRun([a, b])).isIn).toBe(true);
      expect((await tryRun([a, b])).isIn).toBe(true);
      expect((await tryRun([a, b])).insertion).toMatchObject({ kind: 'capped', reached: { name: 'agent a' } });
      expect((await tryRun([b])).isIn).toBe(true);
      expect((await tryRun([b])).insertion).toMatchObject({ kind: 'capped', reached: { name: 'tenant t' } });
      expect((await bench().store.caps.uses([a, b])).map(({ name, day }) => [name, day.runs])).toEqual([
        ['agent a', 2],
        ['tenant t', 3],
      ]);
      // What was used stays when the cap changes.
      expect((await tryRun([{ ...a, runsPerDay: 3 }])).isIn).toBe(true);
      expect((await tryRun([{ ...a, runsPerDay: 1 }])).isIn).toBe(false);
    });

    test('a request that is repeated gets its run although no room is left, and is not counted again', async () => {
      const cap = makeCap({ runsPerHour: 1 });
      const { store } = bench();
      const run = makeRun();
      const idempotency = { tenant: run.tenant, key: 'k', fingerprint: 'f', expiresAtMs: Date.now() + 60_000 };
      const insert = (each: Run, fingerprint = 'f') =>
        store.insertWithin(each, [], { caps: [cap], idempotency: { ...idempotency, fingerprint } });
      expect(await insert(run)).toEqual({ kind: 'inserted' });
      expect(await insert(makeRun())).toEqual({ kind: 'replayed', runId: run.runId });
      expect(await insert(makeRun(), 'g')).toEqual({ kind: 'mismatch' });
      expect(await use(cap)).toMatchObject({ hour: { runs: 1 } });
    });

    test('room that a repeated request does not need is left to the runs that are written together with it', async () => {
      const cap = makeCap({ runsPerHour: 4, reserve: 1, costPerDay: 100 });
      const { store } = bench();
      const first = makeRun();
      const idempotency = { tenant: first.tenant, key: 'k', fingerprint: 'f', expiresAtMs: Date.now() + 60_000 };
      const repeat = async (run: Run) => (await store.insertWithin(run, [], { caps: [cap], idempotency })).kind;
      expect(await repeat(first)).toBe('inserted');
      const { threadId } = makeThread();
      const admission = { create: makeThread({ threadId }), refuseBusy: true };
      const inThread = makeRun({ threadId });
      const kinds = await Promise.all([
        // Written alone, so that the others are written together after it.
        repeat(makeRun()),
        repeat(makeRun()),
        store.insertWithin(inThread, [makeEvent(inThread)], { caps: [cap], admission }).then(({ kind }) => kind),
        ...Array.from({ length: 4 }, async () => (await tryRun([cap])).insertion.kind),
      ]);
      expect(kinds).toEqual(['replayed', 'replayed', 'inserted', 'inserted', 'inserted', 'capped', 'capped']);
      expect(await use(cap)).toMatchObject({ hour: { runs: 4 }, reserved: 4 });
    });

    test('a run that cannot be written is refused alone, and those that are written together with it are counted', async () => {
      const cap = makeCap({ runsPerHour: 10 });
      const { store } = bench();
      const known = await tryRun([cap]);
      const tries = [known.run, makeRun(), makeRun()].map((run) => store.insertWithin(run, [], { caps: [cap] }));
      const settled = await Promise.allSettled([store.insertWithin(makeRun(), [], { caps: [cap] }), ...tries]);
      expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
      expect(await use(cap)).toMatchObject({ hour: { runs: 4 } });
    });

    test('a run that its thread refuses is not counted, and one in a thread is', async () => {
      const { store } = bench();
      const cap = makeCap({ runsPerHour: 2, reserve: 1, costPerDay: 10 });
      const { threadId } = makeThread();
      const insert = async (create: boolean) => {
        const run = makeRun({ threadId });
        const thread = create ? makeThread({ threadId }) : undefined;
        const admission = { create: thread, refuseBusy: true };
        return (await store.insertWithin(run, [makeEvent(run)], { caps: [cap], admission })).kind;
      };
      expect(await insert(false)).toBe('thread-missing');
      expect(await insert(true)).toBe('inserted');
      expect(await insert(false)).toBe('thread-busy');
      expect(await use(cap)).toMatchObject({ hour: { runs: 1 }, reserved: 1 });
    });

    test('once the cost of a window has reached its cap no run is taken, until it is old enough', async () => {
      const cap = makeCap({ costPerDay: 1 });
      const [first, second] = [await tryRun([cap]), await tryRun([cap])];
      await end(first.run, [{ name: cap.name, released: 0, cost: 0.7 }]);
      expect((await tryRun([cap])).isIn).toBe(true);
      await end(second.run, [{ name: cap.name, released: 0, cost: 0.3 }]);
      const { insertion } = await tryRun([cap]);
      expect(insertion).toMatchObject({ kind: 'capped', reached: { limit: 'costPerDay', max: 1 } });
      const expected = { hour: { runs: 3, cost: 1 }, day: { runs: 3, cost: 1 }, reserved: 0 };
      expect(await use(cap)).toMatchObject({ ...expected, reached: { limit: 'costPerDay' } });
      await age(86_400_000 + 900_000);
      expect((await tryRun([cap])).isIn).toBe(true);
    });

    test('with a reserve no run is taken that could exceed the cap, and an end frees what was reserved', async () => {
      const cap = makeCap({ costPerHour: 1, reserve: 0.3 });
      const runs = [await tryRun([cap]), await tryRun([cap]), await tryRun([cap])];
      expect(runs.map(({ isIn }) => isIn)).toEqual([true, true, true]);
      const held = await tryRun([cap]);
      expect(held.insertion).toMatchObject({ kind: 'capped', reached: { limit: 'costPerHour', freesInMs: null } });
      expect(await use(cap)).toMatchObject({ reserved: 0.9, hour: { cost: 0 } });
      const [first, second, third] = runs;
      if (first === undefined || second === undefined || third === undefined) return;
      await end(first.run, [{ name: cap.name, released: 0.3, cost: 0.1 }]);
      expect(await use(cap)).toMatchObject({ reserved: 0.6, hour: { cost: 0.1 } });
      expect((await tryRun([cap])).isIn).toBe(true);
      expect((await tryRun([cap])).isIn).toBe(false);
      // Refused as out of date: nothing is freed.
      const { store } = bench();
      const stale = { run: nextVersion(second.run), expectedVersion: 9, events: [] };
      const settlements = [{ name: cap.name, released: 0.3, cost: 5 }];
      expect(await store.update({ ...stale, settlements })).toBe(false);
      expect(await use(cap)).toMatchObject({ reserved: 0.9, hour: { cost: 0.1 } });
      // What runs under way count as does not grow old.
      await age(86_400_000 * 2);
      expect(await use(cap)).toMatchObject({ reserved: 0.9, hour: { cost: 0 } });
    });

    const limits: readonly CapLimit[] = ['runsPerHour', 'costPerDay'];
    test.each(limits)(
      'however many create runs at the same time over two processes, %s is never exceeded',
      async (limit) => {
        const { store, openSecond } = bench();
        const second = await openSecond();
        const caps = [
          makeCap({ [limit]: 10, reserve: 1 }),
          makeCap({ name: 'tenant main', costPerDay: 1000, reserve: 1 }),
        ];
        const tries = Array.from({ length: 40 }, (_, n) =>
          tryRun(n % 3 === 0 ? caps.toReversed() : caps, n % 2 === 0 ? store : second),
        );
        const taken = (await Promise.all(tries)).filter(({ isIn }) => isIn);
        expect(taken).toHaveLength(10);
        expect((await store.caps.uses(caps)).map(({ day, reserved }) => [day.runs, reserved])).toEqual([
          [10, 10],
          [10, 10],
        ]);
        const settlements = caps.map(({ name }) => ({ name, released: 1, cost: 0.25 }));
        await Promise.all(taken.map(({ run }, n) => end(run, n % 2 === 0 ? settlements : settlements.toReversed())));
        expect((await store.caps.uses(caps)).map(({ day, reserved }) => [day.cost, reserved])).toEqual([
          [2.5, 0],
          [2.5, 0],
        ]);
      },
    );

    test('what was used outlives the process', async () => {
      const cap = makeCap({ runsPerDay: 1 });
      await tryRun([cap]);
      const again = await bench().reopen();
      expect((await again.insertWithin(makeRun(), [], { caps: [cap] })).kind).toBe('capped');
    });
  });
}
