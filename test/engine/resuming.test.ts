import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { kinds, openRig, type Rig, tenant } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

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
    expect(await rig.engine.api.runs.resume(key, { ok: true })).toMatchObject({ status: 'pending' });
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
