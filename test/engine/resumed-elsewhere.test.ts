import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import { openRig, type Rig, tenant } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

// A vendor that goes on in a new run when it gets a payload.

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig.close());

const asking = { status: 'running', question: 'sure?' };

async function interruptedRun(): Promise<Run> {
  rig.vendor.observeScript.splice(0, Number.POSITIVE_INFINITY, asking);
  const run = await rig.create();
  await rig.clock.advance(1000);
  expect((await rig.read(run)).status).toBe('interrupted');
  return run;
}

const resume = (run: Run) => rig.engine.api.runs.resume({ tenant, runId: run.runId }, 'yes');

test('after a resume that made a new run, the new run is polled and its end is the end of the run', async () => {
  const run = await interruptedRun();
  rig.vendor.resumeScript.push({ runId: 'second' });
  rig.vendor.observeScript.splice(0, 1, { status: 'error', error: 'boom' });
  await resume(run);
  await rig.clock.advance(20_000);
  expect(rig.vendor.lastObserved).toBe('second');
  expect(await rig.read(run)).toMatchObject({
    status: 'error',
    upstream: { runId: 'second' },
    vendor: { runId: 'second' },
    outcome: { description: 'boom' },
  });
});

test('the same question of a new run interrupts at once, because no echo can come from it', async () => {
  const run = await interruptedRun();
  rig.vendor.resumeScript.push({ runId: 'second' });
  await resume(run);
  await rig.clock.advance(2000);
  expect(await rig.read(run)).toMatchObject({ status: 'interrupted', upstream: { runId: 'second' } });
});

test('the new run survives a restart, and is the one that is cancelled', async () => {
  const run = await interruptedRun();
  rig.vendor.resumeScript.push({ runId: 'second' });
  rig.vendor.observeScript.splice(0, 1, { status: 'running' });
  await resume(run);
  await rig.clock.settle();
  rig = await rig.crash();
  await rig.clock.advance(20_000);
  expect(rig.vendor.lastObserved).toBe('second');
  await rig.engine.api.runs.cancel({ tenant, runId: run.runId }, { action: 'interrupt', wait: false });
  await rig.clock.advance(1000);
  expect(rig.vendor.cancelled).toEqual(['second']);
});

test('a process that dies during a resume leaves the run with its old id, and the payload as not known to have arrived', async () => {
  const run = await interruptedRun();
  rig.vendor.resumeGate = new Promise(() => {});
  rig.vendor.resumeScript.push({ runId: 'second' });
  await resume(run);
  await rig.clock.settle();
  expect((await rig.read(run)).phase).toBe('delivering');
  rig.vendor.observeScript.splice(0, 1, { status: 'running' });
  rig = await rig.crash();
  await rig.clock.advance(20_000);
  expect(await rig.read(run)).toMatchObject({ phase: 'running', upstream: { runId: 'vendor-1' } });
  expect(rig.vendor.resumptions).toHaveLength(1);
});

test('a run that is cancelled during its resume has both runs of the vendor cancelled', async () => {
  const run = await interruptedRun();
  const gate = Promise.withResolvers<void>();
  rig.vendor.resumeGate = gate.promise;
  rig.vendor.resumeScript.push({ runId: 'second' });
  await resume(run);
  await rig.clock.settle();
  await rig.engine.api.runs.cancel({ tenant, runId: run.runId }, { action: 'interrupt', wait: false });
  gate.resolve();
  await rig.clock.advance(1000);
  expect(rig.vendor.cancelled.toSorted()).toEqual(['second', 'vendor-1']);
});

test('a resume that is answered with the id of another run of ours is not followed, and says so', async () => {
  const other = await rig.create();
  await rig.clock.settle();
  const run = await interruptedRun();
  const foreign = (await rig.read(other)).upstream?.runId ?? '';
  rig.vendor.resumeScript.push({ runId: foreign });
  rig.vendor.observeScript.splice(0, 1, { status: 'running' });
  await resume(run);
  await rig.clock.settle();
  expect(await rig.read(run)).toMatchObject({ phase: 'running', upstream: { runId: 'vendor-2' } });
  const notes = (await rig.events(run)).flatMap(({ change }) => (change.kind === 'phase' && change.note) || []);
  expect(notes).toEqual([expect.stringContaining(`the id of another run, ${foreign}`)]);
});

test('the id of a resumed run is taken, so that a start that is answered with it is refused', async () => {
  const run = await interruptedRun();
  rig.vendor.resumeScript.push({ runId: 'second' });
  await resume(run);
  await rig.clock.settle();
  rig.vendor.startScript.push({ upstream: { runId: 'second' } });
  const late = await rig.create();
  await rig.clock.settle();
  expect(await rig.read(late)).toMatchObject({ status: 'error', upstream: null });
});

test('a resume that failed and is made again may make the new run then', async () => {
  const run = await interruptedRun();
  rig.vendor.resumeScript.push(fault('retry'), { runId: 'second' });
  rig.vendor.observeScript.splice(0, 1, { status: 'running' });
  await resume(run);
  await rig.clock.advance(5000);
  expect(await rig.read(run)).toMatchObject({ phase: 'running', upstream: { runId: 'second' } });
});

test('the store is told whether what the vendor started for a run is the first', async () => {
  await rig.close();
  const told: (boolean | undefined)[] = [];
  rig = await openRig({
    wrapStore: (store) => {
      const update = store.update.bind(store);
      store.update = (change) => {
        if (change.upstreamKey !== undefined) told.push(change.isFirstUpstream);
        return update(change);
      };
      return store;
    },
  });
  const run = await interruptedRun();
  rig.vendor.resumeScript.push({ runId: 'second' });
  await resume(run);
  await rig.clock.advance(2000);
  expect(told).toEqual([true, false]);
});
