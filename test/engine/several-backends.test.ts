import { afterEach, describe, expect, test } from 'vitest';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { openRig, type PlacedBackend, type Rig, type RigOptions, tenant } from './engine-rig.ts';
import { fault, ScriptedVendor } from './scripted-vendor.ts';

describe('an agent with several backends', () => {
  let rig: Rig;
  afterEach(() => rig.close());

  /** One preferred backend, and a standby that gets runs only while the first takes none. */
  async function openPair(
    options: RigOptions = {},
    main: Partial<PlacedBackend> = {},
    standby: Partial<PlacedBackend> = {},
  ) {
    const [first, second] = [new ScriptedVendor(), new ScriptedVendor()];
    const places = [
      { name: 'first', vendor: first, weight: 1, ...main },
      { name: 'second', vendor: second, weight: 0, ...standby },
    ];
    rig = await openRig({ ...options, places });
    return { first, second };
  }

  async function readStored(run: Run): Promise<Run | null> {
    return await rig.store.find({ tenant, runId: run.runId });
  }

  test('the runs of an agent are divided among its backends by their weights', async () => {
    const vendors = [new ScriptedVendor(), new ScriptedVendor(), new ScriptedVendor()] as const;
    const places = vendors.map((vendor, index) => ({ name: `b${index}`, vendor, weight: [6, 3, 1][index] ?? 0 }));
    rig = await openRig({ places });
    for (let count = 0; count < 400; count += 1) await rig.create();
    await rig.clock.settle();
    const [six = 0, three = 0, one = 0] = vendors.map(({ starts }) => starts.length);
    expect(six + three + one).toBe(400);
    // Three standard deviations.
    expect(Math.abs(six - 240)).toBeLessThan(30);
    expect(Math.abs(three - 120)).toBeLessThan(28);
    expect(Math.abs(one - 40)).toBeLessThan(18);
  });

  test('a backend whose weight is 0 gets no run while another takes them', async () => {
    const { first, second } = await openPair();
    for (let count = 0; count < 20; count += 1) await rig.create();
    await rig.clock.settle();
    expect([first.starts.length, second.starts.length]).toEqual([20, 0]);
    expect(rig.counts.get('backend_moves')).toBeUndefined();
  });

  test('the backend of a run is durable before its start is sent', async () => {
    const { first } = await openPair();
    const gate = Promise.withResolvers<void>();
    first.startGate = gate.promise;
    const run = await rig.create();
    await rig.clock.settle();
    const stored = await readStored(run);
    gate.resolve();
    expect(first.starts).toHaveLength(1);
    expect(stored).toMatchObject({ phase: 'starting', backend: 'first', version: 1 });
  });

  test.each([
    ['a refused connection', fault('retry', { kind: 'refused' })],
    ['a connection that is not made in time', fault('retry', { kind: 'timeout' })],
    ["the vendor's own 503 with Retry-After", fault('retry', { httpStatus: 503, retryAfterMs: 600_000 })],
    ["the vendor's own 429", fault('retry', { httpStatus: 429 })],
    ['401', fault('rejected', { httpStatus: 401 })],
    ['403', fault('rejected', { httpStatus: 403 })],
  ])('a start that is answered with %s goes to another backend at once', async (_name, answer) => {
    const { first, second } = await openPair();
    first.startScript.push(answer);
    const run = await rig.create();
    await rig.clock.settle();
    expect([first.starts.length, second.starts.length]).toEqual([1, 1]);
    expect(await readStored(run)).toMatchObject({ phase: 'running', backend: 'second' });
    second.observeScript.push({ status: 'success', output: 'here' });
    await rig.clock.advance(60_000);
    expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 'here' } });
    expect([first.polls, first.starts.length, second.starts.length]).toEqual([0, 1, 1]);
    expect(rig.counts.get('backend_moves')).toBe(1);
    expect(rig.logged).toContainEqual({
      ...{ level: 'info', message: 'run moves to another backend' },
      fields: { from: 'first', to: 'second' },
    });
  });

  test.each([
    ['an answer that was lost', fault('unknown', { kind: 'timeout' }), errcodes.startUnknown],
    ['500', fault('unknown', { httpStatus: 500 }), errcodes.startUnknown],
    ["a proxy's 503", fault('unknown', { httpStatus: 503 }), errcodes.startUnknown],
    ['400', fault('rejected', { httpStatus: 400 }), errcodes.startRejected],
  ])('a start that is answered with %s goes to no other backend', async (_name, answer, errcode) => {
    const { first, second } = await openPair();
    first.startScript.push(answer);
    const run = await rig.create();
    await rig.clock.advance(120_000);
    expect(await rig.read(run)).toMatchObject({ status: 'error', outcome: { errcode } });
    expect([first.starts.length, second.starts.length]).toEqual([1, 0]);
  });

  test('a start of unknown outcome that is repeated stays at its backend, though that refuses it then', async () => {
    const { first, second } = await openPair({ agent: { onUnknownStart: 'retry' } });
    first.startScript.push(fault('unknown', { kind: 'cut' }), fault('retry', { kind: 'refused' }));
    const run = await rig.create();
    await rig.clock.advance(60_000);
    expect(await readStored(run)).toMatchObject({ phase: 'running', backend: 'first' });
    expect([first.starts.length, second.starts.length]).toEqual([3, 0]);
  });

  test('the same holds after a restart between the two attempts', async () => {
    const { first, second } = await openPair({ agent: { onUnknownStart: 'retry' } });
    first.startScript.push(fault('unknown', { kind: 'cut' }), fault('retry', { kind: 'refused' }));
    const run = await rig.create();
    await rig.clock.settle();
    expect(await readStored(run)).toMatchObject({ phase: 'queued', backend: 'first' });
    rig = await rig.crash();
    await rig.clock.advance(60_000);
    expect(await readStored(run)).toMatchObject({ phase: 'running', backend: 'first' });
    expect([first.starts.length, second.starts.length]).toEqual([3, 0]);
  });

  test('a run that all backends turn down waits, and starts once at the first that takes it', async () => {
    const { first, second } = await openPair();
    const refused = (): ReturnType<typeof fault> => fault('retry', { kind: 'refused' });
    first.startScript.push(refused(), refused());
    second.startScript.push(refused(), refused());
    const run = await rig.create();
    await rig.clock.settle();
    expect(await readStored(run)).toMatchObject({ phase: 'queued' });
    expect((await readStored(run))?.backend).toBeUndefined();
    await rig.clock.advance(60_000);
    expect(await rig.read(run)).toMatchObject({ phase: 'running' });
    expect(first.starts.length + second.starts.length).toBe(5);
  });

  test('a run whose credentials all backends refuse ends as rejected, each asked once', async () => {
    const { first, second } = await openPair();
    for (const vendor of [first, second]) {
      for (let count = 0; count < 5; count += 1) vendor.startScript.push(fault('rejected', { httpStatus: 403 }));
    }
    const run = await rig.create();
    await rig.clock.advance(1000);
    expect(await rig.read(run)).toMatchObject({ status: 'error', outcome: { errcode: errcodes.startRejected } });
    expect([first.starts.length, second.starts.length]).toEqual([1, 1]);
  });

  test('runs skip a backend that is paused, and return to it when the pause is over', async () => {
    const { first, second } = await openPair();
    first.startScript.push(fault('retry', { httpStatus: 429, retryAfterMs: 120_000 }));
    for (let count = 0; count < 5; count += 1) await rig.create();
    await rig.clock.advance(60_000);
    expect([first.starts.length, second.starts.length]).toEqual([1, 5]);
    await rig.clock.advance(61_000);
    await rig.create();
    await rig.clock.settle();
    expect([first.starts.length, second.starts.length]).toEqual([2, 5]);
  });

  test('runs skip a backend that is down but for one probe at a time, which costs no run', async () => {
    const { first, second } = await openPair();
    for (let count = 0; count < 40; count += 1) first.startScript.push(fault('retry', { kind: 'refused' }));
    const runs: Run[] = [];
    for (let count = 0; count < 60; count += 1) {
      runs.push(await rig.create());
      await rig.clock.advance(1000);
    }
    expect(second.starts).toHaveLength(60);
    // Five open the circuit; its probes come 1, 2, 4 … seconds apart.
    expect(first.starts.length).toBeGreaterThan(6);
    expect(first.starts.length).toBeLessThan(14);
    first.startScript.length = 0;
    await rig.clock.advance(60_000);
    for (let count = 0; count < 3; count += 1) await rig.create();
    await rig.clock.settle();
    expect(second.starts).toHaveLength(60);
  });

  test('runs skip a backend that refuses the credentials, and one asks it again after a minute', async () => {
    const { first, second } = await openPair();
    first.startScript.push(fault('rejected', { httpStatus: 401 }), fault('rejected', { httpStatus: 401 }));
    for (let count = 0; count < 10; count += 1) {
      await rig.create();
      await rig.clock.settle();
    }
    expect([first.starts.length, second.starts.length]).toEqual([1, 10]);
    await rig.clock.advance(61_000);
    await rig.create();
    await rig.clock.settle();
    expect([first.starts.length, second.starts.length]).toEqual([2, 11]);
    await rig.clock.advance(61_000);
    await rig.create();
    await rig.clock.settle();
    expect([first.starts.length, second.starts.length]).toEqual([3, 11]);
  });

  test('a backend that is full lets another with room have the run', async () => {
    const { first, second } = await openPair({}, { options: { maxConcurrentRuns: 2 } });
    for (let count = 0; count < 5; count += 1) await rig.create();
    await rig.clock.settle();
    expect([first.starts.length, second.starts.length]).toEqual([2, 3]);
  });

  test('a run that waits at a paused backend moves when another takes calls again', async () => {
    const { first, second } = await openPair();
    first.startScript.push(fault('retry', { httpStatus: 503, retryAfterMs: 250_000 }));
    second.startScript.push(fault('retry', { httpStatus: 503, retryAfterMs: 30_000 }));
    const run = await rig.create();
    await rig.clock.advance(20_000);
    expect(await readStored(run)).toMatchObject({ phase: 'queued' });
    await rig.clock.advance(12_000);
    expect(await readStored(run)).toMatchObject({ phase: 'running', backend: 'second' });
    expect([first.starts.length, second.starts.length]).toEqual([1, 2]);
  });

  test('a run that waits for a slot of one backend takes a slot of another that comes free first', async () => {
    const full = { options: { maxConcurrentRuns: 1 } };
    const { first, second } = await openPair({}, full, full);
    await rig.create();
    await rig.create();
    const waiting = await rig.create();
    await rig.clock.advance(5000);
    expect([first.starts.length, second.starts.length]).toEqual([1, 1]);
    expect(await readStored(waiting)).toMatchObject({ phase: 'queued' });
    second.observeScript.push({ status: 'success', output: 1 });
    await rig.clock.advance(20_000);
    expect([first.starts.length, second.starts.length]).toEqual([1, 2]);
    expect(await readStored(waiting)).toMatchObject({ backend: 'second', status: 'success' });
  });

  test('a run is not started twice where its backend changes while it waits for a slot that comes free', async () => {
    const { first, second } = await openPair({}, { options: { maxConcurrentRuns: 1 } });
    second.startScript.push(fault('retry', { httpStatus: 503, retryAfterMs: 10_000 }));
    await rig.create();
    const waiting = await rig.create();
    await rig.clock.settle();
    expect([first.starts.length, second.starts.length]).toEqual([1, 1]);
    first.observeScript.push({ status: 'success', output: 1 });
    await rig.clock.advance(120_000);
    expect(await rig.read(waiting)).toMatchObject({ phase: expect.stringMatching(/running|done/) });
    expect(first.starts.length + second.starts.length).toBe(3);
  });

  test('a tenant without credentials at a backend starts its runs at another', async () => {
    const { first, second } = await openPair({}, { tenants: ['acme'] });
    await rig.create();
    await rig.clock.settle();
    expect([first.starts.length, second.starts.length]).toEqual([0, 1]);
  });

  test('a run that is cancelled while a backend turns it down is started nowhere else', async () => {
    const { first, second } = await openPair();
    const gate = Promise.withResolvers<void>();
    first.startGate = gate.promise;
    first.startScript.push(fault('retry', { httpStatus: 503, retryAfterMs: 60_000 }));
    const run = await rig.create();
    await rig.clock.settle();
    await rig.engine.api.runs.cancel({ tenant, runId: run.runId }, { wait: false, action: 'interrupt' });
    gate.resolve();
    await rig.clock.advance(10_000);
    expect(await rig.read(run)).toMatchObject({ status: 'error', outcome: { errcode: errcodes.cancelled } });
    expect([first.starts.length, second.starts.length]).toEqual([1, 0]);
  });
});
