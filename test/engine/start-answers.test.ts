import { afterEach, describe, expect, test } from 'vitest';
import type { StartAnswer } from '../../src/contract/adapter/adapter.ts';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { AdoptingVendor } from './adopting-vendor.ts';
import { kinds, openRig, type Rig, type RigOptions, tenant } from './engine-rig.ts';
import { ScriptedVendor } from './scripted-vendor.ts';

let rig: Rig;
afterEach(() => rig.close());

async function openAnswering(answer: StartAnswer, options: RigOptions = {}): Promise<Rig> {
  rig = await openRig(options);
  rig.vendor.startScript.push(answer);
  return rig;
}

const upstream = { runId: 'up-1' };
const showing = (raw: { readonly status: string; readonly [name: string]: Json }) => ({ status: raw.status, raw });

describe('a start whose answer shows the run', () => {
  test.each([
    ['fast', { input: 1 }],
    ['delayed', { input: 1, afterMs: 1000 }],
  ])(
    'a %s start that is answered with the end is recorded as started and then as ended, without a poll',
    async (_, request) => {
      await openAnswering({ upstream, observation: showing({ status: 'success', output: 42 }) });
      const run = await rig.create(request);
      await rig.clock.advance(1000);
      expect(await rig.read(run)).toMatchObject({
        status: 'success',
        upstream,
        outcome: { value: 42 },
        vendor: { runId: 'up-1' },
      });
      expect(kinds(await rig.events(run))).toEqual(['queued', 'running', 'result']);
      expect(rig.vendor.polls).toBe(0);
    },
  );

  test('a start that is answered with a failure ends the run with the errcode of the mapping', async () => {
    await openAnswering({ upstream, observation: showing({ status: 'error', error: 'no' }) });
    const run = await rig.create();
    await rig.clock.settle();
    expect(await rig.read(run)).toMatchObject({ status: 'error', outcome: { errcode: 3000, description: 'no' } });
  });

  test('a start that is answered with a question interrupts the run', async () => {
    await openAnswering({ upstream, observation: showing({ status: 'running', question: 'sure?' }) });
    const run = await rig.create();
    await rig.clock.settle();
    expect(await rig.read(run)).toMatchObject({ status: 'interrupted', outcome: { payload: 'sure?' } });
    expect(rig.vendor.polls).toBe(0);
  });

  test('a start that is answered with a live run is polled at the usual pace', async () => {
    await openAnswering({ upstream, observation: showing({ status: 'running' }) });
    rig.vendor.observeScript.push({ status: 'success', output: 1 });
    const run = await rig.create();
    await rig.clock.settle();
    expect((await rig.read(run)).phase).toBe('running');
    expect(rig.vendor.polls).toBe(0);
    await rig.clock.advance(20_000);
    expect((await rig.read(run)).status).toBe('success');
    expect(rig.vendor.lastObserved).toBe('up-1');
  });

  test('an end that cannot be mapped ends the run as an error of the mapping', async () => {
    await openAnswering(
      { upstream, observation: showing({ status: 'success', output: 1 }) },
      { mapping: { output: '$error("no output")' } },
    );
    const run = await rig.create();
    await rig.clock.settle();
    expect(await rig.read(run)).toMatchObject({ outcome: { errcode: errcodes.mappingFailed } });
  });

  test('a run that is cancelled during its start stays cancelled, whatever the answer shows', async () => {
    const gate = Promise.withResolvers<void>();
    await openAnswering({ upstream, observation: showing({ status: 'success', output: 1 }) });
    rig.vendor.startGate = gate.promise;
    const run = await rig.create();
    await rig.clock.settle();
    await rig.engine.api.runs.cancel({ tenant, runId: run.runId }, { action: 'interrupt', wait: false });
    gate.resolve();
    await rig.clock.advance(1000);
    expect(await rig.read(run)).toMatchObject({ outcome: { errcode: errcodes.cancelled } });
    expect(rig.vendor.cancelled).toEqual(['up-1']);
  });
});

describe('a start that is answered with the end and names no run', () => {
  test('it ends the run in one write, and nothing is polled', async () => {
    await openAnswering({ upstream: null, observation: showing({ status: 'success', output: 'hello' }) });
    const run = await rig.create();
    await rig.clock.advance(30_000);
    expect(await rig.read(run)).toMatchObject({ status: 'success', upstream: null, outcome: { value: 'hello' } });
    expect(kinds(await rig.events(run))).toEqual(['queued', 'result']);
    expect(rig.vendor.polls).toBe(0);
  });

  test.each([
    ['pending', { status: 'running' }],
    ['interrupted', { status: 'running', question: 'sure?' }],
    ['unmapped', { status: 'sleeping' }],
  ])(
    'an answer without a run that shows it as %s ends the run in words, because nothing could be asked for',
    async (kind, raw) => {
      await openAnswering({ upstream: null, observation: showing(raw) });
      const run = await rig.create();
      await rig.clock.advance(1000);
      const { outcome } = await rig.read(run);
      expect(outcome).toMatchObject({ kind: 'error', errcode: errcodes.mappingFailed });
      expect(outcome).toMatchObject({ description: expect.stringContaining(`must be final, not ${kind}`) });
    },
  );

  test('a start without an answer that is sent again may be answered with the end alone', async () => {
    const vendor = new AdoptingVendor();
    const capabilities = { resume: false, cancel: true, push: false, session: false, adopt: 'start' } as const;
    rig = await openRig({ vendor, agent: { capabilities } });
    const { start } = ScriptedVendor.prototype;
    vendor.fates.push({ taken: true, answer: 'hang' });
    const run = await rig.create();
    await rig.clock.settle();
    // The run is claimed, and its start sent again, as soon as the next process begins.
    vendor.start = start.bind(vendor);
    vendor.startScript.push({ upstream: null, observation: showing({ status: 'success', output: 'late' }) });
    rig = await rig.crash();
    await rig.clock.advance(1000);
    expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 'late' } });
    expect(vendor.cancelled).toEqual([]);
  });
});

describe('a start whose answer is the end', () => {
  const refOf = (_target: unknown, runId: string) => ({ runId: `ours-${runId}` });
  class AnsweringVendor extends ScriptedVendor {
    readonly adoption = { refOf };
  }

  test.each<[string, (runId: string) => Promise<unknown>]>([
    ['a cancel', (runId) => rig.engine.api.runs.cancel({ tenant, runId }, { action: 'interrupt', wait: false })],
    ['its deadline', () => rig.clock.advance(30_000)],
  ])('%s stops at the vendor what a start that is under way has begun, and its answer is not taken', async (_, end) => {
    const vendor = new AnsweringVendor();
    rig = await openRig({ vendor, agent: { timeoutMs: 30_000 } });
    const { promise, resolve } = Promise.withResolvers<void>();
    vendor.startGate = promise;
    const { runId } = await rig.create();
    await rig.clock.advance(100);
    await end(runId);
    await rig.clock.settle();
    expect(vendor.cancelled).toEqual([`ours-${runId}`]);
    vendor.startScript.push({ upstream: null, observation: showing({ status: 'success', output: 1 }) });
    resolve();
    await rig.clock.advance(1000);
    expect((await rig.store.find({ tenant, runId }))?.outcome).toMatchObject({ kind: 'error' });
    expect(vendor.cancelled).toHaveLength(1);
  });
});
