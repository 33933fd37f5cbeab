import { describe, expect, test } from 'vitest';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { kinds, openRig, type Rig, type RigOptions, tenant } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

/** A rig with one run that is in the given phase when the process dies. */
async function crashedIn(phase: string, options: RigOptions = {}): Promise<{ readonly rig: Rig; readonly run: Run }> {
  const first = await openRig(options);
  const { vendor, clock } = first;
  if (phase === 'queued') vendor.startScript.push(fault('retry'));
  if (phase === 'starting') vendor.startGate = new Promise(() => {});
  if (phase === 'interrupted' || phase === 'resuming')
    vendor.observeScript.push({ status: 'running', question: 'go?' });
  const run = await first.create();
  await clock.advance(phase === 'queued' ? 0 : 1000);
  if (phase === 'resuming') {
    vendor.resumeScript.push(fault('retry'));
    await first.engine.api.runs.resume({ tenant, runId: run.runId }, 'yes');
    await clock.settle();
  }
  expect((await first.read(run)).phase).toBe(phase);
  const rig = await first.crash();
  vendor.startGate = Promise.resolve();
  return { rig, run };
}

describe('a process that died', () => {
  test('a run that was queued when the process died is started by the next process', async () => {
    const { rig, run } = await crashedIn('queued');
    rig.vendor.observeScript.push({ status: 'success', output: 1 });
    await rig.clock.advance(5000);
    expect(rig.vendor.starts).toHaveLength(2);
    expect((await rig.read(run)).status).toBe('success');
    await rig.close();
  });

  test('a run that was starting when the process died has an unknown outcome and is not started again', async () => {
    const { rig, run } = await crashedIn('starting');
    await rig.clock.advance(5000);
    expect(rig.vendor.starts).toHaveLength(1);
    expect(await rig.read(run)).toMatchObject({ status: 'error', outcome: { errcode: errcodes.startUnknown } });
    await rig.close();
  });

  test('a run that was starting when the process died is started again with onUnknownStart: retry', async () => {
    const { rig, run } = await crashedIn('starting', { agent: { onUnknownStart: 'retry' } });
    await rig.clock.advance(5000);
    expect(rig.vendor.starts).toHaveLength(2);
    expect((await rig.read(run)).phase).toBe('running');
    await rig.close();
  });

  test('a run that was running when the process died is polled on without a second start', async () => {
    const { rig, run } = await crashedIn('running');
    const { polls } = rig.vendor;
    await rig.clock.advance(0);
    expect(rig.vendor.polls).toBeGreaterThan(0);
    expect(rig.vendor.polls - polls).toBeLessThanOrEqual(1);
    rig.vendor.observeScript.push({ status: 'success', output: 'done' });
    await rig.clock.advance(10_000);
    expect(rig.vendor.starts).toHaveLength(1);
    expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 'done' } });
    expect((await rig.events(run)).map((event) => event.seq)).toEqual([1, 2, 3]);
    await rig.close();
  });

  test('a run that was interrupted when the process died stays interrupted and can be resumed', async () => {
    const { rig, run } = await crashedIn('interrupted');
    await rig.clock.advance(20_000);
    expect((await rig.read(run)).status).toBe('interrupted');
    await rig.engine.api.runs.resume({ tenant, runId: run.runId }, 'yes');
    await rig.clock.advance(1000);
    expect(rig.vendor.resumptions).toEqual([{ answer: 'yes' }]);
    await rig.close();
  });

  test('a payload that was accepted before the process died is delivered by the next process', async () => {
    const { rig, run } = await crashedIn('resuming');
    await rig.clock.advance(1000);
    expect(rig.vendor.resumptions).toEqual([{ answer: 'yes' }, { answer: 'yes' }]);
    expect(kinds(await rig.events(run))).toEqual(['queued', 'running', 'interrupt', 'resuming', 'running']);
    await rig.close();
  });

  test('a run whose deadline passed while no process lived ends at once', async () => {
    const { rig, run } = await crashedIn('running', { agent: { timeoutMs: 500 * 1000 } });
    await rig.clock.advance(0);
    expect((await rig.read(run)).status).toBe('pending');
    const again = await rig.crash();
    await again.clock.advance(500_000);
    expect((await again.read(run)).status).toBe('timeout');
    await again.close();
  });
});

describe('a process that stops', () => {
  test('a process that stops finishes and records the start under way, refuses new work, and leaves other runs to the next one', async () => {
    const rig = await openRig();
    let open = (): void => {};
    rig.vendor.startGate = new Promise((resolve) => {
      open = resolve;
    });
    const run = await rig.create();
    await rig.clock.settle();
    const stopping = rig.engine.stop();
    await expect(rig.create()).rejects.toMatchObject({ code: 'draining', http: 503 });
    open();
    await stopping;
    expect(await rig.read(run)).toMatchObject({ phase: 'running', upstream: { runId: 'vendor-1' } });
    const next = await rig.crash();
    next.vendor.observeScript.push({ status: 'success', output: 1 });
    await next.clock.advance(1000);
    expect((await next.read(run)).status).toBe('success');
    expect(next.vendor.starts).toHaveLength(1);
    await next.close();
  });
});

describe('a live run whose agent is gone from the config', () => {
  test('a live run whose agent is gone from the config is kept until its deadline, and then ends as timeout', async () => {
    const { rig, run } = await crashedIn('running');
    const other = { name: 'another', agentId: '00000000-0000-5000-8000-000000000002' };
    const next = await rig.crash({ agent: other });
    await next.clock.advance(3_500_000);
    expect((await next.read(run)).status).toBe('pending');
    await next.clock.advance(200_000);
    expect(await next.read(run)).toMatchObject({ status: 'timeout', outcome: { errcode: errcodes.deadline } });
    await next.close();
  });
});
