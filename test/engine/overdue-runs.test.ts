import { describe, expect, test } from 'vitest';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { openRig, type Rig, type RigOptions } from './engine-rig.ts';
import { fault, type ScriptedVendor } from './scripted-vendor.ts';

const hourMs = 3_600_000;
const running = { status: 'running' };
const question = { status: 'running', question: 'go?' };
const success = { status: 'success', output: 'in time' };
const cut = fault('retry', { kind: 'cut', message: 'cut' });
const gone = fault('gone', { httpStatus: 404 });

/** What the vendor shows while a process lives, and to the next one; what becomes of the run, and how soon. */
type Row = {
  readonly before?: ScriptedVendor['observeScript'];
  readonly after: ScriptedVendor['observeScript'];
  readonly ends: object;
  readonly withinMs: number;
  readonly says?: RegExp;
};

const timeout = { status: 'timeout', outcome: { errcode: errcodes.deadline } };

const rows: Readonly<Record<string, Row>> = {
  'a result that the vendor has is taken': {
    after: [success],
    ends: { status: 'success', outcome: { value: 'in time' } },
    withinMs: 100,
  },
  'a failure that the vendor has is taken': {
    after: [{ status: 'error', error: 'boom' }],
    ends: { status: 'error', outcome: { errcode: 3000, description: 'boom' } },
    withinMs: 100,
  },
  'a result of a run that was interrupted is taken': {
    before: [question],
    after: [success],
    ends: { status: 'success', outcome: { value: 'in time' } },
    withinMs: 100,
  },
  'a result that the vendor shows after it could not be asked is taken': {
    after: [cut, cut, success],
    ends: { status: 'success', outcome: { value: 'in time' } },
    withinMs: 20_000,
  },
  'a run that goes on ends as timeout': { after: [running], ends: timeout, withinMs: 100, says: /seconds$/ },
  'a run that still asks ends as timeout': {
    before: [question],
    after: [question],
    ends: timeout,
    withinMs: 100,
    says: /its client to send a payload$/,
  },
  'a run with an unknown status ends as timeout': {
    after: [{ status: 'SUCCESS' }],
    ends: timeout,
    withinMs: 100,
    says: /which has "success"$/,
  },
  'a run whose vendor does not answer ends as timeout': {
    after: [cut],
    ends: timeout,
    withinMs: 100_000,
    says: /last call to the vendor failed: cut$/,
  },
  'a run that the vendor does not know ends as timeout': { after: [gone], ends: timeout, withinMs: 100_000 },
};

/** How it came that the deadline has passed when the next process begins. */
const absences: Readonly<Record<string, (rig: Rig) => Promise<Rig>>> = {
  'no process lived': async (rig) => {
    return await rig.crash(undefined, hourMs);
  },
  'the wall clock was set forward by an hour between two processes': async (rig) => {
    rig.clock.stepWall(hourMs);
    return await rig.crash();
  },
  'the wall clock was set forward by twenty days between two processes': async (rig) => {
    rig.clock.stepWall(20 * 24 * hourMs);
    return await rig.crash();
  },
};

const options: RigOptions = { agent: { timeoutMs: 900_000 } };

describe.each(Object.entries(absences))('a recovered run whose deadline passed because %s', (absence, leave) => {
  test.each(Object.entries(rows))(
    `where ${absence}: %s`,
    async (_name, { before = [running], after, ends, ...row }) => {
      const first = await openRig(options);
      first.vendor.observeScript.push(...before);
      const run = await first.create();
      await first.clock.advance(10_000);
      first.vendor.observeScript.splice(0, 99, ...after);
      const { polls } = first.vendor;
      const rig = await leave(first);
      await rig.clock.advance(row.withinMs);
      const ended = await rig.read(run);
      expect(ended).toMatchObject({ phase: 'done', ...ends });
      if (row.says !== undefined) expect(ended.outcome).toMatchObject({ description: expect.stringMatching(row.says) });
      expect(rig.vendor.polls).toBeGreaterThan(polls);
      expect(rig.vendor.starts).toHaveLength(1);
      await rig.close();
    },
  );
});

test('each of many overdue runs is polled before it ends, however small the budget', async () => {
  const first = await openRig({ ...options, options: { requestsPerSecond: 1 } });
  first.vendor.observeScript.push(running);
  const runs: Run[] = [];
  for (let n = 0; n < 60; n += 1) runs.push(await first.create());
  await first.clock.advance(120_000);
  first.vendor.observeScript.splice(0, 99, success);
  first.clock.stepWall(hourMs);
  const rig = await first.crash();
  await rig.clock.advance(200_000);
  for (const run of runs) expect(await rig.read(run)).toMatchObject({ status: 'success' });
  await rig.close();
});

test('an overdue run whose poll has to wait for too long ends as timeout', async () => {
  const first = await openRig(options);
  first.vendor.observeScript.push(fault('retry', { httpStatus: 429, retryAfterMs: hourMs }));
  const run = await first.create();
  await first.clock.advance(1000);
  first.clock.stepWall(hourMs);
  const rig = await first.crash();
  await rig.clock.advance(700_000);
  expect(await rig.read(run)).toMatchObject(timeout);
  await rig.close();
});

test('an overdue run that has not reached the vendor is not started', async () => {
  const first = await openRig(options);
  first.vendor.startScript.push(fault('retry', { retryAfterMs: 60_000 }));
  const run = await first.create();
  await first.clock.advance(1000);
  first.clock.stepWall(hourMs);
  const rig = await first.crash();
  await rig.clock.advance(100_000);
  expect(await rig.read(run)).toMatchObject(timeout);
  expect(rig.vendor.starts).toHaveLength(1);
  await rig.close();
});
