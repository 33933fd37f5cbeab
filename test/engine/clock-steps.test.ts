import { beforeAll, describe, expect, test } from 'vitest';
import type { Run, RunRequest } from '../../src/contract/domain/run.ts';
import { openRig, type Rig, type RigOptions } from './engine-rig.ts';
import { fault, type ScriptedVendor } from './scripted-vendor.ts';

const hourMs = 3_600_000;
const stepsMs = [-hourMs, hourMs, -60_000, 15_000, -20 * 24 * hourMs];
const tickMs = 100;

/** One place that waits: what happens, when the wall clock steps, and how the run ends where time passes evenly. */
type Scenario = {
  readonly options?: RigOptions;
  readonly begin: (rig: Rig) => Promise<Run>;
  readonly stepAfterMs: number;
  readonly lastsMs: number;
  readonly ends: Run['status'];
  /** The process dies after the beginning, and the next one takes over. */
  readonly isRecovered?: true;
};

const success = { status: 'success', output: 1 };
const running = { status: 'running' };
const runningFor = (polls: number) => Array.from({ length: polls }, () => running);

const scenarios: Readonly<Record<string, Scenario>> = {
  'a poll of a running run': {
    begin: (rig) => begun(rig, [...runningFor(12), success]),
    stepAfterMs: 800,
    lastsMs: 30_000,
    ends: 'success',
  },
  'a poll of a recovered run': {
    begin: (rig) => begun(rig, [...runningFor(8), success]),
    stepAfterMs: 300,
    lastsMs: 30_000,
    ends: 'success',
    isRecovered: true,
  },
  'a poll that the vendor slowed by Retry-After': {
    begin: (rig) => begun(rig, [fault('retry', { httpStatus: 404, retryAfterMs: 8000 }), success]),
    stepAfterMs: 2000,
    lastsMs: 15_000,
    ends: 'success',
  },
  'the patience with a vendor that does not know the run': {
    options: { agent: { lostAfterMs: 20_000 } },
    begin: (rig) => begun(rig, [fault('gone', { httpStatus: 404 })]),
    stepAfterMs: 5000,
    lastsMs: 25_000,
    ends: 'error',
  },
  'the retry of a start': {
    begin: (rig) => {
      rig.vendor.startScript.push(fault('retry'), fault('retry'), fault('retry'));
      return begun(rig, [success]);
    },
    stepAfterMs: 600,
    lastsMs: 20_000,
    ends: 'success',
  },
  'a start that after_seconds delays': {
    begin: (rig) => begun(rig, [success], { input: 1, afterMs: 5000 }),
    stepAfterMs: 1000,
    lastsMs: 10_000,
    ends: 'success',
  },
  'the deadline of a running run': {
    options: { agent: { timeoutMs: 15_000 } },
    begin: (rig) => begun(rig, [running]),
    stepAfterMs: 5000,
    lastsMs: 20_000,
    ends: 'timeout',
  },
  'the deadline of a run that its vendor ends in time': {
    options: { agent: { timeoutMs: 15_000 } },
    begin: (rig) => begun(rig, [...runningFor(12), success]),
    stepAfterMs: 800,
    lastsMs: 20_000,
    ends: 'success',
  },
  'a pause that the vendor asked for by 429': {
    begin: (rig) => {
      rig.vendor.startScript.push(fault('retry', { httpStatus: 429, retryAfterMs: 6000 }));
      return begun(rig, [success]);
    },
    stepAfterMs: 2000,
    lastsMs: 15_000,
    ends: 'success',
  },
  'a probe of an open circuit': {
    begin: (rig) => {
      const cut = fault('retry', { kind: 'refused' });
      return begun(rig, [cut, cut, cut, cut, cut, cut, success]);
    },
    stepAfterMs: 4000,
    lastsMs: 60_000,
    ends: 'success',
  },
  'a start that after_seconds delays, after a recovery': {
    begin: (rig) => begun(rig, [success], { input: 1, afterMs: 5000 }),
    stepAfterMs: 1000,
    lastsMs: 10_000,
    ends: 'success',
    isRecovered: true,
  },
  'the deadline of a recovered run': {
    options: { agent: { timeoutMs: 15_000 } },
    begin: (rig) => begun(rig, [running]),
    stepAfterMs: 5000,
    lastsMs: 20_000,
    ends: 'timeout',
    isRecovered: true,
  },
  'a call that the budget delays': {
    options: { options: { requestsPerSecond: 0.2, burst: 1 } },
    begin: (rig) => begun(rig, [running, success]),
    stepAfterMs: 1000,
    lastsMs: 30_000,
    ends: 'success',
  },
};

