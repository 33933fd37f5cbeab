import { expect, test } from 'vitest';
import { guardOfCall } from '../../src/compute/guarded-calls.ts';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import type { EvaluationGuard } from '../../src/contract/domain/evaluation.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { openRig, type Rig, type RigOptions } from './engine-rig.ts';
import { makeAgent } from './scripted-agent.ts';
import { ScriptedVendor } from './scripted-vendor.ts';

/** Evaluations that run in a thread and never come back, as when the process ends in the middle of them. */
const never = (guard: EvaluationGuard | undefined, expression: string): Promise<never> => {
  const work = () => new Promise<never>(() => {});
  return guard === undefined ? work() : guard(expression, work);
};
const layer = { status: { running: 'pending', success: 'success' }, output: 'output' };
const { mapping } = makeAgent({ connection: new ScriptedVendor(), layer });
const fatal = {
  ...mapping,
  interrupts: false,
  input: mapping.input.bind(mapping),
  plainInput: mapping.plainInput.bind(mapping),
  describeEnd: mapping.describeEnd.bind(mapping),
};

async function runAgain(rig: Rig, run: Run, options: RigOptions): Promise<Rig> {
  const next = await rig.crash(options);
  await next.clock.advance(20_000);
  expect((await next.read(run)).runId).toBe(run.runId);
  return next;
}

test.each([['reading', { read: (_observation: unknown, guard?: EvaluationGuard) => never(guard, 'output') }]])(
  'a run whose evaluation ended the gateway three times ends as 1005: %s',
  async (_name, broken) => {
    const options: RigOptions = { agent: { mapping: { ...fatal, ...broken } as typeof mapping } };
    let rig = await openRig(options);
    const run = await rig.create();
    await rig.clock.advance(20_000);
    for (let ends = 1; ends <= 3; ends++) {
      rig = await runAgain(rig, run, options);
      expect(await rig.read(run)).toMatchObject({ status: 'pending', evaluations: ends });
    }
    rig = await runAgain(rig, run, options);
    expect(await rig.read(run)).toMatchObject({
      status: 'error',
      outcome: {
        errcode: errcodes.mappingFailed,
        description: `the mapping's "output" expression failed: its evaluation ended the gateway 3 times`,
      },
    });
    await rig.close();
  },
);

/** A vendor whose adapter evaluates an expression of its own in each poll, which never comes back. */
class FatalVendor extends ScriptedVendor {
  override async observe(): Promise<never> {
    return await never(guardOfCall(), 'observe.status');
  }
}

test('a run ends as 1005 after an expression of its adapter has ended the gateway three times', async () => {
  const options: RigOptions = { vendor: new FatalVendor() };
  let rig = await openRig(options);
  const run = await rig.create();
  await rig.clock.advance(20_000);
  for (let ends = 1; ends <= 3; ends++) {
    rig = await runAgain(rig, run, options);
    expect(await rig.read(run)).toMatchObject({ status: 'pending', evaluations: ends });
  }
  rig = await runAgain(rig, run, options);
  expect(await rig.read(run)).toMatchObject({
    status: 'error',
    outcome: {
      errcode: errcodes.mappingFailed,
      description: expect.stringContaining('its evaluation ended the gateway 3 times'),
    },
  });
  await rig.close();
});

test('a run that was evaluated after a recovery is not counted any more', async () => {
  const guarded = {
    ...fatal,
    read: async (_observation: unknown, guard?: EvaluationGuard) =>
      (await guard?.('output', async () => ({ kind: 'pending', partial: undefined }))) ?? { kind: 'pending' },
  };
  const options: RigOptions = { agent: { mapping: guarded as unknown as typeof mapping } };
  let rig = await openRig(options);
  const run = await rig.create();
  await rig.clock.advance(20_000);
  for (let restarts = 0; restarts < 5; restarts++) {
    rig = await runAgain(rig, run, options);
    const { status, evaluations } = await rig.read(run);
    expect([status, evaluations]).toEqual(['pending', undefined]);
  }
  await rig.close();
});

test('of several runs that were taken over, only the one under evaluation is counted', async () => {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const gated = {
    ...fatal,
    read: async (_observation: unknown, guard?: EvaluationGuard) => {
      await guard?.('output', () => over);
      return { kind: 'pending' };
    },
  };
  const options: RigOptions = { agent: { mapping: gated as unknown as typeof mapping } };
  let rig = await openRig(options);
  const runs = [await rig.create(), await rig.create(), await rig.create()];
  await rig.clock.advance(20_000);
  rig = await rig.crash(options);
  await rig.clock.advance(20_000);
  const counts = async () =>
    (await Promise.all(runs.map(async (run) => (await rig.read(run)).evaluations ?? 0))).toSorted();
  expect(await counts()).toEqual([0, 0, 1]);
  resolve();
  await rig.clock.advance(20_000);
  expect(await counts()).toEqual([0, 0, 0]);
  await rig.close();
});
