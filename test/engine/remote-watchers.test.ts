import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import type { Run } from '../../src/contract/domain/run.ts';
import type { Store } from '../../src/contract/store/store.ts';
import type { Watched } from '../../src/contract/store/wake-signals.ts';
import { RemoteWatchers } from '../../src/engine/events/remote-watchers.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { kinds, openRig, type Rig, readAll, tenant } from './engine-rig.ts';
import { ScriptedVendor } from './scripted-vendor.ts';
import { VirtualClock } from './virtual-clock.ts';

const thread = '11111111-1111-4111-8111-111111111111';
const ageMs = 100_000;
/** At that age a run is polled 9 s after its last poll where no client waits for it, and after a second where a client does. */
const watchedPollMs = 1100;
const never = new AbortController().signal;
const patience = { timeout: 20_000, interval: 2 };

test('what other replicas watch is bounded, and makes room again twelve seconds after they last said it', async () => {
  const clock = new VirtualClock();
  const watchers = new RemoteWatchers(clock);
  for (let at = 0; at < 20_000; at += 1) expect(watchers.heed(`run-${at}`)).toBe(true);
  expect([watchers.heed('run-0'), watchers.heed('more'), watchers.isWatched('more', null)]).toEqual([
    false,
    false,
    false,
  ]);
  expect([watchers.isWatched('run-7', null), watchers.isWatched('other', 'run-7')]).toEqual([true, true]);
  await clock.advance(12_000);
  expect([watchers.isWatched('run-7', null), watchers.heed('more')]).toEqual([false, false]);
  watchers.sweep();
  expect(watchers.heed('more')).toBe(true);
});

const started = await startPostgres();
const reason = started instanceof PostgresServer ? null : started.unavailable;

describe.skipIf(reason !== null)(`watchers at another replica${reason === null ? '' : ` (${reason})`}`, () => {
  const server = started as PostgresServer;
  let clock: VirtualClock;
  let vendor: ScriptedVendor;
  /** Drives the run; clients reach the other. */
  let here: Rig;
  let there: Rig;
  const said: Watched[] = [];
  /** Of what `there` says next: so many are lost. */
  let lost = 0;
  afterEach(async () => {
    await there.close();
    await here.close();
  });
  afterAll(async () => {
    if (reason === null) await server.destroy();
  });

  function tapping(store: Store): Store {
    const { wakes } = store;
    if (wakes === null) throw new TypeError('the store has no other process');
    const announce = wakes.announceWatched.bind(wakes);
    wakes.announceWatched = (watched) => {
      said.push(watched);
      if (lost > 0) lost -= 1;
      else announce(watched);
    };
    return store;
  }

  /** Moves time on in steps that the database can follow, until the check holds. */
  async function until(check: () => boolean, stepMs: number): Promise<void> {
    await vi.waitFor(async () => {
      if (check()) return;
      await clock.advance(stepMs);
      await here.store.ping();
      expect(check()).toBe(true);
    }, patience);
  }

  /** A run that is parked, and whose next poll is nine seconds away. */
  async function parkOne(hasThread = false): Promise<Run> {
    clock = new VirtualClock();
    vendor = new ScriptedVendor();
    said.length = 0;
    lost = 0;
    const storeUrl = await server.createDatabase();
    here = await openRig({ storeUrl, clock, vendor });
    there = await openRig({ storeUrl, clock, vendor, wrapStore: tapping });
    const join = { threadId: thread, ifNotExists: 'create', whenBusy: 'reject' } as const;
    const { run } = await here.engine.api.runs.create({
      ...{ tenant, agent: undefined, request: {} },
      ...(hasThread ? { thread: join } : {}),
    });
    const beganMs = clock.monotonicMs();
    await until(() => clock.monotonicMs() - beganMs > ageMs, 500);
    const { polls } = vendor;
    await until(() => vendor.polls > polls && here.engine.liveRuns().parked === 1, 100);
    return run;
  }

  /** How long it takes until the run's end is recorded, which the vendor has from now on. */
  async function finish(run: Run): Promise<number> {
    vendor.observeScript.push({ status: 'success', output: { done: true } });
    const beganMs = clock.monotonicMs();
    await until(() => here.engine.liveRuns().total === 0, 25);
    const tookMs = clock.monotonicMs() - beganMs;
    expect((await here.read(run)).outcome).toMatchObject({ value: { done: true } });
    return tookMs;
  }

  test('a client that waits at another replica has a parked run polled at once', { timeout: 60_000 }, async () => {
    const run = await parkOne();
    const waiting = there.engine.api.runs.wait(run, 60_000, never);
    expect(await finish(run)).toBeLessThan(watchedPollMs);
    expect((await waiting).status).toBe('success');
  });

  test('a client that streams at another replica has a parked run polled at once', { timeout: 60_000 }, async () => {
    const run = await parkOne();
    const events = readAll(await there.engine.api.runs.watch(run, 0));
    expect(await finish(run)).toBeLessThan(watchedPollMs);
    expect(kinds(await events).at(-1)).toBe('result');
  });

  test("a client that watches a thread at another replica has the thread's run polled at once", {
    timeout: 60_000,
  }, async () => {
    const run = await parkOne(true);
    const stream = await there.engine.api.threads.watch({ tenant, threadId: thread }, { afterSeq: null });
    const reader = stream[Symbol.asyncIterator]();
    void reader.next();
    expect(await finish(run)).toBeLessThan(watchedPollMs);
    await reader.return?.();
  });

  test('what another replica says of its watchers is said again every five seconds', { timeout: 60_000 }, async () => {
    const run = await parkOne();
    lost = 1;
    const waiting = there.engine.api.runs.wait(run, 60_000, never);
    expect(await finish(run)).toBeLessThan(5000 + watchedPollMs);
    expect(lost).toBe(0);
    await waiting;
  });

  test('a run counts as watched for twelve seconds after another replica has last said so', {
    timeout: 60_000,
  }, async () => {
    const run = await parkOne();
    const waiting = there.engine.api.runs.wait(run, 4000, never);
    await until(() => here.engine.liveRuns().parked === 0, 25);
    const { polls } = vendor;
    const beganMs = clock.monotonicMs();
    await until(() => clock.monotonicMs() - beganMs > 11_000, 250);
    expect(here.engine.liveRuns().parked).toBe(0);
    expect(vendor.polls - polls).toBeGreaterThan(8);
    await waiting;
    await until(() => here.engine.liveRuns().parked === 1, 250);
    // It was said again once at most while the client waited, and the last poll may be a second old.
    expect(clock.monotonicMs() - beganMs).toBeLessThan(4000 + 12_000 + 2 * watchedPollMs);
    await finish(run);
  });

  test('a reader of a run that is over is not announced, nor is one at the replica that drives the run', {
    timeout: 60_000,
  }, async () => {
    await finish(await parkOne());
    vendor.observeScript.length = 0;
    const own = await there.create();
    const waiting = there.engine.api.runs.wait(own, 60_000, never);
    const beganMs = clock.monotonicMs();
    // What is watched was said again by then, were there anything to say.
    await until(() => clock.monotonicMs() - beganMs > 6000, 250);
    expect(there.engine.liveRuns()).toEqual({ total: 1, parked: 0 });
    vendor.observeScript.push({ status: 'success', output: 1 });
    await until(() => there.engine.liveRuns().total === 0, 25);
    await waiting;
    await readAll(await there.engine.api.runs.watch(own, 0));
    await clock.advance(100);
    expect(said).toEqual([]);
  });
});
