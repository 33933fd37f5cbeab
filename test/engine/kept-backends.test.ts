import { afterEach, describe, expect, test } from 'vitest';
import type { SessionCalls } from '../../src/contract/adapter/adapter.ts';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { openRig, type Rig, type RigOptions, tenant } from './engine-rig.ts';
import { fault, ScriptedVendor } from './scripted-vendor.ts';

class SessionVendor extends ScriptedVendor {
  readonly messages: string[] = [];
  readonly ended: string[] = [];
  readonly session: SessionCalls = {
    send: async (_target, { runId }) => {
      this.messages.push(runId);
      return { status: 'success', raw: { status: 'success', output: this.messages.length } };
    },
    end: async (_target, { runId }) => void this.ended.push(runId),
  };
}

const threadId = '0198c5a0-0000-7000-8000-000000000001';

describe('a run of an agent with several backends stays where it was started', () => {
  let rig: Rig;
  let first: SessionVendor;
  let second: SessionVendor;
  afterEach(() => rig.close());

  const pair = (weights: readonly [number, number] = [1, 0]): RigOptions['places'] => [
    { name: 'first', vendor: first, weight: weights[0], options: pushed },
    { name: 'second', vendor: second, weight: weights[1], options: pushed },
  ];
  const pushed = { push: { publicUrl: 'https://runs.example' }, secrets: ['hush'] };

  async function open(options: RigOptions = {}): Promise<void> {
    first = new SessionVendor();
    second = new SessionVendor();
    rig = await openRig({ ...options, places: pair() });
  }

  /** A run that the second backend has, because the first was down for a moment. */
  async function startAtSecond(): Promise<Run> {
    first.startScript.push(fault('retry', { kind: 'refused' }));
    const run = await rig.create();
    await rig.clock.settle();
    expect(await rig.read(run)).toMatchObject({ phase: 'running', backend: 'second' });
    return run;
  }

  test('it is polled there after a restart', async () => {
    await open();
    const run = await startAtSecond();
    rig = await rig.crash();
    second.observeScript.push({ status: 'success', output: 'kept' });
    await rig.clock.advance(30_000);
    expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 'kept' } });
    expect([first.polls, first.starts.length, second.starts.length]).toEqual([0, 1, 1]);
  });

  test('it is cancelled there', async () => {
    await open();
    const run = await startAtSecond();
    await rig.engine.api.runs.cancel({ tenant, runId: run.runId }, { wait: false, action: 'interrupt' });
    await rig.clock.advance(1000);
    expect([first.cancelled, second.cancelled]).toEqual([[], ['vendor-1']]);
  });

  test('it is resumed there', async () => {
    await open();
    second.observeScript.push({ status: 'running', question: { q: 1 } });
    const run = await startAtSecond();
    await rig.clock.advance(10_000);
    expect(await rig.read(run)).toMatchObject({ status: 'interrupted' });
    await rig.engine.api.runs.resume({ tenant, runId: run.runId }, 'yes');
    await rig.clock.advance(1000);
    expect([first.resumptions, second.resumptions]).toEqual([[], [{ answer: 'yes' }]]);
  });

  test('a start of it that got no answer is adopted there', async () => {
    const found: string[] = [];
    const adoptable = (vendor: SessionVendor, name: string) =>
      Object.assign(vendor, { adoption: { find: async () => ({ runId: found[found.push(name) - 1] }) } });
    await open({ agent: { capabilities: { resume: true, cancel: true, push: false, session: false, adopt: 'find' } } });
    adoptable(first, 'first');
    adoptable(second, 'second');
    first.startScript.push(fault('retry', { kind: 'refused' }));
    const gate = Promise.withResolvers<void>();
    second.startGate = gate.promise;
    const run = await rig.create();
    await rig.clock.settle();
    rig = await rig.crash();
    await rig.clock.advance(1000);
    expect(found).toEqual(['second']);
    expect(await rig.read(run)).toMatchObject({ phase: 'running', backend: 'second', upstream: { runId: 'second' } });
    expect([first.starts.length, second.starts.length]).toEqual([1, 1]);
    gate.resolve();
  });

  test('only calls to the sink of its own backend name it', async () => {
    await open({ agent: { capabilities: { resume: true, cancel: true, push: true, session: false, adopt: 'push' } } });
    const sinks: string[] = [];
    for (const vendor of [first, second]) {
      const start = vendor.start.bind(vendor);
      Object.assign(vendor, {
        adoption: { refOfPush: () => ({ runId: 'named' }) },
        start: (request: { readonly input: null; readonly sink?: { readonly url: string } }) => {
          sinks.push(request.sink?.url ?? '');
          return start(request);
        },
      });
    }
    first.startScript.push(fault('retry', { kind: 'refused' }));
    second.startScript.push(fault('unknown', { kind: 'cut' }));
    const run = await rig.create();
    await rig.clock.settle();
    const [early = '', late = ''] = sinks.map((sink) => sink.split('/').at(-1));
    await rig.engine.acceptPush('first', early, () => ({}));
    expect(await rig.store.find({ tenant, runId: run.runId })).not.toHaveProperty('named');
    await rig.engine.acceptPush('second', late, () => ({}));
    await rig.clock.advance(1000);
    expect(await rig.read(run)).toMatchObject({ phase: 'running', upstream: { runId: 'named' }, backend: 'second' });
  });

  test('a call of the vendor for the whole account is looked up at the backend that it came to', async () => {
    await open();
    const run = await startAtSecond();
    for (const vendor of [first, second]) {
      Object.assign(vendor, { accountPush: { read: async () => ({ kind: 'named', runId: 'vendor-1' }) } });
    }
    await rig.clock.advance(100);
    const before = second.polls;
    const call = { headers: {}, body: '{}', parse: () => ({}) };
    expect(await rig.engine.acceptAccountPush('first', call)).toBe(true);
    await rig.clock.settle();
    expect(second.polls).toBe(before);
    expect(await rig.engine.acceptAccountPush('second', call)).toBe(true);
    await rig.clock.settle();
    expect(second.polls).toBe(before + 1);
    expect(await rig.read(run)).toMatchObject({ phase: 'running' });
  });

  test('two runs may have the same id at different backends', async () => {
    await open();
    await startAtSecond();
    const other = await rig.create();
    first.startScript.push({ upstream: { runId: 'vendor-1' } });
    await rig.clock.advance(61_000);
    expect(await rig.read(other)).toMatchObject({ phase: 'running' });
  });

  test('a config that no longer has its backend keeps it, and asks no other for it', async () => {
    await open();
    const run = await startAtSecond();
    rig = await rig.crash({ places: pair()?.slice(0, 1) ?? [] });
    await rig.clock.advance(120_000);
    expect(await rig.read(run)).toMatchObject({ phase: 'running', backend: 'second' });
    expect(first.polls).toBe(0);
    await rig.clock.advance(3_600_000);
    expect(await rig.read(run)).toMatchObject({ status: 'timeout' });
  });

  describe('with a session', () => {
    const capabilities = { resume: true, cancel: true, push: false, session: true };
    const talk = async (): Promise<Run> => {
      const thread = { threadId, ifNotExists: 'create', whenBusy: 'enqueue' } as const;
      const created = await rig.engine.api.runs.create({ tenant, agent: undefined, request: { input: 1 }, thread });
      return created.run;
    };

    async function openSession(): Promise<void> {
      await open({ agent: { capabilities } });
      second.observeScript.push({ status: 'running', output: 'hello' });
      first.startScript.push(fault('retry', { kind: 'refused' }));
      await talk();
      await rig.clock.advance(10_000);
    }

    test('the later runs of its thread are messages to the session, at its backend', async () => {
      await openSession();
      await talk();
      await rig.clock.advance(10_000);
      expect([first.messages, second.messages]).toEqual([[], ['vendor-1']]);
      expect([first.starts.length, second.starts.length]).toEqual([1, 1]);
    });

    test('the session of a removed thread is ended at its backend', async () => {
      await openSession();
      await rig.engine.api.threads.delete({ tenant, threadId });
      await rig.clock.advance(1000);
      expect([first.ended, second.ended]).toEqual([[], ['vendor-1']]);
    });

    test('a run whose session is at a backend that has left the config ends as lost', async () => {
      await openSession();
      rig = await rig.crash({ agent: { capabilities }, places: pair()?.slice(0, 1) ?? [] });
      const run = await talk();
      await rig.clock.advance(10_000);
      expect(await rig.read(run)).toMatchObject({ status: 'error', outcome: { errcode: errcodes.upstreamGone } });
      expect(first.starts).toHaveLength(1);
    });
  });
});
