import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import { kinds, openRig, type Rig, readAll, tenant } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

describe('polling a run', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await openRig();
  });
  afterEach(() => rig.close());

  test('no fault of a poll ends the run, and each kind of fault is logged once', async () => {
    rig.vendor.observeScript.push(
      fault('retry', { kind: 'http-status' }),
      fault('retry', { kind: 'malformed' }),
      fault('retry', { kind: 'malformed' }),
      fault('retry', { kind: 'timeout' }),
      fault('retry', { kind: 'refused' }),
      fault('rejected', { kind: 'http-status' }),
      { status: 'success', output: 'at last' },
    );
    const run = await rig.create();
    await rig.clock.advance(120_000);
    expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 'at last' } });
    const failed = rig.logged.filter((line) => line.level === 'warn' && line.message === 'vendor call failed');
    const warned = failed.map((line) => line.fields.kind);
    expect(warned).toEqual(['http-status', 'malformed', 'timeout', 'refused']);
    expect(rig.counts.get('upstream_faults')).toBe(6);
  });

  test('Retry-After of a poll delays the next poll', async () => {
    rig.vendor.observeScript.push(fault('retry', { retryAfterMs: 60_000 }), { status: 'running' });
    await rig.create();
    await rig.clock.advance(59_000);
    expect(rig.vendor.polls).toBe(1);
    await rig.clock.advance(60_000);
    expect(rig.vendor.polls).toBeGreaterThan(1);
  });

  test('a run that the vendor no longer knows is lost only after lostAfterSeconds', async () => {
    rig.vendor.observeScript.push({ status: 'running' }, fault('gone'));
    const run = await rig.create();
    await rig.clock.advance(59_000);
    expect((await rig.read(run)).status).toBe('pending');
    await rig.clock.advance(3000);
    expect(await rig.read(run)).toMatchObject({
      status: 'error',
      outcome: { errcode: errcodes.upstreamGone, description: 'the vendor no longer knows this run' },
    });
  });

  test('a run that the vendor knows again within lostAfterSeconds goes on', async () => {
    rig.vendor.observeScript.push(fault('gone'), fault('gone'), { status: 'running' });
    const run = await rig.create();
    await rig.clock.advance(120_000);
    expect((await rig.read(run)).status).toBe('pending');
  });

  test('an unknown vendor status does not end the run, and is logged once', async () => {
    rig.vendor.observeScript.push({ status: 'pondering' }, { status: 'pondering' }, { status: 'success', output: 1 });
    const run = await rig.create();
    await rig.clock.advance(30_000);
    expect((await rig.read(run)).status).toBe('success');
    expect(rig.logged.filter((line) => line.fields.vendor_status === 'pondering')).toHaveLength(1);
    expect(rig.counts.get('unmapped_status')).toBe(2);
  });

  test('a deadline ends the run as timeout and cancels it at the vendor, and a late success does not change that', async () => {
    const run = await rig.create();
    await rig.clock.advance(3_599_000);
    expect((await rig.read(run)).status).toBe('pending');
    rig.vendor.observeScript.push({ status: 'success', output: 1 });
    let open = (): void => {};
    rig.vendor.observeGate = new Promise((resolve) => {
      open = resolve;
    });
    await rig.clock.advance(1001);
    open();
    await rig.clock.advance(60_000);
    expect(await rig.read(run)).toMatchObject({ status: 'timeout', outcome: { errcode: errcodes.deadline } });
    expect(rig.vendor.cancelled).toEqual(['vendor-1']);
  });

  test('a cancellation is repeated when the vendor does not answer', async () => {
    const run = await rig.create();
    await rig.clock.settle();
    rig.vendor.cancelScript.push(fault('retry'), fault('retry'));
    await rig.engine.api.runs.delete({ tenant, runId: run.runId });
    await rig.clock.advance(5000);
    expect(rig.vendor.cancelled).toEqual(['vendor-1']);
    const { polls } = rig.vendor;
    await rig.clock.advance(60_000);
    expect(rig.vendor.polls).toBe(polls);
  });

  test('a partial output is an event only when it has changed', async () => {
    rig.vendor.observeScript.push(
      { status: 'running', output: { step: 1 } },
      { status: 'running', output: { step: 1 } },
      { status: 'running', output: { step: 2 } },
      { status: 'success', output: { step: 3 } },
    );
    const run = await rig.create();
    await rig.clock.advance(30_000);
    expect(kinds(await rig.events(run))).toEqual(['queued', 'running', 'replaced', 'partial', 'result']);
  });

  test('an output expression that fails ends the run with a plain description', async () => {
    await rig.close();
    rig = await openRig({ mapping: { output: '$number(output)' } });
    rig.vendor.observeScript.push({ status: 'success', output: 'many' });
    const run = await rig.create();
    await rig.clock.advance(1000);
    const { outcome } = await rig.read(run);
    expect(outcome).toMatchObject({ kind: 'error', errcode: errcodes.mappingFailed });
    expect(outcome?.kind === 'error' && outcome.description).toMatch(/"output" expression failed/);
  });

  test('twenty watchers of a run cost the vendor as many polls as one', async () => {
    const polls: number[] = [];
    for (const watchers of [1, 20]) {
      await rig.close();
      rig = await openRig();
      const run = await rig.create();
      await rig.clock.settle();
      const key = { tenant, runId: run.runId };
      const streams = await Promise.all(Array.from({ length: watchers }, () => rig.engine.api.runs.watch(key, 0)));
      const mapped = streams.map(readAll);
      await rig.clock.advance(30_000);
      polls.push(rig.vendor.polls);
      rig.vendor.observeScript.push({ status: 'success', output: 'same for all' });
      await rig.clock.advance(2000);
      for (const events of await Promise.all(mapped)) expect(kinds(events)).toEqual(['queued', 'running', 'result']);
    }
    expect(polls[1]).toBe(polls[0]);
    expect(polls[0]).toBeGreaterThan(20);
  });

  test('a watcher makes a sleeping run loop poll sooner, until it leaves', async () => {
    const run = await rig.create();
    await rig.clock.advance(600_000);
    const before = rig.vendor.polls;
    await rig.clock.advance(5000);
    const unwatched = rig.vendor.polls - before;
    const stream = await rig.engine.api.runs.watch({ tenant, runId: run.runId }, 0);
    await rig.clock.advance(5000);
    const watched = rig.vendor.polls - before - unwatched;
    await stream.return();
    await rig.clock.advance(1000);
    const after = rig.vendor.polls;
    await rig.clock.advance(5000);
    expect(unwatched).toBeLessThanOrEqual(1);
    expect(watched).toBeGreaterThanOrEqual(5);
    expect(rig.vendor.polls - after).toBeLessThanOrEqual(1);
  });
});
