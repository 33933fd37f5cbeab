import { queryObjects } from 'node:v8';
import { afterEach, describe, expect, test } from 'vitest';
import type { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Run, RunRequest } from '../../src/contract/domain/run.ts';
import { Account } from '../../src/engine/limits/account.ts';
import { Backends } from '../../src/engine/limits/backends.ts';
import { silentLog } from '../store/runs.ts';
import { openRig, type Rig, type RigOptions } from './engine-rig.ts';
import { fault, ScriptedVendor } from './scripted-vendor.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Two tenants with an account each, a third that shares the first one's. */
const accountsByTenant = { acme: 'one', acmeToo: 'one', bolt: 'two' };

describe('the account that a vendor knows', () => {
  let rig: Rig;
  let vendors: Readonly<Record<string, ScriptedVendor>>;
  afterEach(() => rig.close());

  async function open(options: RigOptions['options'] = {}, agent: RigOptions['agent'] = {}): Promise<void> {
    const known = { acme: new ScriptedVendor(), acmeToo: new ScriptedVendor(), bolt: new ScriptedVendor() };
    vendors = known;
    rig = await openRig({
      agent: {
        tenants: Object.keys(known),
        connectionFor: (tenant) => known[tenant as keyof typeof known],
        ...agent,
      },
      options: { accountsByTenant, ...options },
    });
  }

  function vendorOf(tenant: string): ScriptedVendor {
    const vendor = vendors[tenant];
    if (vendor === undefined) throw new Error(`no vendor of ${tenant}`);
    return vendor;
  }

  async function create(tenant: string, request: RunRequest = { input: {} }): Promise<Run> {
    return (await rig.engine.api.runs.create({ tenant, agent: undefined, request })).run;
  }

  const busy = (httpStatus: number, retryAfterMs: number): UpstreamFault =>
    fault('retry', { httpStatus, retryAfterMs });
  const cut = fault('retry', { kind: 'refused' });

  type Trouble = {
    readonly state: 'paused' | 'down';
    readonly starts?: UpstreamFault[];
    readonly polls?: UpstreamFault;
  };

  const troubles: Readonly<Record<string, Trouble>> = {
    'a start answered 429': { state: 'paused', starts: [busy(429, 3_000_000)] },
    'a start answered 503': { state: 'paused', starts: [busy(503, 3_000_000)] },
    'a poll answered 429': { state: 'paused', polls: busy(429, 3_000_000) },
    'starts whose connections are refused': { state: 'down', starts: [cut, cut, cut, cut, cut, cut] },
    'polls that are not answered': { state: 'down', polls: fault('retry', { kind: 'timeout' }) },
    'polls that are cut off': { state: 'down', polls: fault('retry', { kind: 'cut' }) },
  };

  test.each<[string, Pick<Trouble, 'starts' | 'polls'>]>([
    ['start is answered 429', { starts: [busy(429, 86_400_000)] }],
    ['start is answered 503', { starts: [busy(503, 86_400_000)] }],
    ['look is answered 429', { polls: busy(429, 86_400_000) }],
  ])('the only run of an account whose %s for a day probes it after the longest pause', async (_name, trouble) => {
    await open({}, { timeoutMs: 3_600_000 });
    vendorOf('bolt').startScript.push(...(trouble.starts ?? []));
    if (trouble.polls !== undefined) vendorOf('bolt').observeScript.push(trouble.polls);
    const run = await create('bolt');
    await rig.clock.advance(250_000);
    expect((await rig.engine.api.runs.get({ tenant: 'bolt', runId: run.runId })).status).toBe('pending');
    vendorOf('bolt').observeScript.splice(0, 1, { status: 'success', output: 1 });
    await rig.clock.advance(180_000);
    expect((await rig.engine.api.runs.get({ tenant: 'bolt', runId: run.runId })).status).toBe('success');
  });

  test.each(Object.entries(troubles))(
    'another account is not held up by %s, and who shares the account is',
    async (_name, { state, starts = [], polls }) => {
      await open();
      vendorOf('acme').startScript.push(...starts);
      if (polls !== undefined) vendorOf('acme').observeScript.push(polls);
      const runs = [await create('acme'), await create('acme'), await create('acme')];
      await rig.clock.advance(25_000);
      expect(rig.engine.backends()).toMatchObject([
        { name: 'scripted', state, impaired: [{ tenants: ['acme', 'acmeToo'], state }], accounts: { [state]: 1 } },
      ]);
      vendorOf('bolt').observeScript.push({ status: 'success', output: 1 });
      const other = await create('bolt');
      const sharer = await create('acmeToo');
      await rig.clock.advance(800);
      expect(await rig.engine.api.runs.get({ tenant: 'bolt', runId: other.runId })).toMatchObject({
        status: 'success',
      });
      expect(vendorOf('acmeToo').starts).toEqual([]);
      expect((await rig.engine.api.runs.get({ tenant: 'acmeToo', runId: sharer.runId })).phase).toBe('queued');
      expect((await rig.engine.api.runs.get({ tenant: 'acme', runId: runs[2]?.runId ?? '' })).status).toBe('pending');
    },
  );

  test('maxConcurrentRuns and requestsPerSecond hold for each account', async () => {
    await open({ maxConcurrentRuns: 2 });
    for (const tenant of ['acme', 'acme', 'acmeToo', 'bolt', 'bolt', 'bolt']) await create(tenant);
    await rig.clock.settle();
    expect(Object.values(vendors).map(({ starts }) => starts.length)).toEqual([2, 0, 2]);
    await rig.close();
    await open({ requestsPerSecond: 2 });
    for (let run = 0; run < 4; run += 1) for (const tenant of ['acme', 'acmeToo', 'bolt']) await create(tenant);
    await rig.clock.settle();
    const sent = Object.values(vendors).map(({ starts }) => starts.length);
    expect([(sent[0] ?? 0) + (sent[1] ?? 0), sent[2]]).toEqual([2, 2]);
  });

  test.each(['maxConcurrentRuns', 'requestsPerSecond'])(
    'tenants of one account take turns under %s, however many runs one of them has',
    async (key) => {
      await open({ [key]: 1 });
      const order: string[] = [];
      for (const tenant of ['acme', 'acmeToo']) {
        const vendor = vendorOf(tenant);
        const { start } = vendor;
        vendor.start = (...given) => {
          order.push(tenant);
          return start.apply(vendor, given);
        };
        vendor.observeScript.push({ status: 'success', output: 1 });
      }
      for (let run = 0; run < 40; run += 1) await create('acme');
      await create('acmeToo');
      await create('acmeToo');
      await rig.clock.advance(15_000);
      expect(order.slice(0, 6)).toContain('acmeToo');
      expect(order.slice(0, 8).filter((tenant) => tenant === 'acmeToo')).toHaveLength(2);
    },
  );
});

