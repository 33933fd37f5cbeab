import { expect, onTestFinished, test } from 'vitest';
import { kinds, openRig, type Rig } from './engine-rig.ts';
import { fault } from './scripted-vendor.ts';

const graceMs = 30_000;

/** A vendor whose cancel is a wish. Gives the runs that it was told to terminate. */
async function openWith(grace: number | null): Promise<{ readonly rig: Rig; readonly terminated: string[] }> {
  const rig = await openRig();
  const terminated: string[] = [];
  rig.vendor.termination = {
    graceMsOf: () => grace,
    terminate: async (_target, { runId }) => void terminated.push(runId),
  };
  onTestFinished(() => rig.close());
  return { rig, terminated };
}

async function cancelled(rig: Rig): Promise<void> {
  const run = await rig.create();
  await rig.clock.advance(500);
  await rig.engine.api.runs.cancel({ tenant: 'default', runId: run.runId }, { action: 'interrupt', wait: false });
  await rig.clock.advance(500);
}

test('a run that is cancelled is terminated at the vendor after the grace, and not before', async () => {
  const { rig, terminated } = await openWith(graceMs);
  await cancelled(rig);
  expect(rig.vendor.cancelled).toEqual(['vendor-1']);
  await rig.clock.advance(graceMs - 2000);
  expect(terminated).toEqual([]);
  await rig.clock.advance(3000);
  expect(terminated).toEqual(['vendor-1']);
});

test('a client that waits for a cancel does not wait for the grace', async () => {
  const { rig, terminated } = await openWith(graceMs);
  const run = await rig.create();
  await rig.clock.advance(500);
  let isAnswered = false;
  const answered = rig.engine.api.runs.cancel(
    { tenant: 'default', runId: run.runId },
    { action: 'interrupt', wait: true },
  );
  void answered.then(() => {
    isAnswered = true;
  });
  await rig.clock.advance(1000);
  expect([isAnswered, terminated]).toEqual([true, []]);
});

test('a run whose target has no grace is never terminated', async () => {
  const { rig, terminated } = await openWith(null);
  await cancelled(rig);
  await rig.clock.advance(3_600_000);
  expect(terminated).toEqual([]);
});

test('a cancel that the vendor refuses is followed by no termination', async () => {
  const { rig, terminated } = await openWith(graceMs);
  rig.vendor.cancelScript.push(fault('rejected'));
  await cancelled(rig);
  await rig.clock.advance(3_600_000);
  expect(terminated).toEqual([]);
});

test('a run that passes its deadline is terminated after the grace as well', async () => {
  const { rig, terminated } = await openWith(graceMs);
  await rig.create();
  await rig.clock.advance(24 * 3_600_000);
  expect([rig.vendor.cancelled, terminated]).toEqual([['vendor-1'], ['vendor-1']]);
});

test('a termination that fails is repeated, and one of a run that is over is not', async () => {
  const rig = await openRig();
  onTestFinished(() => rig.close());
  const answers = [fault('retry'), fault('gone')];
  let calls = 0;
  rig.vendor.termination = {
    graceMsOf: () => graceMs,
    terminate: async () => {
      calls += 1;
      const answer = answers.shift();
      if (answer !== undefined) throw answer;
    },
  };
  await cancelled(rig);
  await rig.clock.advance(3_600_000);
  expect(calls).toBe(2);
});

test('a gateway that stops within the grace says what it leaves at the vendor', async () => {
  const { rig, terminated } = await openWith(graceMs);
  await cancelled(rig);
  const stopping = rig.engine.stop();
  await rig.clock.advance(1000);
  await stopping;
  expect(terminated).toEqual([]);
  const givenUp = 'upstream run that was cancelled could not be terminated; it may still be running at the vendor';
  expect(rig.logged).toContainEqual(expect.objectContaining({ level: 'warn', message: givenUp }));
});

test('an interrupt stays while the vendor does not answer what the run asks, and goes once it is answered', async () => {
  const rig = await openRig();
  onTestFinished(() => rig.close());
  rig.vendor.observeScript.push(
    { status: 'running', question: 'go?' },
    { status: 'running', isInterruptUnknown: true },
  );
  const run = await rig.create();
  await rig.clock.advance(60_000);
  expect((await rig.read(run)).status).toBe('interrupted');
  expect(kinds(await rig.events(run))).not.toContain('cleared');
  rig.vendor.observeScript.splice(0, Number.POSITIVE_INFINITY, { status: 'running' });
  await rig.clock.advance(600_000);
  expect((await rig.read(run)).status).toBe('pending');
});
