import { afterEach, describe, expect, test } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import { kinds, openRig, type Rig, type RigOptions, tenant } from './engine-rig.ts';
import { HoldingVendor } from './holding-vendor.ts';
import { fault } from './scripted-vendor.ts';

let rig: Rig;
let vendor: HoldingVendor;
afterEach(() => rig.close());

const capabilities = { resume: true, cancel: true, push: true, session: false, attend: true };

async function open(options: RigOptions = {}): Promise<void> {
  vendor = new HoldingVendor();
  rig = await openRig({ vendor, ...options, agent: { capabilities, ...options.agent } });
  vendor.clock = rig.clock;
}

const watch = async (run: Run) => await rig.engine.api.runs.watch({ tenant, runId: run.runId }, 0);
const upstreamOf = async (run: Run): Promise<string> => (await rig.read(run)).upstream?.runId ?? '';

async function createMany(count: number): Promise<Run[]> {
  const runs: Run[] = [];
  for (let index = 0; index < count; index += 1) runs.push(await rig.create());
  await rig.clock.settle();
  return runs;
}

describe('a vendor that holds a call until a run changes', () => {
  test('a run whose call is held is not polled, and its end is seen the moment that the vendor answers', async () => {
    await open();
    const run = await rig.create();
    await rig.clock.advance(5000);
    expect(vendor.polls).toBe(0);
    expect(vendor.held.size).toBe(1);
    vendor.change(await upstreamOf(run), { status: 'success', output: 7 });
    await rig.clock.settle();
    expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 7 } });
    expect(kinds(await rig.events(run))).toEqual(['queued', 'running', 'result']);
    expect(vendor.holds).toBe(1);
  });

  test('a call that the vendor answers without news is made again, and is no fault', async () => {
    await open();
    await rig.create();
    await rig.clock.advance(61_000);
    expect(vendor.holds).toBe(4);
    expect(rig.counts.get('upstream_faults')).toBeUndefined();
    // Looks are rare, as where pushes are expected: what a held call does not show is not missed.
    expect(vendor.polls).toBeLessThanOrEqual(4);
  });

  test('a run whose call is held is polled before its deadline, and its end says why it did not go on', async () => {
    await open({ agent: { capabilities, timeoutMs: 50_000 } });
    vendor.observeScript.push({ status: 'running', stuck: 'no worker has taken it up' });
    const run = await rig.create();
    await rig.clock.advance(51_000);
    expect(vendor.polls).toBeGreaterThanOrEqual(1);
    expect(await rig.read(run)).toMatchObject({
      status: 'timeout',
      outcome: { description: 'the run did not end within its 50 seconds: at the vendor, no worker has taken it up' },
    });
  });

  test('a run with a distant deadline whose call is held takes one call in twenty seconds', async () => {
    await open();
    await rig.create();
    await rig.clock.advance(59_000);
    expect([vendor.holds, vendor.polls]).toEqual([3, 0]);
  });

  test('an adapter that can hold calls for an agent whose target cannot is polled', async () => {
    await open({ agent: { capabilities: { ...capabilities, attend: false } } });
    await rig.create();
    await rig.clock.advance(20_000);
    expect(vendor.holds).toBe(0);
    expect(vendor.polls).toBeGreaterThan(5);
  });

  test('a held call that shows a question interrupts the run, which is polled until it is answered and attended then', async () => {
    await open();
    const run = await rig.create();
    await rig.clock.settle();
    vendor.observeScript.push({ status: 'running', question: 'sure?' });
    vendor.change(await upstreamOf(run), { status: 'running', question: 'sure?' });
    await rig.clock.advance(100);
    expect((await rig.read(run)).status).toBe('interrupted');
    expect(vendor.held.size).toBe(0);
    vendor.observeScript.splice(0, 1, { status: 'running' });
    await rig.engine.api.runs.resume({ tenant, runId: run.runId }, 'yes');
    await rig.clock.advance(1500);
    expect(vendor.held.size).toBe(1);
  });

  test('a vendor that answers with a run that goes on, over and over, is asked about once a second', async () => {
    await open();
    await rig.create();
    const busy = { status: 'running', raw: { status: 'running' } };
    vendor.holdScript.push(...Array.from({ length: 1000 }, () => busy));
    await rig.clock.advance(10_000);
    expect(vendor.holds).toBeGreaterThan(5);
    expect(vendor.holds).toBeLessThanOrEqual(12);
  });

  test('a vendor that answers at once and without news is polled, and is seldom tried again', async () => {
    await open();
    await rig.create();
    vendor.holdScript.push(...Array.from({ length: 1000 }, () => null));
    await rig.clock.advance(60_000);
    expect(vendor.holds).toBeLessThanOrEqual(6);
    expect(vendor.polls).toBeGreaterThan(5);
  });
});

