import { afterEach, expect, test } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import { openRig, type Rig, type RigOptions } from './engine-rig.ts';

/** What one connection takes until its account counts as crowded. */
const crowd = 8;
/** A crowd is looked at again within this time. */
const standBackMs = 1250;

let rig: Rig;
/** Lets the vendor answer all polls that it holds, and those to come. */
let answer: () => void;
afterEach(async () => {
  answer();
  await rig.close();
});

/** A rig with one connection, whose vendor has taken as many polls as make a crowd and answers none of them. */
async function openCrowded(options: RigOptions = {}): Promise<void> {
  rig = await openRig({ ...options, options: { maxConnections: 1 } });
  const held = Promise.withResolvers<void>();
  rig.vendor.observeGate = held.promise;
  answer = held.resolve;
  for (let count = 0; count < crowd; count += 1) await rig.create();
  while (rig.vendor.polls < crowd) await rig.clock.advance(10);
}

/** One more run, that would be polled if there were no crowd. */
async function createOneMore(): Promise<Run> {
  const run = await rig.create();
  await rig.clock.advance(10_000);
  expect([rig.vendor.starts.length, rig.vendor.polls]).toEqual([crowd + 1, crowd]);
  return run;
}

test('a run that no client watches is parked in place of joining a crowd of calls, and polled once that is gone', async () => {
  await openCrowded();
  await createOneMore();
  expect(rig.engine.liveRuns()).toEqual({ total: crowd + 1, parked: 1 });
  answer();
  await rig.clock.advance(standBackMs);
  expect(rig.vendor.polls).toBeGreaterThan(crowd);
  expect(rig.vendor.lastObserved).toBe(`vendor-${crowd + 1}`);
});

test('a run that was parked before the crowd came is not read to join it', async () => {
  rig = await openRig({ options: { maxConnections: 1 } });
  await rig.create();
  await rig.clock.advance(60_000);
  const held = Promise.withResolvers<void>();
  rig.vendor.observeGate = held.promise;
  answer = held.resolve;
  const { polls } = rig.vendor;
  for (let count = 0; count < crowd; count += 1) await rig.create();
  while (rig.vendor.polls < polls + crowd) await rig.clock.advance(10);
  let reads = 0;
  const findAll = rig.store.findAll.bind(rig.store);
  rig.store.findAll = (keys) => {
    reads += 1;
    return findAll(keys);
  };
  await rig.clock.advance(20_000);
  expect([reads, rig.vendor.polls, rig.engine.liveRuns().parked]).toEqual([0, polls + crowd, 1]);
  answer();
  await rig.clock.advance(standBackMs);
  expect(reads).toBe(1);
});

test('a run that a client begins to watch is polled through a crowd of calls', async () => {
  await openCrowded();
  const run = await createOneMore();
  const waiting = rig.engine.api.runs.wait(run, 60_000, new AbortController().signal);
  await rig.clock.advance(0);
  expect([rig.vendor.polls, rig.vendor.lastObserved]).toEqual([crowd + 1, `vendor-${crowd + 1}`]);
  rig.vendor.observeScript.push({ status: 'success', output: 1 });
  answer();
  await rig.clock.advance(1000);
  expect((await waiting).status).toBe('success');
});

test('a run whose polls stand back from a crowd of calls ends at its deadline', async () => {
  await openCrowded({ others: [{ agentId: '00000000-0000-5000-8000-000000000002', name: 'short', timeoutMs: 7300 }] });
  const run = await rig.create({ input: { a: 1 } }, 'short');
  await rig.clock.advance(7299);
  expect([(await rig.read(run)).status, rig.engine.liveRuns().parked]).toEqual(['pending', 1]);
  await rig.clock.advance(1);
  expect([(await rig.read(run)).status, rig.vendor.polls]).toEqual(['timeout', crowd]);
});