function begun(rig: Rig, answers: ScriptedVendor['observeScript'], request: RunRequest = { input: 1 }): Promise<Run> {
  rig.vendor.observeScript.push(...answers);
  return rig.create(request);
}

/** What the vendor and the client see, tick by tick of the time that really passes. */
async function trace(scenario: Scenario, stepMs: number): Promise<readonly string[]> {
  let rig = await openRig(scenario.options);
  const run = await scenario.begin(rig);
  if (scenario.isRecovered) {
    await rig.clock.advance(tickMs);
    rig = await rig.crash();
  }
  const seen: string[] = [];
  for (let passedMs = 0; passedMs < scenario.lastsMs; passedMs += tickMs) {
    if (passedMs === scenario.stepAfterMs) rig.clock.stepWall(stepMs);
    await rig.clock.advance(tickMs);
    const { phase, status } = await rig.read(run);
    const { starts, polls } = rig.vendor;
    seen.push(`${passedMs}: ${phase} ${status}, ${starts.length} starts, ${polls} polls`);
  }
  await rig.close();
  return seen;
}

describe.each(Object.entries(scenarios))('when the wall clock steps: %s', (name, scenario) => {
  let even: readonly string[];

  beforeAll(async () => {
    even = await trace(scenario, 0);
  });

  test(`${name} ends the run as expected where the wall clock does not step`, async () => {
    expect(even.at(-1)).toContain(`done ${scenario.ends}`);
    expect(even[scenario.stepAfterMs / tickMs]).not.toContain('done');
  });

  test.each(stepsMs)(`${name} comes at the same time when the wall clock steps by %i ms`, async (stepMs) => {
    expect(await trace(scenario, stepMs)).toEqual(even);
  });
});

describe.each([-hourMs, hourMs])('when the wall clock steps by %i ms', (stepMs) => {
  test(`attempts of a webhook are repeated as if it had not stepped by ${stepMs} ms`, async () => {
    const attemptsMs = async (byMs: number): Promise<readonly number[]> => {
      const atMs: number[] = [];
      const rig = await openRig({
        webhooks: {
          secrets: ['whsec_dGhlIGtleSBvZiBhIHRlc3QgdGhhdCBpcyBsb25n'],
          giveUpMs: 600_000,
          timeoutMs: 1000,
          encodeRun: () => '{}',
          sender: {
            post: () => {
              atMs.push(rig.clock.monotonicMs());
              return Promise.resolve({ kind: 'answered', status: 500, retryAfterMs: null });
            },
          },
        },
      });
      await begun(rig, [success], { input: 1, webhook: 'https://receiver.example/hook' });
      await rig.clock.advance(6000);
      rig.clock.stepWall(byMs);
      await rig.clock.advance(150_000);
      await rig.close();
      return atMs;
    };
    const even = await attemptsMs(0);
    expect(even.length).toBeGreaterThanOrEqual(4);
    expect((await attemptsMs(stepMs)).slice(0, even.length)).toEqual(even);
  });

  test(`a run that ended is kept for its retention although the wall clock stepped by ${stepMs} ms`, async () => {
    const rig = await openRig({ retentionMs: 600_000 });
    const before = await begun(rig, [success]);
    await rig.clock.advance(20_000);
    rig.clock.stepWall(stepMs);
    const after = await rig.create();
    await rig.clock.advance(480_000);
    expect(await rig.read(before)).toMatchObject({ status: 'success' });
    expect(await rig.read(after)).toMatchObject({ status: 'success' });
    await rig.clock.advance(hourMs + 600_000);
    await expect(rig.read(before)).rejects.toThrow('run');
    await expect(rig.read(after)).rejects.toThrow('run');
    await rig.close();
  });
});

test.each([
  ['did not step', 0, 5000],
  ['was set back by an hour between two processes', -hourMs, 15_000],
  ['was set forward by an hour between two processes', hourMs, 0],
])(
  'a recovered run has what the stored times leave of its time, at most all of it, where the wall clock %s',
  async (_name, stepMs, leftMs) => {
    const first = await openRig({ agent: { timeoutMs: 15_000 } });
    const run = await begun(first, [running]);
    await first.clock.advance(10_000);
    first.clock.stepWall(stepMs);
    const rig = await first.crash();
    if (leftMs > 0) {
      await rig.clock.advance(leftMs - 1);
      expect((await rig.read(run)).status).toBe('pending');
    }
    await rig.clock.advance(1);
    expect((await rig.read(run)).status).toBe('timeout');
    await rig.close();
  },
);
