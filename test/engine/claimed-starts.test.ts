import { afterEach, expect, test } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import { openRig, type Rig } from './engine-rig.ts';

let rig: Rig;
afterEach(() => rig.close());

/** A run whose start is under way while another replica claims it. */
async function claimedDuringStart(changed: Partial<Run> = {}): Promise<Run> {
  rig = await openRig();
  const gate = Promise.withResolvers<void>();
  rig.vendor.startGate = gate.promise;
  const created = await rig.create();
  await rig.clock.settle();
  const run = await rig.read(created);
  const claimed = { ...run, owner: 'another', version: run.version + 1, ...changed };
  expect(await rig.store.update({ run: claimed, expectedVersion: run.version, events: [] })).toBe(true);
  gate.resolve();
  await rig.clock.advance(1000);
  return (await rig.store.findOfAnyTenant(run.runId)) ?? claimed;
}

test('the late answer to a start of a run that another replica has claimed is handed over, and nothing is stopped', async () => {
  expect(await claimedDuringStart()).toMatchObject({
    phase: 'starting',
    owner: 'another',
    upstream: null,
    named: { runId: 'vendor-1' },
  });
  expect(rig.vendor.cancelled).toEqual([]);
});

test('a run that its new owner has adopted already is left to it', async () => {
  const upstream = { runId: 'vendor-1' };
  expect(await claimedDuringStart({ phase: 'running', upstream })).toMatchObject({ phase: 'running', upstream });
  expect(rig.vendor.cancelled).toEqual([]);
});

test('what was started is stopped where the new owner goes on with another run of the vendor', async () => {
  await claimedDuringStart({ phase: 'running', upstream: { runId: 'other' } });
  expect(rig.vendor.cancelled).toEqual(['vendor-1']);
});

test('what was started is stopped where the new owner has ended the run', async () => {
  await claimedDuringStart({
    phase: 'done',
    status: 'error',
    outcome: { kind: 'error', errcode: 1002, description: 'unknown' },
    owner: null,
  });
  expect(rig.vendor.cancelled).toEqual(['vendor-1']);
});
