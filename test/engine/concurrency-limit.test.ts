import { afterEach, describe, expect, test } from 'vitest';
import { Backends } from '../../src/engine/limits/backends.ts';
import { ConcurrencyLimit } from '../../src/engine/limits/concurrency-limit.ts';
import { silentLog } from '../store/runs.ts';
import { openRig, type Rig, type RigOptions, tenant } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';
import { VirtualClock } from './virtual-clock.ts';

const never = new AbortController().signal;

describe('the concurrency limit of a backend', () => {
  /** Queues runs, named by agent and number, and resolves with the order in which they are admitted. */
  async function order(concurrency: ConcurrencyLimit, names: readonly string[]): Promise<readonly string[]> {
    const admitted: string[] = [];
    for (const name of names) {
      const [agent = ''] = name;
      void concurrency
        .acquire({ tenant, agentId: agent, runId: name }, never, () => {})
        .then(() => admitted.push(name));
    }
    for (let turn = 0; turn < names.length; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      const last = admitted.at(-1);
      if (last !== undefined) concurrency.release(last);
    }
    return admitted;
  }

  test('agents take turns for slots, and the runs of one agent are admitted in order of arrival', async () => {
    const concurrency = new ConcurrencyLimit({ kind: 'own', max: 1 });
    const names = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1'];
    expect(await order(concurrency, names)).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
  });

  test('a run that leaves the queue for slots gives up its place, and no run is admitted twice', async () => {
    const concurrency = new ConcurrencyLimit({ kind: 'own', max: 1 });
    const leaver = new AbortController();
    await concurrency.acquire({ tenant, agentId: 'a', runId: 'a1' }, never, () => {});
    const left = concurrency.acquire({ tenant, agentId: 'a', runId: 'a2' }, leaver.signal, () => {});
    const next = concurrency.acquire({ tenant, agentId: 'a', runId: 'a3' }, never, () => {});
    leaver.abort();
    expect(await left).toBe(false);
    concurrency.release('a1');
    concurrency.release('a1');
    expect(await next).toBe(true);
    expect(concurrency.waiting).toBe(0);
    let isLetIn = false;
    void concurrency
      .acquire({ tenant, agentId: 'a', runId: 'a4' }, never, () => {})
      .then(() => {
        isLetIn = true;
      });
    await Promise.resolve();
    expect(isLetIn).toBe(false);
  });

  test('a run that is live already takes a slot, even beyond the bound', async () => {
    const concurrency = new ConcurrencyLimit({ kind: 'own', max: 2 });
    for (const runId of ['x', 'y', 'z']) concurrency.hold(runId);
    const waiting = concurrency.acquire({ tenant, agentId: 'a', runId: 'a1' }, never, () => {});
    concurrency.release('x');
    expect(concurrency.waiting).toBe(1);
    concurrency.release('y');
    expect(await waiting).toBe(true);
  });

  test('a granted slot is for one start, and is not used again after its run has ended', async () => {
    const concurrency = new ConcurrencyLimit({ kind: 'granted' });
    const first = concurrency.acquire({ tenant, agentId: 'a', runId: 'a1' }, never, () => {});
    const second = concurrency.acquire({ tenant, agentId: 'a', runId: 'a2' }, never, () => {});
    concurrency.grant(1);
    expect(await first).toBe(true);
    expect(concurrency.opening).toBe(1);
    concurrency.markStarted('a1');
    concurrency.release('a1');
    expect(concurrency.waiting).toBe(1);
    concurrency.grant(1);
    expect(await second).toBe(true);
    // Its start was never written, so its grant is still unused.
    concurrency.release('a2');
    expect(await concurrency.acquire({ tenant, agentId: 'a', runId: 'a3' }, never, () => {})).toBe(true);
  });
});

