import { describe, expect, test } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import type { Delivery, NewDelivery } from '../../src/contract/domain/webhook.ts';
import type { Store } from '../../src/contract/store/store.ts';
import { afterReceiversOf, receiverOf } from '../../src/engine/webhooks/outbox-entry.ts';
import { readJson } from '../../src/json/exact-number.ts';
import type { Bench } from './contract.ts';
import { makeDone, makeRun, nextVersion } from './runs.ts';
import { makeThread } from './threads.ts';

const leaseMs = 600_000;

export function describeWebhooks(bench: () => Bench): void {
  const at = () => ({ nowMs: Date.now() });

  function owed(run: Run, difference: Partial<NewDelivery> = {}): NewDelivery {
    const { runId, tenant, version: seq } = run;
    const body = JSON.stringify({ run_id: runId, text: 'line\nfeed "quoted" ☃' });
    const place = { tenant, url: 'https://a.test/hook?key=1', ...difference };
    return { runId, seq, body, createdAtMs: Date.now(), ...place, receiver: receiverOf(place), ...difference };
  }

  /** Writes so many changes of one new run, each with a delivery. */
  async function owe(store: Store, count = 1, difference: Partial<NewDelivery> = {}): Promise<Run> {
    let run = makeRun();
    await store.insert(run, []);
    for (let n = 0; n < count; n += 1) run = await change(store, run, difference);
    return run;
  }

  async function change(store: Store, run: Run, difference: Partial<NewDelivery> = {}): Promise<Run> {
    const next = nextVersion(run);
    const delivery = owed(next, difference);
    expect(await store.update({ run: next, expectedVersion: run.version, events: [], deliveries: [delivery] })).toBe(
      true,
    );
    return next;
  }

  async function takeAll(store: Store, each = 100): Promise<readonly Delivery[]> {
    const { due } = await store.outbox.receivers({ after: '', examine: 1000, ...at() });
    return await store.outbox.claim({ receivers: due, each, leaseMs, ...at() });
  }

  async function takeOne(store: Store): Promise<Delivery> {
    const [taken, ...others] = await takeAll(store);
    expect(others).toEqual([]);
    if (taken === undefined) throw new Error('nothing was due');
    return taken;
  }

  const settle = (store: Store, taken: Delivery, kind: 'delivered' | 'returned') =>
    store.outbox.settle(taken, { kind }, Date.now());
  const retry = (store: Store, taken: Delivery, delayMs: number) =>
    store.outbox.settle(taken, { kind: 'retry', delayMs, failure: 'the receiver answered 500' }, Date.now());

  describe('the outbox', () => {
    test('the outbox has the delivery of an update as it was written, and not that of a refused update', async () => {
      const { store, reopen } = bench();
      const run = makeRun();
      await store.insert(run, []);
      const next = nextVersion(run);
      const delivery = owed(next);
      expect(await store.update({ run: next, expectedVersion: 7, events: [], deliveries: [delivery] })).toBe(false);
      expect(await takeAll(store)).toEqual([]);
      expect(await store.update({ run: next, expectedVersion: 1, events: [], deliveries: [delivery] })).toBe(true);
      const again = await reopen();
      const { dueAtMs, ...taken } = await takeOne(again);
      expect(dueAtMs).toBeGreaterThan(Date.now());
      expect(taken).toEqual({
        ...delivery,
        receiver: 'main\na.test',
        state: 'waiting',
        attempts: 0,
        sinceMs: delivery.createdAtMs,
        endedAtMs: null,
        failure: null,
      });
    });

    test('the outbox has the delivery of an update of a run in a thread', async () => {
      const { store } = bench();
      const run = makeRun({ threadId: makeThread().threadId });
      const create = makeThread({ threadId: run.threadId ?? '' });
      await store.insert(run, [], undefined, { create, refuseBusy: true });
      const ended = makeDone(run, Date.now());
      const thread = { status: 'idle', release: true } as const;
      await store.update({ run: ended, expectedVersion: 1, events: [], thread, deliveries: [owed(ended)] });
      expect((await takeOne(store)).runId).toBe(run.runId);
    });

    test('the deliveries of a run are claimed one at a time, in order', async () => {
      const { store } = bench();
      const run = await owe(store, 3);
      const seen: number[] = [];
      for (let n = 0; n < 3; n += 1) {
        const taken = await takeOne(store);
        expect(await takeAll(store)).toEqual([]);
        seen.push(taken.seq);
        expect(await settle(store, taken, 'delivered')).toBe(true);
      }
      expect(seen).toEqual([2, 3, 4]);
      expect(await takeAll(store)).toEqual([]);
      const left = await store.outbox.list({ runId: run.runId, limit: 10 });
      expect(left.map(({ state, body, attempts }) => [state, body, attempts])).toEqual(
        Array.from({ length: 3 }, () => ['delivered', '', 1]),
      );
    });

    test('the deliveries of two webhooks of a run are claimed, retried, stopped and kept apart from each other', async () => {
      const { store } = bench();
      let run = makeRun();
      await store.insert(run, []);
      for (let n = 0; n < 2; n += 1) {
        const next = nextVersion(run);
        const deliveries = [
          owed(next, { phase: 'running', body: '' }),
          owed(next, { phase: 'running', body: '', webhook: 'b ü' }),
        ];
        expect(await store.update({ run: next, expectedVersion: run.version, events: [], deliveries })).toBe(true);
        run = next;
      }
      const taken = await takeAll(store);
      expect(taken.map(({ webhook = '', seq }) => `${webhook} ${seq}`).toSorted()).toEqual([' 2', 'b ü 2']);
      const [other, first] = taken.toSorted((a, b) => (a.webhook === b.webhook ? 0 : a.webhook === undefined ? 1 : -1));
      if (first === undefined || other === undefined) throw new Error('nothing was due');
      await retry(store, first, 50_000);
      expect(await takeAll(store)).toEqual([]);
      expect(await settle(store, other, 'delivered')).toBe(true);
      const second = await takeOne(store);
      expect([second.webhook, second.seq]).toEqual(['b ü', 3]);
      await store.remove(run, run.version);
      expect(await store.outbox.runOf(second)).toEqual(run);
      await store.outbox.settle(second, { kind: 'stopped', failure: 'gone' }, Date.now());
      const states = (await store.outbox.list({ runId: run.runId, limit: 9 })).map(
        ({ webhook = '', seq, state }) => `${webhook} ${seq} ${state}`,
      );
      expect(states.toSorted()).toEqual([' 2 waiting', ' 3 waiting', 'b ü 2 delivered', 'b ü 3 stopped']);
      expect(await store.expire(Date.now() + 60_000, Date.now(), 10)).toBe(2);
      expect(await store.outbox.list({ runId: run.runId, limit: 9 })).toHaveLength(2);
      await store.outbox.forget(run.runId, 'b ü');
      expect(await store.outbox.list({ runId: run.runId, limit: 9 })).toHaveLength(2);
      await store.outbox.forget(run.runId, undefined);
      expect(await store.outbox.list({ runId: run.runId, limit: 9 })).toEqual([]);
    });

    test('deliveries behind a failed attempt wait as long as it does, later ones too', async () => {
      const { store } = bench();
      const run = await owe(store, 2);
      await retry(store, await takeOne(store), 50_000);
      await change(store, run);
      expect(await takeAll(store)).toEqual([]);
      const { due, waitMs } = await store.outbox.receivers({ after: '', examine: 10, ...at() });
      expect(due).toEqual([]);
      expect(waitMs).toBeGreaterThan(0);
      expect(waitMs).toBeLessThanOrEqual(50_000);
      const later = await store.outbox.list({ runId: run.runId, limit: 10 });
      expect(later.map(({ seq, attempts, failure }) => [seq, attempts, failure])).toEqual([
        [4, 0, null],
        [3, 0, null],
        [2, 1, 'the receiver answered 500'],
      ]);
    });

    test('a delivery that is due again and one that was returned are claimed again', async () => {
      const { store } = bench();
      await owe(store);
      await settle(store, await takeOne(store), 'returned');
      const first = await takeOne(store);
      expect(first.attempts).toBe(0);
      await retry(store, first, 0);
      expect(await takeOne(store)).toMatchObject({ attempts: 1, failure: 'the receiver answered 500' });
    });

    test('a delivery whose lease is over is claimed by another process, and the first one cannot settle it', async () => {
      const { store, openSecond } = bench();
      const second = await openSecond();
      await owe(store);
      const [late] = await store.outbox.claim({ receivers: ['main\na.test'], each: 1, leaseMs: 0, ...at() });
      const taken = await takeOne(second);
      expect(late?.runId).toBe(taken.runId);
      if (late === undefined) return;
      expect(await settle(store, late, 'returned')).toBe(false);
      expect(await settle(second, taken, 'delivered')).toBe(true);
      expect(await settle(second, taken, 'delivered')).toBe(false);
    });

    test('two processes that claim at once get deliveries of different runs, and together all of them', async () => {
      const { store, openSecond } = bench();
      const second = await openSecond();
      const runs = await Promise.all(Array.from({ length: 40 }, () => owe(store, 2)));
      const drain = async (from: Store): Promise<readonly string[]> => {
        const mine: string[] = [];
        for (let turn = 0; turn < 20; turn += 1) mine.push(...(await takeAll(from, 4)).map(({ runId }) => runId));
        return mine;
      };
      const [a, b] = await Promise.all([drain(store), drain(second)]);
      expect([...a, ...b].toSorted()).toEqual(runs.map(({ runId }) => runId).toSorted());
    });

    test('receivers are listed in order, page by page, each with its port', async () => {
      const { store } = bench();
      const hosts = ['c.test', 'a.test:8080', 'b.test', 'a.test'];
      for (const host of hosts) await owe(store, 2, { url: `https://${host}/hook` });
      const first = await store.outbox.receivers({ after: '', examine: 3, ...at() });
      const due = ['a.test', 'a.test:8080', 'b.test'].map((host) => `main\n${host}`);
      expect(first).toEqual({ due, next: 'main\nb.test', waitMs: null });
      const second = await store.outbox.receivers({ after: first.next, examine: 3, ...at() });
      expect(second).toEqual({ due: ['main\nc.test'], next: '', waitMs: null });
      const taken = await store.outbox.claim({
        receivers: ['main\nb.test', 'main\nc.test'],
        each: 5,
        leaseMs,
        ...at(),
      });
      expect(taken.map(({ receiver }) => receiver).toSorted()).toEqual(['main\nb.test', 'main\nc.test']);
    });

    test('the receivers of one tenant are distinct from those of another, and stand together', async () => {
      const { store } = bench();
      for (const tenant of ['b', 'ab', 'a']) {
        for (const host of ['z.test', 'y.test']) await owe(store, 1, { tenant, url: `https://${host}/hook` });
      }
      const { due } = await store.outbox.receivers({ after: '', examine: 100, ...at() });
      expect(due).toEqual(['a\ny.test', 'a\nz.test', 'ab\ny.test', 'ab\nz.test', 'b\ny.test', 'b\nz.test']);
      const after = await store.outbox.receivers({ after: afterReceiversOf('a'), examine: 100, ...at() });
      expect(after.due).toEqual(due.slice(2));
      expect(await store.outbox.claim({ receivers: ['ab\nz.test'], each: 5, leaseMs, ...at() })).toMatchObject([
        { tenant: 'ab', receiver: 'ab\nz.test' },
      ]);
    });

    test('no delivery of a run is claimed after its receiver stopped it', async () => {
      const { store } = bench();
      const run = await owe(store, 2);
      const other = await owe(store);
      const [taken] = (await takeAll(store)).filter(({ runId }) => runId === run.runId);
      if (taken === undefined) throw new Error('nothing was due');
      await store.outbox.settle(taken, { kind: 'stopped', failure: 'gone' }, Date.now());
      await change(store, run);
      const states = async (of: Run) =>
        (await store.outbox.list({ runId: of.runId, limit: 9 })).map((one) => one.state);
      expect(await states(run)).toEqual(['stopped', 'stopped', 'stopped']);
      expect(await states(other)).toEqual(['waiting']);
    });

    test('deliveries are counted until they are made or given up, those under way too', async () => {
      const { store } = bench();
      const before = await store.outbox.countWaiting(100);
      await owe(store, 2);
      expect(await store.outbox.countWaiting(100)).toBe(before + 2);
      expect(await store.outbox.countWaiting(1)).toBe(1);
      const first = await takeOne(store);
      expect(await store.outbox.countWaiting(100)).toBe(before + 2);
      await settle(store, first, 'delivered');
      expect(await store.outbox.countWaiting(100)).toBe(before + 1);
      await store.outbox.settle(await takeOne(store), { kind: 'failed', failure: 'too long' }, Date.now());
      expect(await store.outbox.countWaiting(100)).toBe(before);
    });

    test('deliveries after one that was given up are claimed, and that one again when it is redriven', async () => {
      const { store } = bench();
      const run = await owe(store, 2);
      const first = await takeOne(store);
      await store.outbox.settle(first, { kind: 'failed', failure: 'too long' }, Date.now());
      const second = await takeOne(store);
      expect(second.seq).toBe(3);
      const failed = { states: ['failed', 'stopped'], ...at() } as const;
      expect(await store.outbox.redrive({ ...failed, runId: 'another' })).toBe(0);
      expect(await store.outbox.redrive({ ...failed, runId: run.runId })).toBe(1);
      expect(await store.outbox.redrive(failed)).toBe(0);
      expect(await takeOne(store)).toMatchObject({ seq: 2, attempts: 0, state: 'waiting', body: first.body });
      // What is under way is left alone by a redrive of what waits.
      expect(await store.outbox.redrive({ states: ['waiting'], ...at() })).toBe(0);
    });

    test('a delivery that waits for its next attempt can be redriven', async () => {
      const { store } = bench();
      await owe(store);
      await retry(store, await takeOne(store), 50_000);
      expect(await store.outbox.redrive({ states: ['waiting'], ...at() })).toBe(1);
      expect((await takeOne(store)).attempts).toBe(0);
    });

    const removals: readonly (readonly [string, (store: Store, run: Run) => Promise<unknown>])[] = [
      ['by its client', (store, run) => store.remove(run, run.version)],
      ['by retention', (store) => store.expire(Date.now() + 60_000, Date.now(), 10)],
      [
        'with its thread',
        (store, { tenant, threadId }) => store.threads.removeThread({ tenant, threadId: threadId ?? '' }, false),
      ],
    ];
    test.each(removals)('a delivery without a body has its run, also once that was removed %s', async (_, remove) => {
      const { store } = bench();
      const create = makeThread();
      const odd = { input: ['\u0000 \ud800 "\\ 😀', readJson('9007199254740993')], metadata: { a: '\u2028' } };
      const run = makeRun({ threadId: create.threadId, request: odd });
      await store.insert(run, [], undefined, { create, refuseBusy: true });
      const ended = makeDone(run, Date.now());
      const delivery = owed(ended, { body: '', phase: 'done' });
      const thread = { status: 'idle', release: true } as const;
      expect(await store.update({ run: ended, expectedVersion: 1, events: [], thread, deliveries: [delivery] })).toBe(
        true,
      );
      const taken = await takeOne(store);
      expect(taken).toMatchObject({ body: '', phase: 'done' });
      expect(await store.outbox.runOf(taken)).toEqual(ended);
      expect(await store.remove(run, 77)).toBe(false);
      await remove(store, ended);
      expect(await store.find(ended)).toBeNull();
      expect(await store.outbox.runOf(taken)).toEqual(ended);
      // Once it was delivered, nothing of the run is left.
      expect(await settle(store, taken, 'delivered')).toBe(true);
      expect(await store.outbox.runOf(taken)).toBeNull();
    });

    test('a delivery of a run that was removed before it was written has no run', async () => {
      const { store } = bench();
      const run = await owe(store, 1, { phase: 'running', body: '' });
      const taken = await takeOne(store);
      expect(await store.outbox.runOf({ ...taken, tenant: 'other' })).toBeNull();
      expect(await store.outbox.runOf({ ...taken, runId: makeRun().runId })).toBeNull();
      expect(await store.outbox.runOf(taken)).toEqual(run);
    });

    test('deliveries outlive a removed run, and retention removes those that ended', async () => {
      const { store } = bench();
      const run = await owe(store, 2);
      await settle(store, await takeOne(store), 'delivered');
      expect(await store.remove(run, run.version)).toBe(true);
      const wanted = { states: ['waiting', 'delivered'], runId: run.runId, limit: 10 } as const;
      expect(await store.outbox.list(wanted)).toHaveLength(2);
      expect(await store.expire(Date.now() - 60_000, Date.now(), 10)).toBe(0);
      expect(await store.expire(Date.now() + 60_000, Date.now(), 10)).toBe(1);
      expect((await store.outbox.list(wanted)).map(({ state }) => state)).toEqual(['waiting']);
      expect((await takeOne(store)).runId).toBe(run.runId);
    });
  });
}
