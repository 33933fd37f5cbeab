import { expect, test } from 'vitest';
import type { Run, RunRequest } from '../../src/contract/domain/run.ts';
import { all } from '../store/rows.ts';
import { openRig, type Rig, tenant } from './engine-rig.ts';

const threadId = '0198c5a0-0000-7000-8000-0000000000aa';
const done = { status: 'success', output: 'said' };

async function create(rig: Rig, request: RunRequest): Promise<Run> {
  const thread = { threadId, ifNotExists: 'create', whenBusy: 'enqueue' } as const;
  return (await rig.engine.api.runs.create({ tenant, agent: undefined, request, thread })).run;
}

const isThere = async (rig: Rig): Promise<boolean> =>
  (await rig.store.threads.findThread({ tenant, threadId })) !== null;

test('on_completion: delete removes the thread when the run ends, and keeps the run', async () => {
  const rig = await openRig();
  rig.vendor.observeScript.push({ status: 'running' });
  const kept = await create(rig, { onCompletion: 'keep' });
  rig.vendor.observeScript.push(done);
  await rig.clock.advance(30_000);
  expect(await isThere(rig)).toBe(true);
  rig.vendor.observeScript.splice(0, 9, { status: 'running' });
  const run = await create(rig, { onCompletion: 'delete' });
  await rig.clock.advance(30_000);
  expect(await isThere(rig)).toBe(true);
  rig.vendor.observeScript.splice(0, 9, done);
  await rig.clock.advance(30_000);
  expect(await isThere(rig)).toBe(false);
  expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 'said' } });
  expect(await rig.read(kept)).toMatchObject({ status: 'success' });
  expect(await rig.engine.api.threads.stateAfterRun({ tenant, runId: run.runId })).toBeNull();
  await rig.close();
});

test('on_completion: delete removes the thread even if the process died during the run', async () => {
  const first = await openRig();
  first.vendor.observeScript.push({ status: 'running' });
  const run = await create(first, { onCompletion: 'delete' });
  await first.clock.advance(30_000);
  const rig = await first.crash();
  expect(await isThere(rig)).toBe(true);
  rig.vendor.observeScript.splice(0, 9, done);
  await rig.clock.advance(60_000);
  expect(await rig.read(run)).toMatchObject({ status: 'success' });
  expect(await isThere(rig)).toBe(false);
  await rig.close();
});

test.each(['cancelled', 'removed', 'late', 'failed'])(
  'on_completion: delete removes the thread of a run that was %s',
  async (how) => {
    const rig = await openRig();
    rig.vendor.observeScript.push(how === 'failed' ? { status: 'error', error: 'no' } : { status: 'running' });
    const run = await create(rig, { onCompletion: 'delete' });
    await rig.clock.advance(1000);
    const key = { tenant, runId: run.runId };
    if (how === 'cancelled') await rig.engine.api.runs.cancel(key, { action: 'interrupt', wait: false });
    if (how === 'removed') await rig.engine.api.runs.delete(key);
    await rig.clock.advance(how === 'late' ? 3_700_000 : 30_000);
    expect(await isThere(rig)).toBe(false);
    await rig.close();
  },
);

test('a thread that another run waits for is kept, and removed with the last run that asks for it', async () => {
  const rig = await openRig();
  rig.vendor.observeScript.push(done);
  const runs = [await create(rig, { onCompletion: 'delete' }), await create(rig, { onCompletion: 'delete' })];
  const seen: boolean[] = [];
  for (let n = 0; n < 100 && (await isThere(rig)); n += 1) {
    seen.push((await rig.read(runs[0] as Run)).status === 'success');
    await rig.clock.advance(100);
  }
  // It was there after the first run had ended.
  expect(seen.at(-1)).toBe(true);
  expect(await isThere(rig)).toBe(false);
  for (const run of runs) expect(await rig.read(run)).toMatchObject({ status: 'success' });
  await rig.close();
});

test('a run without a thread leaves no thread behind, whatever its on_completion says', async () => {
  const rig = await openRig();
  rig.vendor.observeScript.push(done);
  const { api } = rig.engine;
  for (const onCompletion of [undefined, 'delete', 'keep'] as const) {
    const { run } = await api.runs.create({ tenant, agent: undefined, request: { onCompletion } });
    await rig.clock.advance(30_000);
    expect(await rig.read(run)).toMatchObject({ status: 'success' });
    const threads = await all(api.threads.search({ tenant, limit: 9, offset: 0 }));
    expect(threads.map((thread) => thread.threadId)).toEqual(onCompletion === 'keep' ? [run.threadId] : []);
  }
  await rig.close();
});