describe('maxConcurrentRuns', () => {
  let rig: Rig;
  afterEach(() => rig.close());

  async function openBound(max: number, options: RigOptions = {}): Promise<void> {
    rig = await openRig({ options: { maxConcurrentRuns: max }, ...options });
  }

  async function endOldest(): Promise<void> {
    const polls = rig.vendor.polls;
    rig.vendor.observeScript.splice(
      0,
      Number.POSITIVE_INFINITY,
      { status: 'success', output: 1 },
      { status: 'running' },
    );
    for (let step = 0; rig.vendor.polls === polls && step < 200; step += 1) await rig.clock.advance(100);
    await rig.clock.settle();
  }

  test('a run beyond maxConcurrentRuns stays queued, is pending outward, and logs once what it waits for', async () => {
    await openBound(2);
    const [first, second] = [await rig.create(), await rig.create()];
    const [third, fourth] = [await rig.create(), await rig.create()];
    const runs = [first, second, third, fourth];
    await rig.clock.advance(60_000);
    const phases = await Promise.all(runs.map(async (run) => (await rig.read(run)).phase));
    expect(phases).toEqual(['running', 'running', 'queued', 'queued']);
    expect((await rig.read(fourth)).status).toBe('pending');
    const said = rig.logged.filter((line) => line.message === 'run queued: maxConcurrentRuns reached');
    expect(said).toHaveLength(2);
    await endOldest();
    expect((await rig.read(third)).phase).toBe('running');
    expect((await rig.read(fourth)).phase).toBe('queued');
  });

  test('a refused creation takes no slot of maxConcurrentRuns', async () => {
    await openBound(2);
    const command = { tenant, agent: undefined, request: { input: { a: 1 } }, quota: { name: 'key', maxLive: 1 } };
    await rig.engine.api.runs.create(command);
    await expect(rig.engine.api.runs.create(command)).rejects.toMatchObject({ code: 'too_many_runs' });
    const second = await rig.create();
    await rig.clock.settle();
    expect((await rig.read(second)).phase).toBe('running');
  });

  test('an agent with many queued runs does not delay another agent', async () => {
    await openBound(1, { others: [{ agentId: '00000000-0000-5000-8000-000000000002', name: 'other' }] });
    for (let run = 0; run < 5; run += 1) await rig.create({ input: { agent: 'first', run } });
    await rig.create({ input: { agent: 'other' } }, 'other');
    for (let run = 0; run < 3; run += 1) await endOldest();
    const order = rig.vendor.starts.map((input) => (input as { agent: string }).agent);
    expect(order.slice(0, 3)).toEqual(['first', 'first', 'other']);
  });

  test('a queued run that is cancelled or passes its deadline leaves the queue for slots', async () => {
    const short = { agentId: '00000000-0000-5000-8000-000000000002', name: 'short', timeoutMs: 60_000 };
    await openBound(1, { others: [short] });
    await rig.create();
    const [cancelled, late] = [await rig.create(), await rig.create(undefined, 'short')];
    await rig.clock.advance(1000);
    await rig.engine.api.runs.delete({ tenant, runId: cancelled.runId });
    await rig.clock.advance(60_000);
    expect((await rig.read(late)).status).toBe('timeout');
    expect(rig.engine.liveRuns().total).toBe(1);
    await endOldest();
    await rig.clock.advance(60_000);
    expect(rig.vendor.starts).toHaveLength(1);
    expect(rig.engine.liveRuns().total).toBe(0);
  });

  test('a run whose start the vendor postpones gives its slot back', async () => {
    await openBound(1);
    rig.vendor.startScript.push(fault('retry'));
    const [first, second] = [await rig.create(), await rig.create()];
    await rig.clock.settle();
    expect((await rig.read(first)).phase).toBe('queued');
    expect((await rig.read(second)).phase).toBe('running');
  });

  test('runs that were live when the process died take slots in the next process', async () => {
    await openBound(2);
    const runs = [await rig.create(), await rig.create(), await rig.create()];
    await rig.clock.advance(1000);
    rig = await rig.crash();
    await rig.clock.advance(30_000);
    const phases = await Promise.all(runs.map(async (run) => (await rig.read(run)).phase));
    expect(phases).toEqual(['running', 'running', 'queued']);
    expect(rig.vendor.starts).toHaveLength(2);
  });

  test('requestsPerSecond bounds the starts and polls of all runs together', async () => {
    rig = await openRig({ options: { requestsPerSecond: 5, burst: 2 } });
    const sentMs: number[] = [];
    const { start, observe } = rig.vendor;
    rig.vendor.start = (...given) => {
      sentMs.push(rig.clock.nowMs());
      return start.apply(rig.vendor, given);
    };
    rig.vendor.observe = (...given) => {
      sentMs.push(rig.clock.nowMs());
      return observe.apply(rig.vendor, given);
    };
    for (let run = 0; run < 20; run += 1) await rig.create();
    await rig.clock.advance(20_000);
    expect(rig.vendor.starts).toHaveLength(20);
    expect(sentMs.length).toBeGreaterThan(85);
    for (const fromMs of sentMs) {
      expect(sentMs.filter((atMs) => atMs >= fromMs && atMs <= fromMs + 1000).length).toBeLessThanOrEqual(5);
    }
  });
});

test('asking for the limits of a backend that the config does not name throws instead of making unbounded ones', () => {
  const agents = { all: [], defaultAgent: null, find: () => null };
  const deps = { clock: new VirtualClock(), log: silentLog, agents, replica: 'a', quotas: null, onWait: () => {} };
  const limits = {
    requestsPerSecond: null,
    burst: null,
    maxConcurrentRuns: 1,
    maxPauseMs: 300_000,
    push: null,
    secrets: [],
  };
  const backends = new Backends(deps, [{ name: 'main', ...limits }]);
  expect(backends.of('main', tenant).name.backend).toBe('main');
  expect(() => backends.of('mian', tenant)).toThrow('there is no backend mian');
});
