import { afterEach, expect, test } from 'vitest';
import type { Cap } from '../../src/contract/domain/cap.ts';
import { openRig, type Rig, tenant } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

const makeCap = (difference: Partial<Cap> = {}): Cap => ({
  ...{ name: `tenant ${tenant}`, agent: null, tenant, reserve: 0 },
  ...{ runsPerHour: null, runsPerDay: null, costPerHour: null, costPerDay: null },
  ...difference,
});
const layer = {
  status: { running: 'pending', success: 'success', failed: 'error' },
  output: 'output',
  cost: 'usage.usd',
};

const rigs: Rig[] = [];
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rig) => rig.close()));
});

async function openCapped(caps: readonly Cap[], script: readonly object[] = []): Promise<Rig> {
  const rig = await openRig({ caps, mapping: layer });
  rigs.push(rig);
  rig.vendor.observeScript.push(...(script as never[]));
  return rig;
}

const use = async (rig: Rig, cap: Cap) => (await rig.store.caps.uses([cap]))[0];

test('a run that finds no room is refused with the cap, its limit and when it frees', async () => {
  const cap = makeCap({ runsPerHour: 1 });
  const rig = await openCapped([cap]);
  await rig.create();
  const refusal = rig.create().catch((error: unknown) => error);
  expect(await refusal).toMatchObject({
    ...{ code: 'cap_reached', http: 429 },
    detail: expect.stringMatching(/^the cap of tenant default is 1 runs an hour; it leaves room again in \d+ s$/),
    retryAfterSeconds: expect.any(Number),
  });
  const { retryAfterSeconds = 0 } = (await refusal) as { retryAfterSeconds?: number };
  expect(retryAfterSeconds).toBeGreaterThan(3500);
  expect(retryAfterSeconds).toBeLessThanOrEqual(3660);
  expect(rig.counts.get('runs_capped')).toBe(1);
});

test('caps count the runs of their agent, of their tenant, or of both together', async () => {
  const caps = [
    makeCap({ name: 'agent other', agent: 'other', tenant: null, runsPerDay: 1 }),
    makeCap({ name: 'tenant elsewhere', tenant: 'elsewhere', runsPerDay: 1 }),
  ];
  const rig = await openCapped(caps);
  const runs = [await rig.create(), await rig.create()];
  expect(runs.map((run) => run.caps)).toEqual([undefined, undefined]);
  const create = () => rig.engine.api.runs.create({ tenant: 'elsewhere', agent: undefined, request: {} });
  expect((await create()).run.caps).toEqual([{ name: 'tenant elsewhere', reserve: 0 }]);
  await expect(create()).rejects.toMatchObject({ code: 'cap_reached' });
});

test("the cost that the mapping takes from the vendor's terminal answer is kept with the run and counted", async () => {
  const cap = makeCap({ costPerHour: 1, reserve: 0.5 });
  const rig = await openCapped([cap], [{ status: 'success', output: 'x', usage: { usd: 0.125 } }]);
  const run = await rig.create();
  expect(await use(rig, cap)).toMatchObject({ reserved: 0.5, hour: { runs: 1, cost: 0 } });
  await rig.clock.advance(20_000);
  expect(await rig.read(run)).toMatchObject({ status: 'success', cost: 0.125 });
  expect(await use(rig, cap)).toMatchObject({ reserved: 0, hour: { runs: 1, cost: 0.125 } });
});

test('a run that fails at the vendor costs what the vendor says', async () => {
  const cap = makeCap({ costPerHour: 1, reserve: 0.5 });
  const rig = await openCapped([cap], [{ status: 'failed', usage: { usd: 0.25 } }]);
  const run = await rig.create();
  await rig.clock.advance(20_000);
  expect(await rig.read(run)).toMatchObject({ status: 'error', cost: 0.25 });
  expect(await use(rig, cap)).toMatchObject({ reserved: 0, hour: { cost: 0.25 } });
});

