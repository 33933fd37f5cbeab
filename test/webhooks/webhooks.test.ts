import { describe, expect, test, vi } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import { readJson } from '../../src/json/exact-number.ts';
import { openRig } from '../engine/engine-rig.ts';
import { olderSecret, Receiver, secret } from './receiver.ts';
import { type HookRig, keyOf, openHooks, poll } from './rig.ts';

vi.setConfig({ testTimeout: 60_000 });

describe('deliveries', () => {
  test('a receiver gets every change of the outward status, in order and signed', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    const run = await hooks.start(receiver.url, { input: { a: 1 } });
    await hooks.say({ status: 'running', question: 'buy?' });
    await hooks.tried(run, [1]);
    await hooks.rig.engine.api.runs.resume(keyOf(run), { ok: true });
    await hooks.say({ status: 'success', output: 'bought' });
    const sent = await receiver.count(3);
    expect(receiver.statuses).toEqual(['interrupted', 'pending', 'success']);
    expect(sent[0]?.body).toMatchObject({ run_id: run.runId, creation: { webhook: receiver.url, input: { a: 1 } } });
    for (const received of sent) {
      expect(received.headers['content-type']).toBe('application/json');
      expect(hooks.verify(received, secret)).toEqual(received.body);
      expect(hooks.verify(received, olderSecret)).toEqual(received.body);
      const changed = { ...received, text: received.text.replace(run.runId, run.runId.toUpperCase()) };
      expect(() => hooks.verify(changed)).toThrow('No matching signature');
    }
    expect(new Set(sent.map(({ id }) => id)).size).toBe(3);
    expect((await hooks.tried(run, [1, 1, 1])).map(({ state }) => state)).toEqual(Array(3).fill('delivered'));
  });

  test('a run without a webhook sends nothing, and a gateway without webhooks says so for each change of a run that has one', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    const run = await hooks.rig.create();
    await hooks.say({ status: 'success', output: 1 as never });
    expect((await hooks.rig.read(run)).status).toBe('success');
    expect(await hooks.owed(run)).toEqual([]);
    const off = await openRig();
    off.vendor.observeScript.push({ status: 'success', output: 1 });
    const silent = await off.create({ webhook: receiver.url });
    await off.clock.advance(20_000);
    expect((await off.read(silent)).status).toBe('success');
    expect(await off.store.outbox.list({ limit: 10 })).toEqual([]);
    const warnings = off.logged.filter(({ message }) => message.startsWith('webhook not called'));
    expect(warnings.map(({ level, fields }) => [level, fields])).toEqual([
      ['warn', { run_id: silent.runId, status: 'success' }],
    ]);
    await off.close();
    expect(receiver.received).toEqual([]);
  });

  test('a receiver gets the last status of a run that was removed', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    receiver.plan = (_, count) => (count === 1 ? 503 : 204);
    const run = await hooks.start(receiver.url);
    await hooks.rig.engine.api.runs.delete(keyOf(run));
    await hooks.tried(run, [1]);
    await hooks.rig.clock.advance(5000);
    await hooks.tried(run, [2]);
    expect(receiver.statuses).toEqual(['error', 'error']);
    await expect(hooks.rig.read(run)).rejects.toThrow('no such run');
  });
});

describe('the body of a webhook', () => {
  const changes: readonly (readonly [string, (hooks: HookRig, run: Run) => Promise<unknown>])[] = [
    ['nothing has happened', async () => {}],
    ['the gateway has crashed', async (hooks) => (hooks.rig = await hooks.rig.crash())],
    ['the run was resumed', (hooks, run) => hooks.rig.engine.api.runs.resume(keyOf(run), { ok: 1 })],
    [
      'the run has ended',
      (hooks, run) => hooks.rig.engine.api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false }),
    ],
    ['the run was removed', (hooks, run) => hooks.rig.engine.api.runs.delete(keyOf(run))],
  ];
  test.each(changes)('is the same with every attempt, also after %s', async (_, change) => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    receiver.plan = (_received, count) => (count === 1 ? 503 : 204);
    const input = { exact: readJson('[9007199254740993, 1e400, -0]'), text: '\u2028 \ud800 ü', 2: 'two', 1: 'one' };
    const run = await hooks.start(receiver.url, { input, metadata: { team: 'a' } });
    hooks.rig.vendor.observeScript.splice(0, 9, { status: 'running', question: 'buy?' });
    await hooks.rig.clock.advance(2000);
    const [first] = await hooks.tried(run, [1]);
    expect(first).toMatchObject({ body: '', phase: 'interrupted' });
    await change(hooks, run);
    await hooks.rig.clock.advance(5000);
    await expect.poll(() => receiver.received.length, poll).toBeGreaterThanOrEqual(2);
    const [one, other] = receiver.received;
    expect(one?.body).toMatchObject({ status: 'interrupted', run_id: run.runId });
    expect([other?.id, other?.text]).toEqual([one?.id, one?.text]);
    expect(one?.text).toContain('[9007199254740993,1e400,-0]');
    for (const received of receiver.received) hooks.verify(received);
  });

  test('of a large run is not stored again', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    receiver.plan = () => 503;
    const run = await hooks.start(receiver.url, { input: { text: 'x'.repeat(2_000_000) } });
    hooks.rig.vendor.observeScript.splice(0, 9, { status: 'success', output: 1 });
    await hooks.rig.clock.advance(2000);
    const [waiting] = await hooks.tried(run, [1]);
    expect(waiting).toMatchObject({ body: '', phase: 'done', state: 'waiting' });
    // Twice the input is in a body.
    expect(receiver.received[0]?.text.length).toBeGreaterThan(4_000_000);
    for (const received of receiver.received) hooks.verify(received);
  });
});

