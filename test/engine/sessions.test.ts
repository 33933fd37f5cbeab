import { expect, test } from 'vitest';
import type { SessionCalls } from '../../src/contract/adapter/adapter.ts';
import type { UpstreamFault } from '../../src/contract/adapter/http.ts';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { openRig, type Rig, type RigOptions, tenant } from './engine-rig.ts';
import { fault, ScriptedVendor } from './scripted-vendor.ts';

/** Sessions at a scripted vendor. */
class SessionVendor extends ScriptedVendor {
  opening: Json | undefined = undefined;
  readonly messages: string[] = [];
  /** Which sessions it ended, and when. */
  readonly ended: { readonly runId: string; readonly atMs: number }[] = [];
  readonly endScript: UpstreamFault[] = [];
  /** What messages are answered with in place of a result. */
  readonly messageScript: UpstreamFault[] = [];
  messageGate: Promise<void> = Promise.resolve();
  nowMs: () => number = () => 0;

  readonly session: SessionCalls = {
    openingInputOf: () => this.opening,
    send: async (_target, { runId }, { input }) => {
      this.messages.push(`${runId} ${JSON.stringify(input)}`);
      await this.messageGate;
      const fault = this.messageScript.shift();
      if (fault !== undefined) throw fault;
      return { status: 'success', raw: { status: 'success', output: this.messages.length } };
    },
    end: async (_target, { runId }) => {
      this.ended.push({ runId, atMs: this.nowMs() });
      const fault = this.endScript.shift();
      if (fault !== undefined) throw fault;
    },
  };
}

async function open(options: RigOptions = {}): Promise<{ readonly rig: Rig; readonly vendor: SessionVendor }> {
  const vendor = new SessionVendor();
  const capabilities = { resume: true, cancel: true, push: false, session: true };
  const rig = await openRig({ ...options, agent: { connectionFor: () => vendor, capabilities } });
  vendor.nowMs = () => rig.clock.nowMs();
  vendor.observeScript.push({ status: 'running', output: 'hello' });
  return { rig, vendor };
}

async function talk(rig: Rig, threadId: string, input: Json): Promise<Run> {
  const thread = { threadId, ifNotExists: 'create', whenBusy: 'enqueue' } as const;
  const request = { input };
  return (await rig.engine.api.runs.create({ tenant, agent: undefined, request, thread })).run;
}

const idOf = (n: number): string => `0198c5a0-0000-7000-8000-00000000000${n}`;

test('the sessions of removed threads are ended within the budget of their backend', async () => {
  const { rig, vendor } = await open({ options: { requestsPerSecond: 2, burst: 1 } });
  const { clock, engine } = rig;
  for (const n of [1, 2, 3, 4]) await talk(rig, idOf(n), 'a');
  await clock.advance(60_000);
  const removedMs = clock.nowMs();
  for (const n of [1, 2, 3, 4]) await engine.api.threads.delete({ tenant, threadId: idOf(n) });
  await clock.settle();
  expect(vendor.ended).toHaveLength(1);
  await clock.advance(10_000);
  expect(vendor.ended.map(({ runId }) => runId)).toEqual([1, 2, 3, 4].map((n) => `vendor-${n}`));
  const sentMs = vendor.ended.map(({ atMs }) => atMs - removedMs);
  expect(sentMs[0]).toBe(0);
  for (const [at, ms] of sentMs.slice(1).entries()) expect(ms - (sentMs[at] ?? 0)).toBeGreaterThanOrEqual(500);
  await rig.close();
});

test('ending a session is repeated until the vendor answers, and no longer', async () => {
  const { rig, vendor } = await open();
  const { clock, engine } = rig;
  await talk(rig, idOf(1), 'a');
  await clock.advance(1000);
  vendor.endScript.push(...Array.from({ length: 7 }, () => fault('retry')));
  await engine.api.threads.delete({ tenant, threadId: idOf(1) });
  await clock.advance(600_000);
  expect(vendor.ended).toHaveLength(8);

  await talk(rig, idOf(2), 'a');
  await clock.advance(1000);
  vendor.endScript.push(...Array.from({ length: 100 }, () => fault('retry')));
  await engine.api.threads.delete({ tenant, threadId: idOf(2) });
  await clock.advance(300_000);
  expect(rig.logged.filter(({ message }) => message.includes('may still be open'))).toHaveLength(0);
  await clock.advance(3_600_000);
  expect(rig.logged.filter(({ message }) => message.includes('may still be open'))).toHaveLength(1);
  expect(vendor.ended).toHaveLength(28);
  await rig.close();
});

