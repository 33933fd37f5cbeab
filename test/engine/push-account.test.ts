import { afterEach, describe, expect, test } from 'vitest';
import type { PushCall } from '../../src/contract/adapter/push.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { openRig, type Rig, type RigOptions } from './engine-rig.ts';

describe('calls of a vendor for a whole account', () => {
  let rig: Rig;
  afterEach(() => rig.close());
  let tenants: readonly string[] = ['default'];

  /** A vendor whose calls name the run in their body, under the name of their account. */
  async function open(options: RigOptions = {}): Promise<void> {
    tenants = ['default'];
    rig = await openRig({
      agent: { capabilities: { resume: false, cancel: false, push: false, session: false } },
      ...options,
    });
    Object.assign(rig.vendor, {
      accountPush: {
        read: async ({ body }: PushCall) => (body === '' ? { kind: 'refused' } : { kind: 'named', runId: body }),
      },
    });
  }

  async function call(upstreamRunId: string): Promise<boolean> {
    const accepted = await rig.engine.acceptAccountPush('scripted', {
      headers: {},
      body: upstreamRunId,
      parse: () => ({}),
    });
    await rig.clock.settle();
    return accepted;
  }

  const vendorsId = async (run: Run): Promise<string> => (await rig.read(run)).upstream?.runId ?? '';

  async function startRun(tenant = tenants[0] ?? ''): Promise<Run> {
    rig.vendor.observeScript.splice(0, 1, { status: 'running' });
    const { run } = await rig.engine.api.runs.create({ tenant, agent: undefined, request: { input: 1 } });
    await rig.clock.settle();
    return run;
  }

  /** The polls of a run in its first eight seconds. */
  async function countPolls(): Promise<number> {
    const before = rig.vendor.polls;
    await rig.clock.advance(8000);
    return rig.vendor.polls - before;
  }

  async function end(value: number): Promise<void> {
    rig.vendor.observeScript.splice(0, 1, { status: 'success', output: value });
    await rig.clock.settle();
  }

  test('while calls for an account arrive, its runs are polled as rarely as ones that are pushed each', async () => {
    await open();
    const first = await startRun();
    expect(await countPolls()).toBeGreaterThan(5);
    await end(1);
    expect(await call(await vendorsId(first))).toBe(true);
    expect(await rig.read(first)).toMatchObject({ status: 'success' });

    const second = await startRun();
    expect(await countPolls()).toBe(0);
    await end(2);
    await call(await vendorsId(second));
    expect(await rig.read(second)).toMatchObject({ status: 'success', outcome: { value: 2 } });
  });

  test('after three runs that ended without a call for their account, polls take over again', async () => {
    await open();
    const first = await startRun();
    await end(1);
    await call(await vendorsId(first));
    const polls: number[] = [];
    for (let silent = 0; silent < 4; silent += 1) {
      await startRun();
      polls.push(await countPolls());
      await end(silent);
      await rig.clock.advance(120_000);
    }
    expect(polls.slice(0, 3)).toEqual([0, 0, 0]);
    expect(polls[3]).toBeGreaterThan(5);
  });

  test('a call for an account that comes after a poll saw the end counts as well', async () => {
    await open();
    const first = await startRun();
    await end(1);
    await rig.clock.advance(10_000);
    expect(await rig.read(first)).toMatchObject({ status: 'success' });
    await call('vendor-1');
    await startRun();
    expect(await countPolls()).toBe(0);
  });

  test("a call that names no run of ours, and one that is not the vendor's, change nothing", async () => {
    await open();
    expect(await call('of another user of the account')).toBe(true);
    expect(await call('')).toBe(false);
    await startRun();
    expect(await countPolls()).toBeGreaterThan(5);
  });

  test('a call for an account that another replica took counts here too', async () => {
    let wake = (_runId: string): void => {};
    const wakes = {
      wakeRun: async () => {},
      announceWatched: () => {},
      onWatched: () => () => {},
      subscribe: (onWake: typeof wake) => {
        wake = onWake;
        return () => {};
      },
    };
    await open({ wrapStore: (store) => Object.assign(store, { wakes }) });
    const first = await startRun();
    await end(1);
    wake(first.runId);
    await rig.clock.settle();
    expect(await rig.read(first)).toMatchObject({ status: 'success' });
    await startRun();
    expect(await countPolls()).toBe(0);
  });

  test("the calls for one tenant's account say nothing about another's", async () => {
    const agent = {
      capabilities: { resume: false, cancel: false, push: false, session: false },
      tenants: ['acme', 'bolt'],
    };
    await open({ agent, options: { accountsByTenant: { acme: 'a', bolt: 'b' } } });
    const first = await startRun('acme');
    await end(1);
    await call((await rig.store.findOfAnyTenant(first.runId))?.upstream?.runId ?? '');
    expect(await rig.store.findOfAnyTenant(first.runId)).toMatchObject({ phase: 'done' });
    // The account is kept although nothing uses it for a while.
    await rig.clock.advance(300_000);
    await startRun('acme');
    expect(await countPolls()).toBe(0);
    await startRun('bolt');
    expect(await countPolls()).toBeGreaterThan(5);
  });
});
