import { afterEach, describe, expect, test } from 'vitest';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import { crash, lost, openAdopting, push, rig, startWith, unsearchable } from './adopting-rig.ts';
import { cut, success } from './adopting-vendor.ts';

afterEach(() => rig.close());

describe('a vendor whose call names its run', () => {
  test.each(lost)('%s: the named run is asked for, and its result arrives', async (_name, fate) => {
    const vendor = await openAdopting('push', unsearchable());
    const run = await startWith(vendor, fate);
    await rig.clock.advance(600_000);
    expect((await rig.read(run)).phase).toBe('starting');
    vendor.observeScript.push(success);
    expect(await push(run, { runId: vendor.made.get(run.runId) })).toBe(true);
    await rig.clock.advance(1000);
    expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 'done' } });
    expect(vendor.starts).toHaveLength(1);
  });

  test('a call that comes before the answer is kept, and the answer wins', async () => {
    const vendor = await openAdopting('push', unsearchable());
    let open = (): void => {};
    vendor.startGate = new Promise((resolve) => {
      open = resolve;
    });
    const { start } = vendor;
    vendor.start = async (request) => {
      const ref = await start.call(vendor, request);
      await vendor.startGate;
      return ref;
    };
    const run = await rig.create();
    await rig.clock.settle();
    await push(run, { runId: 'another' });
    open();
    await rig.clock.settle();
    expect(await rig.read(run)).toMatchObject({ phase: 'running', upstream: { runId: 'made-1' } });
    expect((await rig.read(run)).named).toBeUndefined();
  });

  test('what a call named before the process died is asked for by the next one', async () => {
    const vendor = await openAdopting('push', unsearchable());
    vendor.fates.push({ taken: true, answer: 'hang' });
    const run = await rig.create();
    await rig.clock.settle();
    await push(run, { runId: vendor.made.get(run.runId) });
    vendor.observeScript.push(success);
    await crash();
    await rig.clock.advance(1000);
    expect((await rig.read(run)).status).toBe('success');
  });

  test.each([
    ['a run that the vendor does not know', { runId: 'forged' }],
    ['nothing', {}],
    ['no text', { runId: 7 }],
  ])('a call that names %s adopts nothing, and a later one does', async (_name, body) => {
    const vendor = await openAdopting('push', unsearchable());
    const run = await startWith(vendor, { taken: true, answer: cut() });
    await push(run, body);
    await rig.clock.advance(60_000);
    expect((await rig.read(run)).phase).toBe('starting');
    vendor.observeScript.push(success);
    await push(run, { runId: vendor.made.get(run.runId) });
    await rig.clock.advance(1000);
    expect((await rig.read(run)).status).toBe('success');
  });

  test('a start whose call never comes ends as unknown when none can come any more', async () => {
    const terms = { termsOf: () => ({ lastCallMs: 600_000 }) };
    const vendor = await openAdopting('push', unsearchable(terms));
    const run = await startWith(vendor, { taken: false, answer: 'hang' });
    await rig.clock.advance(599_000);
    expect((await rig.read(run)).status).toBe('pending');
    await rig.clock.advance(2000);
    const { outcome } = await rig.read(run);
    expect(outcome).toMatchObject({ errcode: errcodes.startUnknown });
    expect(JSON.stringify(outcome)).toMatch(/stopped during the call; the vendor's call did not come/);
    expect(vendor.starts).toHaveLength(1);
  });

  test('a run whose deadline comes before the call ends as unknown, not as slow', async () => {
    const vendor = await openAdopting('push', unsearchable(), { agent: { timeoutMs: 30_000 } });
    const run = await startWith(vendor, { taken: false, answer: cut() });
    await rig.clock.advance(30_001);
    expect(await rig.read(run)).toMatchObject({ status: 'error', outcome: { errcode: errcodes.startUnknown } });
  });

  test('with onUnknownStart: retry the start is repeated at once instead of waiting for a call', async () => {
    const vendor = await openAdopting('push', unsearchable(), { agent: { onUnknownStart: 'retry' } });
    await startWith(vendor, { taken: false, answer: cut() });
    await rig.clock.advance(5000);
    expect(vendor.starts).toHaveLength(2);
  });

  test('a call that names the run of a cancelled start has it cancelled at the vendor', async () => {
    const vendor = await openAdopting('push', unsearchable());
    const run = await startWith(vendor, { taken: true, answer: cut() });
    await rig.engine.api.runs.cancel({ tenant: run.tenant, runId: run.runId }, { action: 'interrupt', wait: false });
    await push(run, { runId: vendor.made.get(run.runId) });
    await rig.clock.advance(1000);
    expect(vendor.cancelled).toEqual(['made-1']);
  });

  test('a vendor that can be searched too is searched while its call is waited for', async () => {
    const vendor = await openAdopting('push');
    vendor.observeScript.push(success);
    const run = await startWith(vendor, { taken: true, answer: cut() });
    await rig.clock.advance(5000);
    expect((await rig.read(run)).status).toBe('success');
    expect(vendor.starts).toHaveLength(1);
  });

  test('a search that finds nothing does not end the wait for the call', async () => {
    const vendor = await openAdopting('push');
    const run = await startWith(vendor, { taken: 'late', answer: cut() });
    await rig.clock.advance(1_000_000);
    expect((await rig.read(run)).phase).toBe('starting');
    vendor.arrive();
    vendor.observeScript.push(success);
    await push(run, { runId: vendor.made.get(run.runId) });
    await rig.clock.advance(1000);
    expect((await rig.read(run)).status).toBe('success');
  });
});
