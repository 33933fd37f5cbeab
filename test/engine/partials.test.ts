import { expect, test } from 'vitest';
import { openRig, tenant } from './engine-rig.ts';

test('a partial output is recorded as one event, even if another process takes the run over', async () => {
  const first = await openRig();
  const { vendor, clock } = first;
  const show = (output: number): void => void vendor.observeScript.splice(0, 9, { status: 'running', output });
  show(1);
  const run = await first.create();
  await clock.advance(10_000);
  show(2);
  await clock.advance(10_000);
  const second = await first.crash();
  await clock.advance(30_000);
  show(1);
  await clock.advance(30_000);
  // Far back in the run's events, behind everything that happened since.
  const third = await second.crash();
  await clock.advance(30_000);
  show(3);
  await clock.advance(30_000);
  const partials = (await third.events(run)).flatMap(({ change }) => (change.kind === 'partial' ? [change.value] : []));
  expect(partials).toEqual([1, 2, 1, 3]);
  await third.close();
});

test('the last partial output is found behind more events than are read at a time', async () => {
  const first = await openRig();
  const { vendor, clock, store } = first;
  vendor.observeScript.push({ status: 'running', output: 'half' });
  const run = await first.create();
  await clock.advance(10_000);
  // Events of another kind, as many resumptions leave them.
  for (let n = 0; n < 205; n += 1) {
    const before = await store.find({ tenant, runId: run.runId });
    if (before === null) throw new Error('the run is gone');
    const after = { ...before, version: before.version + 1, lastSeq: before.lastSeq + 1 };
    const change = { kind: 'phase', phase: 'running' } as const;
    const event = { runId: run.runId, seq: after.lastSeq, atMs: clock.nowMs(), status: 'pending', change } as const;
    expect(await store.update({ run: after, expectedVersion: before.version, events: [event] })).toBe(true);
  }
  const second = await first.crash();
  await clock.advance(60_000);
  const partials = (await second.events(run)).filter(({ change }) => change.kind === 'partial');
  expect(partials).toHaveLength(1);
  await second.close();
});
