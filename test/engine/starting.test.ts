import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import { MappingFault } from '../../src/contract/domain/mapping.ts';
import { kinds, openRig, type Rig, tenant } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

describe('starting a run', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await openRig();
  });
  afterEach(() => rig.close());

  test('a creation does not wait for the vendor, and the vendor is asked without a tick of delay', async () => {
    let open = (): void => {};
    rig.vendor.startGate = new Promise((resolve) => {
      open = resolve;
    });
    const run = await rig.create({ input: { url: 'x' } });
    expect(run).toMatchObject({ status: 'pending', phase: 'queued' });
    await rig.clock.settle();
    expect(rig.vendor.starts).toEqual([{ url: 'x' }]);
    expect((await rig.read(run)).phase).toBe('starting');
    open();
    await rig.clock.settle();
    expect(await rig.read(run)).toMatchObject({ phase: 'running', status: 'pending', upstream: { runId: 'vendor-1' } });
  });

  test('a run that need not wait is written as starting, in one write', async () => {
    rig.vendor.startGate = new Promise(() => {});
    const run = await rig.create();
    expect(await rig.store.find({ tenant, runId: run.runId })).toMatchObject({ phase: 'starting', version: 1 });
    rig = await rig.crash();
    await rig.clock.settle();
    expect(await rig.read(run)).toMatchObject({ status: 'error', outcome: { errcode: errcodes.startUnknown } });
    expect(rig.vendor.starts).toHaveLength(1);
  });

  test.each([['start'], ['observe']] as const)(
    'a run for which an expression of the vendor file fails in its %s ends as 1005',
    async (step) => {
      const failure = new MappingFault(`${step}.body`, 'JSONata error T0410');
      rig.vendor[step === 'start' ? 'startScript' : 'observeScript'].push(failure);
      const run = await rig.create();
      await rig.clock.advance(60_000);
      const ended = await rig.read(run);
      expect(ended).toMatchObject({ status: 'error', outcome: { errcode: errcodes.mappingFailed } });
      expect(JSON.stringify(ended.outcome)).toContain(`${step}.body`);
      expect(rig.vendor.starts).toHaveLength(1);
    },
  );

  test('stopping the engine waits for a run that is being written as starting, and for its start', async () => {
    let open = (): void => {};
    rig.vendor.startGate = new Promise((resolve) => {
      open = resolve;
    });
    const creating = rig.create();
    // The write is submitted, and committed in a later turn of the event loop.
    let isStopped = false;
    const stopping = rig.engine.stop().then(() => {
      isStopped = true;
    });
    const run = await creating;
    await rig.clock.settle();
    expect(isStopped).toBe(false);
    open();
    await rig.clock.advance(60_000);
    await stopping;
    expect(rig.vendor.starts).toHaveLength(1);
    expect(await rig.store.find({ tenant, runId: run.runId })).toMatchObject({
      phase: 'running',
      upstream: { runId: 'vendor-1' },
    });
  });

  test('a run that ends is read with its output, and its events have no gap', async () => {
    rig.vendor.observeScript.push({ status: 'running' }, { status: 'success', output: [1, { a: null }] });
    const run = await rig.create();
    await rig.clock.advance(20_000);
    expect(await rig.read(run)).toMatchObject({
      status: 'success',
      outcome: { kind: 'result', value: [1, { a: null }] },
    });
    const events = await rig.events(run);
    expect(kinds(events)).toEqual(['queued', 'running', 'result']);
    expect(events.map((event) => event.seq)).toEqual([1, 2, 3]);
    expect(rig.engine.liveRuns()).toEqual({ total: 0, parked: 0 });
    expect(rig.logged.filter(({ message }) => message === 'run ended')).toMatchObject([
      { level: 'info', fields: { run_id: run.runId, agent: 'scripted', backend: 'scripted', status: 'success' } },
    ]);
  });

  test.each([
    ['refused', fault('retry', { kind: 'refused' })],
    ['503', fault('retry')],
  ])('%s: the run stays pending and its start is retried until it succeeds', async (_name, again) => {
    rig.vendor.startScript.push(again, again, again);
    rig.vendor.observeScript.push({ status: 'success', output: 1 });
    const run = await rig.create();
    await rig.clock.settle();
    expect(await rig.read(run)).toMatchObject({ status: 'pending', phase: 'queued', attempts: 1 });
    await rig.clock.advance(60_000);
    expect(rig.vendor.starts).toHaveLength(4);
    expect((await rig.read(run)).status).toBe('success');
  });

  test('a start is not retried before its Retry-After is over', async () => {
    rig.vendor.startScript.push(fault('retry', { retryAfterMs: 30_000 }));
    await rig.create();
    await rig.clock.advance(29_000);
    expect(rig.vendor.starts).toHaveLength(1);
    await rig.clock.advance(10_000);
    expect(rig.vendor.starts).toHaveLength(2);
  });

  test("retries of a start end with the run's deadline", async () => {
    for (let tries = 0; tries < 500; tries += 1) rig.vendor.startScript.push(fault('retry'));
    const run = await rig.create();
    await rig.clock.advance(3_600_001);
    expect(await rig.read(run)).toMatchObject({ status: 'timeout', outcome: { errcode: errcodes.deadline } });
    const tries = rig.vendor.starts.length;
    await rig.clock.advance(600_000);
    expect(rig.vendor.starts).toHaveLength(tries);
  });

  test("a start that the vendor refuses ends the run with the vendor's own words", async () => {
    rig.vendor.startScript.push(fault('rejected', { message: 'no such project: shop' }));
    const run = await rig.create();
    await rig.clock.settle();
    expect(await rig.read(run)).toMatchObject({
      status: 'error',
      outcome: {
        errcode: errcodes.startRejected,
        description: 'the vendor refused to start the run: no such project: shop',
      },
    });
    await rig.clock.advance(60_000);
    expect(rig.vendor.starts).toHaveLength(1);
  });

  test('a start with an unknown outcome is never retried', async () => {
    rig.vendor.startScript.push(fault('unknown'));
    const run = await rig.create();
    await rig.clock.advance(60_000);
    expect(rig.vendor.starts).toHaveLength(1);
    const { outcome, status } = await rig.read(run);
    expect(status).toBe('error');
    expect(outcome).toMatchObject({ errcode: errcodes.startUnknown });
    expect(outcome?.kind === 'error' && outcome.description).toMatch(/not known whether the vendor started the run/);
  });

  test('an unexpected exception during a start counts as an unknown outcome', async () => {
    rig.vendor.startScript.push(new TypeError('broken adapter'));
    const run = await rig.create();
    await rig.clock.advance(60_000);
    expect(rig.vendor.starts).toHaveLength(1);
    expect(await rig.read(run)).toMatchObject({ status: 'error', outcome: { errcode: errcodes.startUnknown } });
    expect(rig.logged.filter((line) => line.level === 'error')).toHaveLength(1);
  });

  test('an input expression that fails ends its run and no other', async () => {
    await rig.close();
    rig = await openRig({ mapping: { input: '$number(input.n)' } });
    const [bad, good] = [await rig.create({ input: { n: 'x' } }), await rig.create({ input: { n: '7' } })];
    await rig.clock.settle();
    expect(await rig.read(bad)).toMatchObject({ status: 'error', outcome: { errcode: errcodes.mappingFailed } });
    expect(await rig.read(good)).toMatchObject({ phase: 'running' });
    expect(rig.vendor.starts).toEqual([7]);
  });

  test('a run that is cancelled during its start is cancelled at the vendor once the start is answered', async () => {
    let open = (): void => {};
    rig.vendor.startGate = new Promise((resolve) => {
      open = resolve;
    });
    const run = await rig.create();
    await rig.clock.settle();
    const deleted = await rig.engine.api.runs.delete({ tenant, runId: run.runId });
    expect(deleted).toMatchObject({ status: 'error', outcome: { errcode: errcodes.cancelled } });
    expect(rig.vendor.cancelled).toEqual([]);
    open();
    await rig.clock.settle();
    expect(rig.vendor.cancelled).toEqual(['vendor-1']);
    await expect(rig.read(run)).rejects.toMatchObject({ code: 'run_not_found' });
  });
});

describe('starting a run with onUnknownStart: retry', () => {
  test('a start with an unknown outcome is retried with onUnknownStart: retry', async () => {
    const rig = await openRig({ agent: { onUnknownStart: 'retry' } });
    rig.vendor.startScript.push(fault('unknown'));
    await rig.create();
    await rig.clock.advance(5000);
    expect(rig.vendor.starts).toHaveLength(2);
    await rig.close();
  });
});
