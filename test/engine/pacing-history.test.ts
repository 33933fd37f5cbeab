import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openRig, type Rig, tenant } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

const agentId = '00000000-0000-5000-8000-000000000001';

describe('what run loops learn for the pace', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await openRig();
  });
  afterEach(() => rig.close());

  /** Makes a run that ends after this long; resolves with the number of its polls. */
  async function runFor(durationMs: number): Promise<number> {
    const before = rig.vendor.polls;
    rig.vendor.observeScript.splice(0, Number.POSITIVE_INFINITY, { status: 'running' });
    const run = await rig.create();
    await rig.clock.advance(durationMs);
    rig.vendor.observeScript.splice(0, 1, { status: 'success', output: 1 });
    await rig.clock.advance(20_000);
    expect((await rig.read(run)).status).toBe('success');
    return rig.vendor.polls - before;
  }

  const known = (): Promise<readonly number[]> => rig.store.durations.newest(agentId, 200);

  test('polls cluster where earlier runs ended, even after a restart', async () => {
    const polls: number[] = [];
    for (let run = 0; run < 12; run += 1) polls.push(await runFor(30_000));
    expect(polls[0]).toBeGreaterThan(15);
    expect(polls.at(-1)).toBeLessThan(6);
    const durations = await known();
    expect(durations).toHaveLength(12);
    for (const durationMs of durations) expect(Math.abs(durationMs - 30_000)).toBeLessThan(6000);
    rig = await rig.crash();
    expect(await runFor(30_000)).toBeLessThan(6);
  });

  test('a watcher that joins between two planned polls causes a poll at once', async () => {
    for (let run = 0; run < 12; run += 1) await runFor(30_000);
    rig.vendor.observeScript.splice(0, 1, { status: 'running' });
    const run = await rig.create();
    await rig.clock.advance(15_000);
    const before = rig.vendor.polls;
    rig.vendor.observeScript.splice(0, 1, { status: 'success', output: 'early' });
    const stream = await rig.engine.api.runs.watch({ tenant, runId: run.runId }, 0);
    await rig.clock.advance(1);
    expect(rig.vendor.polls - before).toBe(1);
    expect((await rig.read(run)).status).toBe('success');
    await stream.return();
  });

  test('the time that a resumed run takes is not learnt, not even by the next process', async () => {
    rig.vendor.observeScript.push({ status: 'running', question: 'go?' });
    const run = await rig.create();
    await rig.clock.advance(1000);
    rig.vendor.resumeScript.push(fault('retry'));
    await rig.engine.api.runs.resume({ tenant, runId: run.runId }, 'yes');
    await rig.clock.settle();
    rig = await rig.crash();
    rig.vendor.observeScript.splice(0, 1, { status: 'running' });
    await rig.clock.advance(30_000);
    rig.vendor.observeScript.splice(0, 1, { status: 'success', output: 1 });
    await rig.clock.advance(60_000);
    expect((await rig.read(run)).status).toBe('success');
    expect(await known()).toEqual([]);
  });

  test("only the vendor's own durations are learnt: no deadline, no cancellation, no time that a person took to answer", async () => {
    const cancelled = await rig.create();
    await rig.clock.advance(5000);
    await rig.engine.api.runs.delete({ tenant, runId: cancelled.runId });
    rig.vendor.observeScript.push({ status: 'running', question: 'go?' });
    const asked = await rig.create();
    await rig.clock.advance(60_000);
    await rig.engine.api.runs.resume({ tenant, runId: asked.runId }, 'yes');
    await rig.clock.advance(1000);
    rig.vendor.observeScript.splice(0, 1, { status: 'success', output: 1 });
    await rig.clock.advance(60_000);
    expect((await rig.read(asked)).status).toBe('success');
    // The time until its interrupt is the vendor's own: it came before the first poll, at 90 ms.
    expect(await known()).toEqual([45]);
  });
});