describe('the end of a held call', () => {
  test('a run that is cancelled has its held call cut', async () => {
    await open();
    const run = await rig.create();
    await rig.clock.settle();
    await rig.engine.api.runs.cancel({ tenant, runId: run.runId }, { action: 'interrupt', wait: false });
    await rig.clock.settle();
    expect(vendor.aborted).toBe(1);
    expect(vendor.held.size).toBe(0);
    expect(rig.counts.get('upstream_faults')).toBeUndefined();
  });

  test('a run that passes its deadline has its held call cut, and the description does not call the vendor silent', async () => {
    await open({ agent: { timeoutMs: 10_000 } });
    const run = await rig.create();
    await rig.clock.advance(11_000);
    expect(vendor.aborted).toBe(1);
    expect(await rig.read(run)).toMatchObject({
      status: 'timeout',
      outcome: { description: 'the run did not end within its 10 seconds' },
    });
  });

  test('a push cuts the held call, and the run is polled at once', async () => {
    await open({ options: { push: { publicUrl: 'https://runs.example' }, secrets: ['hush'] } });
    let sink = '';
    const { start } = vendor;
    vendor.start = async (request) => {
      sink = (request as { sink?: { url: string } }).sink?.url.split('/').at(-1) ?? '';
      return await start.call(vendor, request);
    };
    const run = await rig.create();
    await rig.clock.settle();
    vendor.observeScript.push({ status: 'success', output: 'pushed' });
    await rig.engine.acceptPush('scripted', sink, () => ({}));
    await rig.clock.settle();
    expect(vendor.aborted).toBe(1);
    expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 'pushed' } });
  });

  test('a fault of a held call brings the polls back, ends no run, and is tried again later', async () => {
    await open();
    const run = await rig.create();
    await rig.clock.settle();
    vendor.holdScript.push(fault('gone', { httpStatus: 404 }), fault('rejected', { httpStatus: 400 }));
    vendor.fail();
    await rig.clock.advance(3000);
    expect(vendor.polls).toBeGreaterThan(3);
    await rig.clock.advance(15_000);
    expect((await rig.read(run)).phase).toBe('running');
    expect(vendor.holds).toBe(4);
    expect(vendor.held.size).toBe(1);
    const polls = vendor.polls;
    await rig.clock.advance(10_000);
    expect(vendor.polls - polls).toBeLessThanOrEqual(1);
  });

  test('a run whose polls fail is not attended before one is answered', async () => {
    await open();
    await rig.create();
    await rig.clock.settle();
    vendor.observeScript.push(fault('retry'));
    vendor.fail();
    await rig.clock.advance(60_000);
    expect(vendor.holds).toBe(1);
    vendor.observeScript.splice(0, 1, { status: 'running' });
    await rig.clock.advance(15_000);
    expect(vendor.held.size).toBe(1);
  });

  test('held calls that are cut open the circuit, so that no call is held until the vendor answers again', async () => {
    await open();
    await createMany(6);
    expect(vendor.held.size).toBe(6);
    vendor.observeScript.push(fault('retry', { kind: 'refused' }));
    vendor.fail();
    await rig.clock.settle();
    expect(rig.logged.some(({ message }) => message.startsWith('circuit opened'))).toBe(true);
    const holds = vendor.holds;
    await rig.clock.advance(30_000);
    expect(vendor.holds).toBe(holds);
    vendor.observeScript.splice(0, 1, { status: 'running' });
    await rig.clock.advance(120_000);
    expect(vendor.held.size).toBe(6);
  });

  test('after a restart every run is polled first, and then attended', async () => {
    await open();
    const runs = await createMany(20);
    vendor.asked.clear();
    rig = await rig.crash();
    vendor.held.clear();
    await rig.clock.advance(1000);
    expect([...vendor.asked.values()]).toEqual(runs.map(() => ['poll', 'hold']));
    vendor.change(await upstreamOf(runs[7] as Run), { status: 'success', output: 1 });
    await rig.clock.settle();
    expect((await rig.read(runs[7] as Run)).status).toBe('success');
  });

  test('a held call that ends without news during a pause is not made again before it is over, and never as its probe', async () => {
    await open({ options: { maxHeldCalls: 1 } });
    await createMany(3);
    vendor.observeScript.push(fault('retry', { httpStatus: 429, retryAfterMs: 3_600_000 }));
    await rig.clock.advance(5000);
    expect(rig.engine.backends()[0]?.state).toBe('paused');
    for (const settle of vendor.held.values()) settle(null);
    // A poll probes every five minutes. A held call would be a probe of twenty seconds.
    await rig.clock.advance(1_000_000);
    expect(vendor.holds).toBe(1);
    vendor.observeScript.splice(0, 1, { status: 'running' });
    await rig.clock.advance(400_000);
    expect(vendor.held.size).toBe(1);
  });

  test('a process that stops cuts its held calls at once', async () => {
    await open();
    await createMany(3);
    const stopping = rig.engine.stop();
    await rig.clock.settle();
    expect(vendor.aborted).toBe(3);
    await rig.clock.advance(60_000);
    await stopping;
  });
});

