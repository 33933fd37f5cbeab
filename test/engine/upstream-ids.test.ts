import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import { openRig, type Rig, type RigOptions, tenant } from './engine-rig.ts';

const id = 'V1StGXR8_Z5jdHi6B-myT';

/** A vendor that answers every start with one id. */
async function openSame(options: RigOptions = {}): Promise<Rig> {
  const rig = await openRig(options);
  rig.vendor.start = async ({ input }) => {
    rig.vendor.starts.push(input);
    return { upstream: { runId: id } };
  };
  return rig;
}

describe('two starts that are answered with one id', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await openSame();
  });
  afterEach(() => rig.close());

  const refused = {
    status: 'error',
    outcome: { errcode: errcodes.startUnknown, description: expect.stringContaining(id) },
  };

  test.each([
    ['is live', { status: 'running' }],
    ['has succeeded', { status: 'success', output: "the first one's" }],
    ['has failed', { status: 'error', error: 'no' }],
  ])(
    'a run whose start is answered with the id of a run that %s ends in words and takes nothing of it',
    async (_, shown) => {
      rig.vendor.observeScript.push(shown);
      const first = await rig.create({ input: 1 });
      await rig.clock.advance(20_000);
      const before = await rig.read(first);
      const second = await rig.create({ input: 2 });
      await rig.clock.advance(20_000);
      expect(await rig.read(second)).toMatchObject({ ...refused, upstream: null });
      expect(await rig.read(first)).toEqual(before);
      // It is the other run's: it is not stopped for this one.
      expect(rig.vendor.cancelled).toEqual([]);
      expect(rig.vendor.starts).toEqual([1, 2]);
      expect(rig.logged.filter(({ message }) => message.includes('id of another run'))).toHaveLength(1);
    },
  );

  test('of starts that are answered with one id at the same time exactly one goes on', async () => {
    const runs = await Promise.all(Array.from({ length: 5 }, () => rig.create()));
    await rig.clock.advance(2000);
    const read = await Promise.all(runs.map((run) => rig.read(run)));
    expect(read.filter(({ phase }) => phase === 'running')).toHaveLength(1);
    expect(read.filter(({ phase }) => phase === 'done')).toHaveLength(4);
  });

  test('an id stays known after a restart, and is free once its run was removed', async () => {
    const first = await rig.create();
    await rig.clock.advance(2000);
    rig = await rig.crash();
    const second = await rig.create();
    await rig.clock.advance(2000);
    expect(await rig.read(second)).toMatchObject(refused);
    await rig.engine.api.runs.delete({ tenant, runId: first.runId });
    const third = await rig.create();
    await rig.clock.advance(2000);
    expect((await rig.read(third)).phase).toBe('running');
  });
});

test.each([
  ['share an account', undefined, 'done'],
  ['have accounts of their own', ['default', 'other'], 'running'],
])('an id that two tenants are given who %s', async (_, tenants, phase) => {
  const rig = await openSame({ agent: { tenants } });
  await rig.create();
  await rig.clock.advance(2000);
  const { run } = await rig.engine.api.runs.create({ tenant: 'other', agent: undefined, request: {} });
  await rig.clock.advance(2000);
  expect((await rig.engine.api.runs.get({ tenant: 'other', runId: run.runId })).phase).toBe(phase);
  await rig.close();
});
