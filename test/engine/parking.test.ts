import { afterEach, describe, expect, test } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import { StorageFault } from '../../src/contract/store/store.ts';
import { kinds, openRig, type Rig, type RigOptions, readAll, tenant } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

const thread = '11111111-1111-4111-8111-111111111111';

describe('parked runs', () => {
  let rig: Rig;
  afterEach(() => rig.close());

  /** A run whose vendor is at work, after this long: old enough to sleep for seconds between two polls. */
  async function parkOne(options: RigOptions = {}, ageMs = 30_000): Promise<Run> {
    rig = await openRig(options);
    const run = await rig.create();
    await rig.clock.advance(ageMs);
    expect(rig.engine.liveRuns()).toEqual({ total: 1, parked: 1 });
    return run;
  }

  /** Goes on until the run was polled, so that its next poll is nine seconds away. */
  async function untilPolled(): Promise<void> {
    const { polls } = rig.vendor;
    while (rig.vendor.polls === polls) await rig.clock.advance(100);
    expect(rig.engine.liveRuns().parked).toBe(1);
  }

  /** Holds the reads of parked runs until it is called. */
  function holdReads(): () => void {
    const findAll = rig.store.findAll.bind(rig.store);
    const gate = Promise.withResolvers<void>();
    rig.store.findAll = async (keys) => {
      const found = await findAll(keys);
      await gate.promise;
      return found;
    };
    return gate.resolve;
  }

  /** The vendor has the result, but is not asked before something wakes the run. */
  function finish(): number {
    rig.vendor.observeScript.push({ status: 'success', output: { done: true } });
    return rig.vendor.polls;
  }

  /** A rig whose vendor pushes the first run when the function is called. */
  async function openPushed(): Promise<() => Promise<boolean>> {
    const sinks: string[] = [];
    rig = await openRig({
      agent: { capabilities: { resume: false, cancel: false, push: true, session: false } },
      options: { push: { publicUrl: 'https://runs.example/' }, secrets: ['hush'] },
    });
    const start = rig.vendor.start.bind(rig.vendor);
    rig.vendor.start = (request: Parameters<typeof start>[0] & { readonly sink?: { readonly url: string } }) => {
      sinks.push(request.sink?.url ?? '');
      return start(request);
    };
    return () => rig.engine.acceptPush('scripted', sinks[0]?.split('/').at(-1) ?? '');
  }

  const outcomeOf = async (run: Run): Promise<unknown> => (await rig.read(run)).outcome;
  const done = { kind: 'result', value: { done: true } };

  test('a run that sleeps for less than a second keeps its loop', async () => {
    rig = await openRig();
    await rig.create();
    await rig.clock.advance(1000);
    expect(rig.engine.liveRuns()).toEqual({ total: 1, parked: 0 });
  });

  test('a parked run is read and polled when its poll is due, and parked again', async () => {
    const run = await parkOne();
    const { polls } = rig.vendor;
    await rig.clock.advance(10_000);
    expect(rig.vendor.polls).toBeGreaterThan(polls);
    expect(rig.engine.liveRuns()).toEqual({ total: 1, parked: 1 });
    finish();
    await rig.clock.advance(10_000);
    expect(await outcomeOf(run)).toEqual(done);
    expect(rig.engine.liveRuns()).toEqual({ total: 0, parked: 0 });
  });

  test('a parked run is polled no later than one that kept its loop', async () => {
    rig = await openRig();
    const polledAtMs: number[] = [];
    const observe = rig.vendor.observe.bind(rig.vendor);
    rig.vendor.observe = (...call) => {
      polledAtMs.push(rig.clock.monotonicMs());
      return observe(...call);
    };
    await rig.create();
    await rig.clock.advance(120_000);
    const gapsMs = polledAtMs.slice(1).map((atMs, index) => atMs - (polledAtMs[index] ?? 0));
    // A fifth of the run's age, shortened by a tenth, and ten seconds at most.
    const expectedMs = polledAtMs
      .slice(0, -1)
      .map((atMs) => Math.round(Math.min(Math.max(atMs * 0.2, 100), 10_000) * 0.9));
    expect(gapsMs).toEqual(expectedMs);
  });

  test('a client that waits for a parked run has it polled at once', async () => {
    const run = await parkOne({}, 100_000);
    await untilPolled();
    finish();
    const waiting = rig.engine.api.runs.wait(run, 60_000, new AbortController().signal);
    await rig.clock.advance(1000);
    expect((await waiting).outcome).toEqual(done);
  });

  test('a client that streams a parked run has it polled at once', async () => {
    const run = await parkOne({}, 100_000);
    await untilPolled();
    finish();
    const events = readAll(await rig.engine.api.runs.watch(run, 0));
    await rig.clock.advance(1000);
    expect(kinds(await events).at(-1)).toBe('result');
  });

  test('a run that a client watches is not parked', async () => {
    const run = await parkOne();
    const waiting = rig.engine.api.runs.wait(run, 60_000, new AbortController().signal);
    await rig.clock.advance(30_000);
    expect(rig.engine.liveRuns()).toEqual({ total: 1, parked: 0 });
    await rig.clock.advance(60_000);
    expect((await waiting).status).toBe('pending');
    expect(rig.engine.liveRuns()).toEqual({ total: 1, parked: 1 });
  });

  test('a run that a client watches is not parked either where its vendor pushes, so that it sleeps for long', async () => {
    const push = await openPushed();
    const run = await rig.create();
    await push();
    await rig.clock.advance(30_000);
    const { polls } = rig.vendor;
    const waiting = rig.engine.api.runs.wait(run, 60_000, new AbortController().signal);
    await rig.clock.advance(5000);
    expect(rig.engine.liveRuns()).toEqual({ total: 1, parked: 0 });
    expect(rig.vendor.polls - polls).toBeLessThan(2);
    await rig.clock.advance(60_000);
    await waiting;
  });

  test('a parked run that is woken twice at once is read once', async () => {
    const push = await openPushed();
    const run = await rig.create();
    await rig.clock.advance(100_000);
    const findAll = rig.store.findAll.bind(rig.store);
    const reads: number[] = [];
    rig.store.findAll = (keys) => {
      reads.push(keys.length);
      return findAll(keys);
    };
    const waiting = rig.engine.api.runs.wait(run, 1000, new AbortController().signal);
    await push();
    await rig.clock.settle();
    expect(reads).toEqual([1]);
    await rig.clock.advance(1000);
    await waiting;
  });

  test('a parked run that is cancelled while it is being read is not driven again', async () => {
    const run = await parkOne({}, 100_000);
    const release = holdReads();
    await rig.clock.advance(10_000);
    const { polls } = rig.vendor;
    await rig.engine.api.runs.cancel(run, { action: 'interrupt', wait: false });
    release();
    await rig.clock.advance(60_000);
    expect([rig.vendor.polls, rig.engine.liveRuns().total]).toEqual([polls, 0]);
  });

  test('a payload for a parked run that is being read is sent once', async () => {
    rig = await openRig();
    rig.vendor.observeScript.push({ status: 'running', question: 'go?' });
    const run = await rig.create();
    await rig.clock.advance(100_000);
    const release = holdReads();
    await rig.clock.advance(10_000);
    await rig.engine.api.runs.resume(run, 'yes');
    release();
    await rig.clock.settle();
    expect(rig.vendor.resumptions).toEqual([{ answer: 'yes' }]);
    expect(rig.engine.liveRuns().total).toBe(1);
  });

  test('a backend is not said to hold up a parked run that has ended', async () => {
    const run = await parkOne();
    rig.vendor.observeScript.push(fault('retry', { httpStatus: 401 }));
    await untilPolled();
    expect(rig.engine.backends()).toMatchObject([{ state: 'unauthorised', runs: 1 }]);
    await rig.engine.api.runs.delete(run);
    expect(rig.engine.backends()).toMatchObject([{ runs: 0 }]);
  });

  test('an account is forgotten once its last run has ended that was parked and woken', async () => {
    const run = await parkOne({ options: { accountsByTenant: { [tenant]: 'own' } } });
    await untilPolled();
    expect(rig.engine.backends()).toMatchObject([{ accounts: { up: 1 } }]);
    await rig.engine.api.runs.delete(run);
    await rig.clock.advance(61_000);
    expect(rig.engine.backends()).toMatchObject([{ accounts: { up: 0 } }]);
  });

  test('a client that watches the thread of a parked run has it polled at once', async () => {
    rig = await openRig();
    const join = { threadId: thread, ifNotExists: 'create', whenBusy: 'reject' } as const;
    const { run } = await rig.engine.api.runs.create({ tenant, agent: undefined, request: {}, thread: join });
    await rig.clock.advance(100_000);
    await untilPolled();
    finish();
    const stream = await rig.engine.api.threads.watch({ tenant, threadId: thread }, { afterSeq: null });
    const reader = stream[Symbol.asyncIterator]();
    void reader.next();
    await rig.clock.advance(1000);
    expect(await outcomeOf(run)).toEqual(done);
    await reader.return?.();
  });

  test('a push of the vendor has a parked run polled at once', async () => {
    const push = await openPushed();
    const run = await rig.create();
    await rig.clock.advance(100_000);
    expect(rig.engine.liveRuns().parked).toBe(1);
    finish();
    expect(await push()).toBe(true);
    await rig.clock.settle();
    expect(await outcomeOf(run)).toEqual(done);
  });

  test('a parked run ends at its deadline, which says what it was waiting for', async () => {
    const run = await parkOne({ agent: { timeoutMs: 45_000 } }, 30_000);
    rig.vendor.observeScript.push(fault('retry'));
    await rig.clock.advance(14_999);
    expect((await rig.read(run)).status).toBe('pending');
    await rig.clock.advance(1);
    const { status, outcome } = await rig.read(run);
    expect([status, outcome]).toMatchObject(['timeout', { description: expect.stringContaining('answered 500') }]);
    expect(rig.engine.liveRuns().total).toBe(0);
  });

  test('a parked run that is cancelled gives its slot to the next run', async () => {
    const run = await parkOne({ options: { maxConcurrentRuns: 1 } });
    const next = await rig.create();
    await rig.clock.settle();
    expect(rig.vendor.starts).toHaveLength(1);
    await rig.engine.api.runs.cancel(run, { action: 'interrupt', wait: false });
    await rig.clock.settle();
    expect(rig.vendor.cancelled).toEqual(['vendor-1']);
    expect((await rig.read(next)).phase).toBe('running');
    expect(rig.engine.liveRuns().total).toBe(1);
  });

  test('a parked run keeps its slot', async () => {
    await parkOne({ options: { maxConcurrentRuns: 1 } });
    const next = await rig.create();
    await rig.clock.advance(60_000);
    expect((await rig.read(next)).phase).toBe('queued');
  });

  test('a parked run that is deleted is polled no more', async () => {
    const run = await parkOne();
    await rig.engine.api.runs.delete(run);
    const { polls } = rig.vendor;
    await rig.clock.advance(60_000);
    expect(rig.vendor.polls).toBe(polls);
    expect(rig.engine.liveRuns().total).toBe(0);
  });

  test('the payload for a parked run is sent at once', async () => {
    rig = await openRig();
    rig.vendor.observeScript.push({ status: 'running', question: 'go?' });
    const run = await rig.create();
    await rig.clock.advance(100_000);
    expect([(await rig.read(run)).phase, rig.engine.liveRuns().parked]).toEqual(['interrupted', 1]);
    await rig.engine.api.runs.resume(run, 'yes');
    await rig.clock.settle();
    expect(rig.vendor.resumptions).toEqual([{ answer: 'yes' }]);
  });

  test('a parked run that another replica has claimed is neither polled nor written', async () => {
    const run = await parkOne();
    const [claimed] = await rig.store.claim({ replica: 'other', deadAfterMs: -1, limit: 10 });
    const polls = finish();
    await rig.clock.advance(60_000);
    expect(rig.vendor.polls).toBe(polls);
    expect(await rig.store.find(run)).toEqual(claimed);
    expect(rig.engine.liveRuns().total).toBe(0);
  });

  test('a process that stops leaves its parked runs as they are, and the next one goes on with them', async () => {
    const run = await parkOne({ options: { maxConcurrentRuns: 1 } });
    rig = await rig.crash(undefined, 1000);
    finish();
    await rig.clock.advance(10_000);
    expect(await outcomeOf(run)).toEqual(done);
  });

  test('a process that stops polls its parked runs no more', async () => {
    await parkOne();
    await rig.engine.stop();
    const { polls } = rig.vendor;
    await rig.clock.advance(60_000);
    expect(rig.vendor.polls).toBe(polls);
    expect(rig.clock.timers).toBe(0);
  });

  test('faults are counted over the sleeps of a parked run', async () => {
    await parkOne();
    rig.vendor.observeScript.push(fault('retry'));
    const { polls } = rig.vendor;
    await rig.clock.advance(120_000);
    // Ten seconds apart at most, and doubled until then: far fewer than a fifth of the age would allow.
    expect(rig.vendor.polls - polls).toBeLessThan(15);
    expect(rig.engine.liveRuns().parked).toBe(1);
  });

  test('a parked run says that its account is paused, and an event says it too', async () => {
    const run = await parkOne(
      { others: [{ agentId: '00000000-0000-5000-8000-000000000002', name: 'other' }] },
      200_000,
    );
    rig.vendor.startScript.push(fault('retry', { httpStatus: 429, retryAfterMs: 3_600_000 }));
    await rig.create({}, 'other');
    await rig.clock.settle();
    expect((await rig.read(run)).waiting).toMatchObject({ cause: 'rate-limited' });
    await rig.clock.advance(3000);
    expect(JSON.stringify(await rig.events(run))).toContain('waiting for the vendor to take calls again');
    expect((await rig.store.find(run))?.waiting).toMatchObject({ cause: 'rate-limited' });
    expect(rig.engine.liveRuns().parked).toBe(1);
  });

  test('a parked run that cannot be read because the store is away is polled when it is back', async () => {
    const run = await parkOne({}, 200_000);
    const findAll = rig.store.findAll.bind(rig.store);
    rig.store.findAll = () => Promise.reject(new StorageFault('away'));
    const polls = finish();
    await rig.clock.advance(20_000);
    expect([rig.vendor.polls, rig.engine.liveRuns().parked]).toEqual([polls, 1]);
    const said = rig.logged.filter(({ message }) => message.includes('polls that are due wait'));
    expect(said).toHaveLength(1);
    rig.store.findAll = findAll;
    await rig.clock.advance(500);
    expect(await outcomeOf(run)).toEqual(done);
  });

  test('a parked run whose row cannot be read holds up no other that is due with it', async () => {
    rig = await openRig();
    const start = rig.vendor.start.bind(rig.vendor);
    // No reference to a run of a vendor, so that the row is written and cannot be read.
    rig.vendor.start = async (request) => ({ ...(await start(request)), upstream: { runId: 1 } as never });
    await rig.create();
    rig.vendor.start = start;
    const good = await rig.create();
    await rig.clock.advance(200_000);
    expect(rig.engine.liveRuns().parked).toBe(2);
    finish();
    await rig.clock.advance(20_000);
    expect(await outcomeOf(good)).toEqual(done);
    const said = rig.logged.filter(({ message }) => message === 'a run could not be read; it is read again later');
    expect(said.length).toBeGreaterThan(1);
    expect(said.length).toBeLessThan(60);
  });

  test('a run with a large input is parked only where it sleeps for a minute', async () => {
    rig = await openRig();
    await rig.create({ input: { text: 'x'.repeat(100_000) } });
    await rig.clock.advance(100_000);
    expect(rig.engine.liveRuns()).toEqual({ total: 1, parked: 0 });
  });
});
