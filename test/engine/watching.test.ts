import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { kinds, openRig, type Rig, readAll, tenant } from './engine-rig.ts';

const never = new AbortController().signal;

describe('waiting for a run', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await openRig();
  });
  afterEach(() => rig.close());

  test('a blocking wait for a run answers in the turn in which the end is recorded', async () => {
    const run = await rig.create();
    await rig.clock.settle();
    const waiting = rig.engine.api.runs.wait({ tenant, runId: run.runId }, 60_000, never);
    rig.vendor.observeScript.push({ status: 'success', output: 42 });
    await rig.clock.advance(1000);
    expect(await waiting).toMatchObject({ status: 'success', outcome: { value: 42 } });
  });

  test('a blocking wait for a run ends with its time-out, with its client, and at once when the run is over', async () => {
    const run = await rig.create();
    const key = { tenant, runId: run.runId };
    await rig.clock.settle();
    const timed = rig.engine.api.runs.wait(key, 3000, never);
    await rig.clock.advance(3000);
    expect((await timed).status).toBe('pending');
    const client = new AbortController();
    const left = rig.engine.api.runs.wait(key, 3_000_000, client.signal);
    client.abort();
    expect((await left).status).toBe('pending');
    rig.vendor.observeScript.push({ status: 'success', output: 1 });
    await rig.clock.advance(10_000);
    const timers = rig.clock.timers;
    expect((await rig.engine.api.runs.wait(key, 60_000, never)).status).toBe('success');
    expect(rig.clock.timers).toBe(timers);
  });

  test('a run that is removed during a blocking wait is run_not_found', async () => {
    const run = await rig.create();
    const key = { tenant, runId: run.runId };
    const reader = await rig.engine.api.runs.watch(key, 0);
    const mapped = readAll(reader);
    await rig.clock.settle();
    await rig.engine.api.runs.delete(key);
    await rig.clock.settle();
    expect(kinds(await mapped)).toEqual(['queued', 'running', 'error']);
    await expect(rig.engine.api.runs.watch(key, 0)).rejects.toMatchObject({ code: 'run_not_found' });
  });

  test("a late reader of a run's events gets history and end, and a returning one exactly what it missed", async () => {
    rig.vendor.observeScript.push({ status: 'success', output: 1 });
    const run = await rig.create();
    await rig.clock.advance(5000);
    const key = { tenant, runId: run.runId };
    for (const [afterSeq, missed] of [
      [0, [1, 2, 3]],
      [1, [2, 3]],
      [3, []],
      [99, []],
    ] as const) {
      const events = await readAll(await rig.engine.api.runs.watch(key, afterSeq));
      expect(events.map((event) => event.seq)).toEqual(missed);
    }
  });

  test("a reader of a run's events that joins and leaves at any moment sees no gap and no repeat", async () => {
    for (let step = 1; step <= 40; step += 1) rig.vendor.observeScript.push({ status: 'running', output: step });
    rig.vendor.observeScript.push({ status: 'success', output: 'end' });
    const run = await rig.create();
    const key = { tenant, runId: run.runId };
    const seen: number[] = [];
    for (let turn = 0; turn < 400 && seen.length < 43; turn += 1) {
      const stream = await rig.engine.api.runs.watch(key, seen.at(-1) ?? 0);
      const next = stream.next();
      await rig.clock.advance(500);
      if (turn % 3 === 0) await stream.return();
      const { value: events = [] } = await next;
      seen.push(...events.map((event) => event.seq));
      await stream.return();
    }
    expect(seen).toEqual(Array.from({ length: 43 }, (_, index) => index + 1));
  });

  test("waiting readers of a run's events get new events without a read of the store, even when one of them leaves", async () => {
    const run = await rig.create();
    const key = { tenant, runId: run.runId };
    await rig.clock.settle();
    const streams = await Promise.all(Array.from({ length: 3 }, () => rig.engine.api.runs.watch(key, run.lastSeq)));
    for (const stream of streams) expect(kinds((await stream.next()).value ?? [])).toEqual(['running']);
    const [first, second, third] = streams.map((stream) => stream.next());
    // It has every event, and learns that from the store before it waits.
    await rig.clock.settle();
    const reads = vi.spyOn(rig.store, 'events');
    await streams[1]?.return();
    rig.vendor.observeScript.push({ status: 'success', output: 42 });
    await rig.clock.advance(1000);
    expect(kinds((await first)?.value ?? [])).toEqual(['result']);
    expect(await second).toEqual({ done: true, value: undefined });
    expect(kinds((await third)?.value ?? [])).toEqual(['result']);
    expect(await streams[0]?.next()).toEqual({ done: true, value: undefined });
    expect(reads).not.toHaveBeenCalled();
  });

  test('a slow reader of a long history of events is fed from the store, in order', async () => {
    for (let step = 1; step <= 300; step += 1) rig.vendor.observeScript.push({ status: 'running', output: step });
    rig.vendor.observeScript.push({ status: 'success', output: 'end' });
    const run = await rig.create();
    const stream = await rig.engine.api.runs.watch({ tenant, runId: run.runId }, 0);
    await rig.clock.advance(900_000);
    const events = await readAll(stream);
    expect(events.map((event) => event.seq)).toEqual(Array.from({ length: 303 }, (_, index) => index + 1));
  });
});

test('a run that a client asks for again and again is polled like a watched one, until ten seconds after its last question', async () => {
  const rig = await openRig();
  try {
    const run = await rig.create();
    const key = { tenant, runId: run.runId };
    const polls = () => rig.vendor.polls;
    // Old enough to be polled every ten seconds.
    await rig.clock.advance(600_000);
    const unwatched = polls();
    await rig.clock.advance(30_000);
    expect(polls() - unwatched).toBeLessThan(6);
    for (let asked = 0; asked < 5; asked += 1) {
      const before = polls();
      await rig.engine.api.runs.poll(key);
      await rig.clock.advance(5000);
      expect(polls() - before).toBeGreaterThanOrEqual(4);
    }
    await rig.clock.advance(10_000);
    const after = polls();
    await rig.clock.advance(30_000);
    expect(polls() - after).toBeLessThan(6);
  } finally {
    await rig.close();
  }
});