describe('the ceiling of held calls', () => {
  test('runs beyond the ceiling are polled, and the others are not', async () => {
    await open({ options: { maxHeldCalls: 2 } });
    const runs = await createMany(5);
    await rig.clock.advance(10_000);
    expect(vendor.maxHeld).toBe(2);
    expect(vendor.polls).toBeGreaterThan(3 * 3);
    for (const run of runs.slice(0, 2)) vendor.change(await upstreamOf(run), { status: 'success', output: 1 });
    await rig.clock.advance(12_000);
    expect(vendor.held.size).toBe(2);
    expect(vendor.maxHeld).toBe(2);
  });

  test('a run that a client begins to watch takes the place of one that none watches', async () => {
    await open({ options: { maxHeldCalls: 1 } });
    const [first, second] = (await createMany(2)) as [Run, Run];
    await rig.clock.advance(1500);
    expect([...vendor.held.keys()]).toEqual([await upstreamOf(first)]);
    const stream = await watch(second);
    const reading = stream.next();
    await rig.clock.advance(200);
    expect([...vendor.held.keys()]).toEqual([await upstreamOf(second)]);
    expect(vendor.aborted).toBe(1);
    const polls = vendor.polls;
    await rig.clock.advance(12_000);
    // The one that gave way is polled.
    expect(vendor.polls).toBeGreaterThan(polls);
    await reading;
    await stream.return();
  });

  test('a watched run does not take the place of another watched one', async () => {
    await open({ options: { maxHeldCalls: 1 } });
    const [first, second] = (await createMany(2)) as [Run, Run];
    const streams = [await watch(first), await watch(second)];
    await rig.clock.advance(15_000);
    expect(vendor.aborted).toBe(0);
    expect([...vendor.held.keys()]).toEqual([await upstreamOf(first)]);
    for (const stream of streams) await stream.return();
  });

  test('no more calls are held than the vendor takes at the moment, and watched runs go first among them', async () => {
    await open();
    let vendorMax = 2;
    vendor.maxHeldCalls = () => vendorMax;
    const runs = await createMany(5);
    await rig.clock.advance(10_000);
    expect(vendor.maxHeld).toBe(2);
    vendorMax = 4;
    await rig.clock.advance(12_000);
    expect(vendor.maxHeld).toBe(4);
    vendorMax = 1;
    for (const settle of vendor.held.values()) settle(null);
    const stream = await watch(runs[4] as Run);
    const reading = stream.next();
    await rig.clock.advance(12_000);
    expect([...vendor.held.keys()]).toEqual([await upstreamOf(runs[4] as Run)]);
    vendorMax = 0;
    for (const settle of vendor.held.values()) settle(null);
    await rig.clock.advance(12_000);
    expect(vendor.held.size).toBe(0);
    await reading;
    await stream.return();
  });

  test('with a ceiling of none every run is polled', async () => {
    await open({ options: { maxHeldCalls: 0 } });
    await rig.create();
    await rig.clock.advance(10_000);
    expect(vendor.holds).toBe(0);
    expect(vendor.polls).toBeGreaterThan(3);
  });

  test('a held call counts against the budget until it has arrived, and not for as long as it is held', async () => {
    await open({ options: { requestsPerSecond: 1, burst: 1 } });
    const runs = await createMany(4);
    await rig.clock.advance(15_000);
    // Four starts, four held calls and a poll here and there, one a second.
    expect(vendor.starts).toHaveLength(4);
    expect(vendor.held.size).toBe(4);
    expect(runs).toHaveLength(4);
  });
});