test.each([
  ['is a text', { usd: 'much' }],
  ['is negative', { usd: -1 }],
  ['is missing', {}],
])('where the cost %s, the run keeps its result and counts as what was reserved', async (_, usage) => {
  const cap = makeCap({ costPerHour: 1, reserve: 0.5 });
  const rig = await openCapped([cap], [{ status: 'success', output: 'x', usage }]);
  const run = await rig.create();
  await rig.clock.advance(20_000);
  const ended = await rig.read(run);
  expect([ended.status, ended.cost, ended.outcome]).toEqual(['success', undefined, { kind: 'result', value: 'x' }]);
  expect(await use(rig, cap)).toMatchObject({ reserved: 0, hour: { cost: 0.5 } });
  const warned = rig.logged.filter(({ message }) => message === 'the cost of a run is not known');
  expect(warned).toHaveLength(Object.keys(usage).length);
});

test('a run that is cancelled at the vendor counts as what was reserved, and one that no vendor has seen as nothing', async () => {
  const cap = makeCap({ costPerHour: 2, reserve: 0.5 });
  const rig = await openCapped([cap], [{ status: 'running' }]);
  const cancel = async (runId: string) =>
    await rig.engine.api.runs.cancel({ tenant, runId }, { action: 'interrupt', wait: false });
  const started = await rig.create();
  await rig.clock.advance(1000);
  expect((await rig.read(started)).phase).toBe('running');
  await cancel(started.runId);
  expect(await use(rig, cap)).toMatchObject({ reserved: 0, hour: { runs: 1, cost: 0.5 } });
  const waiting = await rig.create({ input: {}, afterMs: 60_000 });
  expect(await use(rig, cap)).toMatchObject({ reserved: 0.5, hour: { runs: 2, cost: 0.5 } });
  await cancel(waiting.runId);
  expect(await use(rig, cap)).toMatchObject({ reserved: 0, hour: { runs: 2, cost: 0.5 } });
  // A second end of a run that is done frees nothing more.
  await cancel(started.runId);
  expect(await use(rig, cap)).toMatchObject({ reserved: 0, hour: { cost: 0.5 } });
});

test('a run whose start the vendor refused has no cost', async () => {
  const cap = makeCap({ costPerHour: 2, reserve: 0.5 });
  const rig = await openCapped([cap]);
  rig.vendor.startScript.push(fault('rejected'));
  const run = await rig.create();
  await rig.clock.advance(1000);
  expect(await rig.read(run)).toMatchObject({ outcome: { errcode: 1003 } });
  expect(await use(rig, cap)).toMatchObject({ reserved: 0, hour: { runs: 1, cost: 0 } });
});

test('a crash between the creation and the end neither loses nor doubles what a run holds of a cap', async () => {
  const cap = makeCap({ costPerHour: 2, reserve: 0.5 });
  let rig = await openCapped([cap], [{ status: 'running' }]);
  const run = await rig.create();
  await rig.clock.advance(1000);
  rig = await rig.crash();
  rigs.push(rig);
  expect(await use(rig, cap)).toMatchObject({ reserved: 0.5, hour: { runs: 1 } });
  rig.vendor.observeScript.splice(0, 9, { status: 'success', output: 'x', usage: { usd: 0.25 } } as never);
  await rig.clock.advance(60_000);
  expect((await rig.read(run)).status).toBe('success');
  expect(await use(rig, cap)).toMatchObject({ reserved: 0, hour: { runs: 1, cost: 0.25 } });
});

test('a cap of a new config holds at once, and what was used under the former one counts', async () => {
  const caps = [makeCap({ runsPerHour: 1 })];
  const rig = await openCapped(caps);
  await rig.create();
  await expect(rig.create()).rejects.toMatchObject({ code: 'cap_reached' });
  caps[0] = makeCap({ runsPerHour: 2 });
  await rig.create();
  await expect(rig.create()).rejects.toMatchObject({ code: 'cap_reached' });
  caps.length = 0;
  expect((await rig.create()).caps).toBeUndefined();
});
