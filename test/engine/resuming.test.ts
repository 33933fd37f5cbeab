import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { kinds, openRig, type Rig, tenant } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

/** What takes turns of the event loop takes real time too. */
const patience = { timeout: 20_000, interval: 5 };
const question = { interrupt_type: 'approval', text: 'buy?' };

describe('interrupts', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await openRig();
  });
  afterEach(() => rig.close());

  async function interruptedRun() {
    rig.vendor.observeScript.splice(0, Number.POSITIVE_INFINITY, { status: 'running', question });
    const run = await rig.create();
    await rig.clock.advance(1000);
    expect(await rig.read(run)).toMatchObject({
      status: 'interrupted',
      outcome: { kind: 'interrupt', payload: question },
    });
    return { run, key: { tenant, runId: run.runId } };
  }

  test('a run is resumed once, and the answered interrupt does not interrupt it again', async () => {
    const { run, key } = await interruptedRun();
    expect(await rig.engine.api.runs.resume(key, { ok: true })).toMatchObject({ run: { status: 'pending' } });
    await rig.clock.advance(20_000);
    expect(rig.vendor.resumptions).toEqual([{ answer: { ok: true } }]);
    expect((await rig.read(run)).status).toBe('pending');
    rig.vendor.observeScript.splice(0, 1, { status: 'success', output: 'bought' });
    await rig.clock.advance(20_000);
    expect(kinds(await rig.events(run))).toEqual(['queued', 'running', 'interrupt', 'resuming', 'running', 'result']);
  });

  test('another interrupt, or the same one after it was gone, interrupts the run again', async () => {
    const { run, key } = await interruptedRun();
    await rig.engine.api.runs.resume(key, 1);
    await rig.clock.advance(2000);
    rig.vendor.observeScript.splice(0, 1, { status: 'running', question: 'really?' });
    await rig.clock.advance(5000);
    expect(await rig.read(run)).toMatchObject({ status: 'interrupted', outcome: { payload: 'really?' } });
    await rig.engine.api.runs.resume(key, 2);
    await rig.clock.advance(2000);
    rig.vendor.observeScript.splice(0, 1, { status: 'running' });
    await rig.clock.advance(5000);
    rig.vendor.observeScript.splice(0, 1, { status: 'running', question: 'really?' });
    await rig.clock.advance(5000);
    expect((await rig.read(run)).status).toBe('interrupted');
  });

  /** What the vendor shows after the answer, at which second of it, and when the run is interrupted again by it. */
  const asking = { status: 'running', question };
  const askedAgain: readonly {
    readonly shown: string;
    readonly show: readonly (readonly [atMs: number, answer: JsonObject])[];
    readonly heldUntilMs: number;
    readonly dueMs: number;
  }[] = [
    { shown: 'the same, over and over', show: [[0, asking]], heldUntilMs: 29_000, dueMs: 32_000 },
    {
      shown: 'the same with its members in another order',
      show: [[0, { question: Object.fromEntries(Object.entries(question).reverse()), status: 'running' }]],
      heldUntilMs: 29_000,
      dueMs: 32_000,
    },
    {
      shown: 'the same after something else was shown',
      show: [
        [0, { status: 'running' }],
        [3000, asking],
      ],
      heldUntilMs: 2500,
      dueMs: 6000,
    },
    {
      shown: 'the same after a partial output',
      show: [
        [0, asking],
        [3000, { status: 'running', output: 'half' }],
        [6000, asking],
      ],
      heldUntilMs: 5500,
      dueMs: 9000,
    },
    {
      shown: 'the same of another attempt',
      show: [[0, { ...asking, attempt: 2 }]],
      heldUntilMs: 0,
      dueMs: 6000,
    },
    {
      shown: 'the same of a step that began later',
      show: [
        [0, asking],
        [10_000, { ...asking, step: { startedAt: '2026-01-01' } }],
      ],
      heldUntilMs: 9500,
      dueMs: 15_000,
    },
  ];

  test.each(askedAgain)('a question that was answered and is asked again is shown again: $shown', async (row) => {
    const { run, key } = await interruptedRun();
    // A client that waits, so that polls are not far apart.
    const watching = await rig.engine.api.runs.watch(key, 99);
    await rig.engine.api.runs.resume(key, { ok: true });
    await rig.clock.settle();
    let nowMs = 0;
    const goTo = async (atMs: number): Promise<void> => {
      for (const [showMs, answer] of row.show) {
        if (showMs < nowMs || showMs > atMs) continue;
        await rig.clock.advance(showMs - nowMs);
        nowMs = showMs;
        rig.vendor.observeScript.splice(0, Number.POSITIVE_INFINITY, answer);
      }
      await rig.clock.advance(atMs - nowMs);
      nowMs = atMs + 1;
      await rig.clock.advance(1);
    };
    await goTo(row.heldUntilMs);
    expect((await rig.read(run)).status).toBe('pending');
    await goTo(row.dueMs);
    expect(await rig.read(run)).toMatchObject({ status: 'interrupted', outcome: { payload: question } });
    expect(rig.vendor.resumptions).toHaveLength(1);
    await rig.engine.api.runs.resume(key, { ok: false });
    await rig.clock.settle();
    expect(rig.vendor.resumptions).toHaveLength(2);
    await watching.return();
  });

  test('a vendor that writes the time into every answer does not make an echo look like a new question', async () => {
    const { run, key } = await interruptedRun();
    let looks = 0;
    rig.vendor.observe = async () => ({ status: 'running', raw: { status: 'running', question, look: ++looks } });
    await rig.engine.api.runs.resume(key, { ok: true });
    await rig.clock.advance(28_000);
    expect(looks).toBeGreaterThan(5);
    expect((await rig.read(run)).status).toBe('pending');
    await rig.clock.advance(5000);
    expect((await rig.read(run)).status).toBe('interrupted');
  });

  test('a process that takes over an answered run holds the echo back for the rest of its time only', async () => {
    const { run, key } = await interruptedRun();
    await rig.engine.api.runs.resume(key, { ok: true });
    await rig.clock.advance(12_000);
    rig = await rig.crash();
    await rig.clock.advance(15_000);
    expect((await rig.read(run)).status).toBe('pending');
    await rig.clock.advance(6000);
    expect((await rig.read(run)).status).toBe('interrupted');
    expect(rig.vendor.resumptions).toHaveLength(1);
  });

  test('a step of the wall clock neither ends nor lengthens the time for which an echo is held back', async () => {
    const { run, key } = await interruptedRun();
    await rig.engine.api.runs.resume(key, { ok: true });
    await rig.clock.advance(5000);
    rig.clock.stepWall(3_600_000);
    await rig.clock.advance(15_000);
    expect((await rig.read(run)).status).toBe('pending');
    rig.clock.stepWall(-7_200_000);
    await rig.clock.advance(15_000);
    expect((await rig.read(run)).status).toBe('interrupted');
  });

  test('of several questions each is asked once, and the first one asked again after the second is a new one', async () => {
    const { run, key } = await interruptedRun();
    const say = (next: Json) => void rig.vendor.observeScript.splice(0, 9, { status: 'running', question: next });
    for (const [at, next] of ['second', 'third', question].entries()) {
      await rig.engine.api.runs.resume(key, at);
      await rig.clock.advance(3000);
      expect((await rig.read(run)).status).toBe('pending');
      say(next);
      await rig.clock.advance(5000);
      expect(await rig.read(run)).toMatchObject({ status: 'interrupted', outcome: { payload: next } });
    }
    expect(kinds(await rig.events(run)).filter((kind) => kind === 'interrupt')).toHaveLength(4);
  });

  test('a question of several MiB is recognized when it is answered', { timeout: 30_000 }, async () => {
    const large = { text: 'x'.repeat(3_000_000) };
    rig.vendor.observeScript.splice(0, 9, { status: 'running', question: large });
    const run = await rig.create();
    // The fingerprint is made in slices, each of which takes a turn of the event loop.
    const until = async (phase: string) =>
      await expect
        .poll(async () => {
          await rig.clock.advance(200);
          return (await rig.read(run)).phase;
        }, patience)
        .toBe(phase);
    await until('interrupted');
    await rig.engine.api.runs.resume({ tenant, runId: run.runId }, 1);
    await until('running');
    for (let second = 0; second < 20; second += 1) await rig.clock.advance(1000);
    expect(await rig.read(run)).toMatchObject({ status: 'pending', phase: 'running' });
    expect((await rig.read(run)).answeredInterrupt).toHaveLength('sha256:'.length + 64);
    await until('interrupted');
  });

  test('of two clients that resume a run at once one wins, and the vendor gets one payload', async () => {
    const { key } = await interruptedRun();
    const both = await Promise.allSettled([rig.engine.api.runs.resume(key, 1), rig.engine.api.runs.resume(key, 2)]);
    expect(both.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
    await rig.clock.advance(2000);
    expect(rig.vendor.resumptions).toHaveLength(1);
  });

  test('a run that is not interrupted cannot be resumed', async () => {
    const run = await rig.create();
    await rig.clock.settle();
    await expect(rig.engine.api.runs.resume({ tenant, runId: run.runId }, {})).rejects.toMatchObject({
      code: 'run_not_interrupted',
      http: 409,
    });
  });

  test('a delivery that the vendor postpones is retried, and one that it refuses interrupts the run again', async () => {
    const { run, key } = await interruptedRun();
    rig.vendor.resumeScript.push(fault('retry'), fault('retry'));
    await rig.engine.api.runs.resume(key, 'a');
    await rig.clock.advance(20_000);
    expect(rig.vendor.resumptions).toHaveLength(3);
    rig.vendor.observeScript.splice(0, 1, { status: 'running', question: 'second' });
    await rig.clock.advance(20_000);
    rig.vendor.resumeScript.push(fault('rejected', { message: 'no such event' }));
    await rig.engine.api.runs.resume(key, 'b');
    await rig.clock.advance(20_000);
    expect(rig.vendor.resumptions).toHaveLength(4);
    expect((await rig.read(run)).status).toBe('interrupted');
    const notes = (await rig.events(run)).flatMap(({ change }) =>
      change.kind === 'phase' && change.note ? [change.note] : [],
    );
    expect(notes).toEqual(['the payload was not taken: no such event']);
  });

  test('the interrupt of a run is cleared when the vendor goes on by itself', async () => {
    const { run } = await interruptedRun();
    rig.vendor.observeScript.splice(0, 1, { status: 'running' });
    await rig.clock.advance(20_000);
    expect((await rig.read(run)).status).toBe('pending');
    rig.vendor.observeScript.splice(0, 1, { status: 'success', output: 1 });
    await rig.clock.advance(20_000);
    expect((await rig.read(run)).status).toBe('success');
  });
});