describe('a receiver that fails', () => {
  test('a failed delivery is retried with growing delays, the same id and the same body', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    receiver.plan = (_, count) => (count < 3 ? 500 : 200);
    const run = await hooks.start(receiver.url);
    await hooks.rig.engine.api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
    await hooks.tried(run, [1]);
    // Five seconds, and a quarter less by the jitter of a clock that always draws one half.
    await hooks.rig.clock.advance(3700);
    expect(receiver.received).toHaveLength(1);
    await hooks.rig.clock.advance(100);
    await hooks.tried(run, [2]);
    await hooks.rig.clock.advance(11_000);
    expect(receiver.received).toHaveLength(2);
    await hooks.rig.clock.advance(300);
    const [delivery] = await hooks.tried(run, [3]);
    expect(delivery).toMatchObject({ state: 'delivered', failure: null });
    const [first, ...others] = receiver.received;
    expect(others.map(({ id, text }) => [id, text])).toEqual(Array(2).fill([first?.id, first?.text]));
    const stamps = receiver.received.map(({ headers }) => Number(headers['webhook-timestamp']));
    expect(stamps.map((stamp) => stamp - (stamps[0] ?? 0))).toEqual([0, 3, 15]);
    for (const received of receiver.received) hooks.verify(received);
  });

  test('a failed delivery holds back later ones of the same run only', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    const run = await hooks.start(receiver.url);
    const other = await hooks.start(receiver.url);
    receiver.plan = ({ body }) => (body.run_id === run.runId && body.status === 'interrupted' ? 500 : 204);
    await hooks.say({ status: 'running', question: 'buy?' });
    await hooks.tried(other, [1]);
    await hooks.rig.engine.api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
    await hooks.rig.engine.api.runs.cancel(keyOf(other), { action: 'interrupt', wait: false });
    await hooks.tried(other, [1, 1]);
    const ofRun = () =>
      receiver.received.filter(({ body }) => body.run_id === run.runId).map(({ body }) => body.status);
    expect(new Set(ofRun())).toEqual(new Set(['interrupted']));
    receiver.plan = () => 204;
    await hooks.rig.clock.advance(3_600_000);
    await expect
      .poll(async () => (await hooks.owed(run)).map(({ state }) => state), poll)
      .toEqual(['delivered', 'delivered']);
    expect(ofRun().slice(-2)).toEqual(['interrupted', 'error']);
  });

  test('a delivery is given up in the end, and the next change starts over', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks({ giveUpMs: 60_000 });
    receiver.plan = ({ body }) => (body.status === 'interrupted' ? 500 : 204);
    const run = await hooks.start(receiver.url);
    await hooks.say({ status: 'running', question: 'buy?' });
    const state = async () => {
      await hooks.rig.clock.advance(2000);
      return (await hooks.owed(run))[0]?.state;
    };
    await expect.poll(state, poll).toBe('failed');
    const [given] = await hooks.owed(run);
    expect(given).toMatchObject({ failure: 'the receiver answered 500', attempts: receiver.received.length });
    expect(receiver.received.length).toBeGreaterThanOrEqual(3);
    const before = receiver.received.length;
    await hooks.rig.clock.advance(3_700_000);
    await expect.poll(() => receiver.statuses.slice(before), poll).toEqual(['timeout']);
  });

  test('a receiver that answers 410 gets nothing more of the run', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    receiver.plan = () => 410;
    const run = await hooks.start(receiver.url);
    await hooks.say({ status: 'running', question: 'buy?' });
    await hooks.tried(run, [1]);
    await hooks.rig.engine.api.runs.resume(keyOf(run), 1);
    await hooks.say({ status: 'success', output: 'bought' });
    expect((await hooks.owed(run)).map(({ state }) => state)).toEqual(['stopped', 'stopped', 'stopped']);
    receiver.plan = () => 204;
    const other = await hooks.start(receiver.url);
    await hooks.tried(other, [1]);
    expect(receiver.statuses).toEqual(['interrupted', 'success']);
  });

  test('a redirect of a receiver is not followed', async () => {
    await using receiver = await Receiver.open();
    await using elsewhere = await Receiver.open();
    await using hooks = await openHooks();
    receiver.plan = () => [307, { location: elsewhere.url }];
    const run = await hooks.start(receiver.url);
    await hooks.rig.engine.api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
    const [delivery] = await hooks.tried(run, [1]);
    expect(delivery).toMatchObject({ state: 'waiting', failure: 'the receiver answered 307' });
    expect(elsewhere.received).toEqual([]);
  });

  test('a receiver with Retry-After gets no attempt before it', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    receiver.plan = (_, count) => (count === 1 ? [429, { 'retry-after': '600' }] : 204);
    const run = await hooks.start(receiver.url);
    await hooks.rig.engine.api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
    await hooks.tried(run, [1]);
    await hooks.rig.clock.advance(599_000);
    expect(receiver.received).toHaveLength(1);
    await hooks.rig.clock.advance(1000);
    await hooks.tried(run, [2]);
  });

  test('a receiver at a private address is never called', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks({ allow: [] });
    const run = await hooks.start(receiver.url);
    await hooks.rig.engine.api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
    const [delivery] = await hooks.tried(run, [1]);
    expect(delivery).toMatchObject({ state: 'waiting', failure: '127.0.0.1 leads to an address that is not public' });
    expect(receiver.received).toEqual([]);
  });
});