describe('the accounts of a backend', () => {
  const unbounded = { requestsPerSecond: null, burst: null, maxConcurrentRuns: null, maxPauseMs: 300_000, push: null };
  const agents = { all: [], defaultAgent: null, find: () => null };

  function openBackends(clock: VirtualClock, accounts: readonly object[], limits: object = {}): Backends {
    return new Backends(
      { clock, log: silentLog, agents, replica: 'a', quotas: null, onWait: () => {} },
      accounts.map((each, index) => ({ name: `b${index}`, secrets: [], ...unbounded, ...limits, ...each })),
    );
  }

  async function send(backends: Backends, backend: string, tenant: string, ends?: UpstreamFault): Promise<void> {
    const account = backends.of(backend, tenant);
    account.hold();
    const permit = await account.callQueue.enter('watched', { tenant, signal: new AbortController().signal }).permit;
    await permit
      ?.send(async () => {
        if (ends !== undefined) throw ends;
      })
      .catch(() => {});
    account.release();
  }

  const tenants = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`t${n}`, `account-${n}`]));

  test('an account whose limits a reload changes is forgotten within seconds once no call uses it', async () => {
    const clock = new VirtualClock();
    const limits = (n: number) => [{ name: 'b0', secrets: [], ...unbounded, maxConcurrentRuns: n }];
    const count = () => queryObjects(Account, { format: 'count' });
    const before = count();
    const backends = openBackends(clock, [{ maxConcurrentRuns: 1 }]);
    const slow = Promise.withResolvers<void>();
    const { signal } = new AbortController();
    const permit = await backends.of('b0', 'acme').callQueue.enter('watched', { tenant: 'acme', signal }).permit;
    const sent = permit?.send(() => slow.promise);
    for (let n = 2; n <= 20; n += 1) backends.reconfigure(limits(n));
    await clock.advance(5000);
    // The one in force, and the first, whose call is under way.
    expect(count() - before).toBe(2);
    slow.resolve();
    await sent;
    await clock.advance(5000);
    expect(count() - before).toBe(1);
    expect(backends.stateOf('b0')).toBe('up');
    await backends.stop();
  });

  test('accounts appear when they are used, and go once they are idle', async () => {
    const clock = new VirtualClock();
    const backends = openBackends(clock, [{ accountsByTenant: tenants }], { requestsPerSecond: 5 });
    const used = () => backends.states()[0]?.accounts;
    expect(used()).toEqual({ up: 0, paused: 0, down: 0 });
    for (const tenant of Object.keys(tenants)) await send(backends, 'b0', tenant);
    expect(used()).toEqual({ up: 1000, paused: 0, down: 0 });
    await clock.advance(60_000);
    expect(used()).toEqual({ up: 0, paused: 0, down: 0 });
    expect(clock.timers).toBe(0);
  });

  test.each([
    ['a pause', [fault('retry', { httpStatus: 429, retryAfterMs: 200_000 })], { up: 0, paused: 1, down: 0 }],
    [
      'an open circuit',
      Array.from({ length: 5 }, () => fault('retry', { kind: 'reset' })),
      { up: 0, paused: 0, down: 1 },
    ],
  ])('%s outlives the last call of its account', async (_name, faults, counted) => {
    const clock = new VirtualClock();
    const backends = openBackends(clock, [{ accountsByTenant: tenants }]);
    for (const each of faults) await send(backends, 'b0', 't7', each);
    await send(backends, 'b0', 't8');
    await clock.advance(190_000);
    expect(backends.states()[0]?.accounts).toEqual(counted);
    expect(backends.states()[0]?.impaired).toMatchObject([{ tenants: ['t7'] }]);
    await backends.stop();
  });

  test('an account in use is kept, and its window of requests with it', async () => {
    const clock = new VirtualClock();
    const backends = openBackends(clock, [{ accountsByTenant: tenants }], { requestsPerSecond: 1 });
    const account = backends.of('b0', 't1');
    account.hold();
    await send(backends, 'b0', 't2');
    await clock.advance(600_000);
    expect(backends.of('b0', 't1')).toBe(account);
    expect(backends.states()[0]?.accounts).toEqual({ up: 1, paused: 0, down: 0 });
    await backends.stop();
  });

  test.each([
    ['the same account', 'same', 'same', 'paused'],
    ['another account', 'same', 'another', 'up'],
  ])('a backend with %s at the vendor is %s', async (_name, first, second, state) => {
    const clock = new VirtualClock();
    const backends = openBackends(clock, [{ account: first }, { accountsByTenant: { t: second } }]);
    backends.of('b1', 't');
    await send(backends, 'b0', 'any', fault('retry', { httpStatus: 503, retryAfterMs: 30_000 }));
    expect(backends.states().map((each) => each.state)).toEqual(['paused', state]);
    await backends.stop();
  });

  test('calls that wait at one backend go when the call of another backend has found their account well', async () => {
    const clock = new VirtualClock();
    const backends = openBackends(clock, [{ account: 'same' }, { account: 'same' }]);
    for (let call = 0; call < 5; call += 1) await send(backends, 'b0', 't', fault('retry', { kind: 'refused' }));
    const went: string[] = [];
    for (const backend of ['b0', 'b1', 'b1']) {
      void send(backends, backend, 't').then(() => went.push(backend));
    }
    await clock.advance(999 + 500);
    expect(went).toEqual(['b0', 'b1', 'b1']);
    await backends.stop();
  });
});