test('a session and its first message are left to the next process when this one dies between the two', async () => {
  const { rig: first, vendor } = await open({ options: { requestsPerSecond: 1, burst: 1 } });
  vendor.opening = { as: 'clerk' };
  const run = await talk(first, idOf(1), 'a');
  await first.clock.settle();
  expect([vendor.starts.length, vendor.messages.length]).toEqual([1, 0]);
  const rig = await first.crash();
  await rig.clock.advance(10_000);
  expect(await rig.read(run)).toMatchObject({ status: 'success', outcome: { value: 1 } });
  expect(vendor.starts).toEqual([{ as: 'clerk' }]);
  expect(vendor.messages).toEqual(['vendor-1 "a"']);
  await rig.close();
});

test('a message that was under way when the process died is not sent again', async () => {
  const { rig: first, vendor } = await open();
  vendor.opening = { as: 'clerk' };
  vendor.messageGate = new Promise(() => {});
  const run = await talk(first, idOf(1), 'a');
  const other = await talk(first, idOf(1), 'b');
  await first.clock.settle();
  expect(vendor.messages).toEqual(['vendor-1 "a"']);
  const rig = await first.crash();
  vendor.messageGate = Promise.resolve();
  await rig.clock.advance(5000);
  // Whether the session got the message is unknown, so it is not sent again; the thread keeps its session.
  expect(await rig.read(run)).toMatchObject({ status: 'error', outcome: { errcode: errcodes.startUnknown } });
  expect(await rig.read(other)).toMatchObject({ status: 'success', outcome: { value: 2 } });
  expect(vendor.starts).toEqual([{ as: 'clerk' }]);
  expect(vendor.messages).toEqual(['vendor-1 "a"', 'vendor-1 "b"']);
  await rig.close();
});

test('a session that waits for a slot of its backend is scheduled once and then gets the input', async () => {
  const { rig, vendor } = await open({ options: { maxConcurrentRuns: 1 } });
  vendor.opening = {};
  const runs = [await talk(rig, idOf(1), 'a'), await talk(rig, idOf(2), 'b'), await talk(rig, idOf(1), 'c')];
  await rig.clock.advance(10_000);
  for (const run of runs) expect(await rig.read(run)).toMatchObject({ status: 'success' });
  expect(vendor.starts).toHaveLength(2);
  expect(vendor.messages.toSorted()).toEqual(['vendor-1 "a"', 'vendor-1 "c"', 'vendor-2 "b"']);
  await rig.close();
});

test('a first run that passes its deadline ends together with the session that it scheduled', async () => {
  const { rig, vendor } = await open();
  vendor.observeScript.splice(0, 1, { status: 'running' });
  const run = await talk(rig, idOf(1), 'a');
  await rig.clock.advance(3_700_000);
  expect(await rig.read(run)).toMatchObject({ status: 'timeout' });
  expect(vendor.ended.map(({ runId }) => runId)).toEqual(['vendor-1']);
  expect(vendor.cancelled).toEqual([]);
  expect((await rig.store.threads.findThread({ tenant, threadId: idOf(1) }))?.session).toBeNull();
  await rig.close();
});

test.each([
  ['malformed', errcodes.answerUnreadable],
  ['too-large', errcodes.answerTooLarge],
] as const)(
  'a message whose answer is %s ends its run with a cause of its own, is sent once, and leaves the session to the next',
  async (kind, errcode) => {
    const { rig, vendor } = await open();
    await talk(rig, idOf(1), 'first');
    await rig.clock.advance(60_000);
    vendor.messageScript.push(fault('unknown', { kind, httpStatus: 200, message: 'not JSON' }));
    const second = await talk(rig, idOf(1), 'second');
    await rig.clock.advance(60_000);
    const run = await rig.read(second);
    expect(run).toMatchObject({ phase: 'done', status: 'error', outcome: { kind: 'error', errcode } });
    expect(JSON.stringify(run)).toContain('not JSON');
    const next = await talk(rig, idOf(1), 'third');
    await rig.clock.advance(60_000);
    expect(await rig.read(next)).toMatchObject({ status: 'success', outcome: { kind: 'result', value: 2 } });
    expect(vendor.messages).toEqual(['vendor-1 "second"', 'vendor-1 "third"']);
    await rig.close();
  },
);