describe('a receiver that is slow', () => {
  test('a slow receiver has few attempts under way and delays no other receiver', async () => {
    await using slow = await Receiver.open();
    await using quick = await Receiver.open();
    await using hooks = await openHooks();
    slow.plan = () => null;
    const waiting = [];
    for (let n = 0; n < 150; n += 1) waiting.push(await hooks.rig.create({ webhook: slow.url }));
    await hooks.say({ status: 'success', output: 'late' });
    await slow.count(4);
    const runs = [];
    for (let n = 0; n < 30; n += 1) runs.push(await hooks.rig.create({ webhook: quick.url }));
    await hooks.rig.clock.advance(20_000);
    await quick.count(30);
    expect(new Set(quick.received.map(({ body }) => body.run_id))).toEqual(new Set(runs.map(({ runId }) => runId)));
    expect(slow.received).toHaveLength(4);
    // It answers at last, and gets the rest.
    slow.plan = () => 204;
    for (const received of slow.received) received.answer(204);
    await slow.count(150);
    expect(new Set(slow.received.map(({ body }) => body.run_id)).size).toBe(150);
  });

  test('a delivery that times out is retried', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks({ timeoutMs: 100 });
    receiver.plan = (_, count) => (count === 1 ? null : 204);
    const run = await hooks.start(receiver.url);
    await hooks.rig.engine.api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
    const [delivery] = await hooks.tried(run, [1]);
    expect(delivery).toMatchObject({ state: 'waiting', failure: 'no answer in time' });
    await hooks.rig.clock.advance(5000);
    expect((await hooks.tried(run, [2]))[0]?.state).toBe('delivered');
  });
});

describe('a gateway that ends', () => {
  test('a gateway that crashed repeats the deliveries that were under way', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    receiver.plan = () => null;
    const run = await hooks.start(receiver.url);
    await hooks.say({ status: 'success', output: 'done' });
    const [first] = await receiver.count(1);
    receiver.plan = () => 204;
    hooks.rig = await hooks.rig.crash();
    await hooks.rig.clock.advance(1000);
    await hooks.tried(run, [1]);
    expect(receiver.received.map(({ id }) => id)).toEqual([first?.id, first?.id]);
  });

  test('a gateway that stops leaves aborted deliveries to the next one without counting an attempt', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    receiver.plan = () => null;
    const run = await hooks.start(receiver.url);
    await hooks.say({ status: 'success', output: 'done' });
    await receiver.count(1);
    const stopping = hooks.rig.engine.stop();
    await expect
      .poll(async () => {
        await hooks.rig.clock.advance(1000);
        return (await hooks.owed(run))[0]?.dueAtMs;
      }, poll)
      .toBe(0);
    await stopping;
    expect(await hooks.owed(run)).toMatchObject([{ state: 'waiting', attempts: 0 }]);
  });
});
