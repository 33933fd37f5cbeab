import { expect, test } from 'vitest';
import { errcodes } from '../src/contract/domain/errcodes.ts';
import { Disturbances } from './torture/disturbances.ts';
import { judgeOutput } from './torture/output.ts';
import { makeSleepingPlan } from './torture/plan.ts';
import { sleepers } from './torture/sleepers.ts';

test('a time is quiet when no blow and none of its effects overlap it', () => {
  const disturbances = new Disturbances();
  expect(disturbances.isQuiet(0, 1000)).toBe(true);
  const subside = disturbances.begin(100);
  expect(disturbances.isQuiet(50, 99)).toBe(true);
  expect(disturbances.isQuiet(50, 100)).toBe(false);
  expect(disturbances.isQuiet(5000, 6000)).toBe(false);
  subside(200);
  expect(disturbances.isQuiet(200, 300)).toBe(false);
  expect(disturbances.isQuiet(201, 300)).toBe(true);
});

test('there is a sleeping run for each way of waking one', () => {
  expect(sleepers.map(({ waking }) => waking).toSorted()).toEqual(['cancel', 'deadline', 'poll', 'push', 'watcher']);
});

test.each(sleepers.filter(({ end }) => end !== null))(
  'a run at $agent has to end as its gateway ends it',
  (sleeper) => {
    const plan = makeSleepingPlan(sleeper, 'run-1', 30_000);
    const { status = 'error', errcode = 0 } = sleeper.end ?? {};
    const output = { type: 'error', status, errcode, description: 'in whatever words' } as const;
    expect(judgeOutput(plan, output)).toBe('right');
    expect(judgeOutput(plan, { ...output, status: status === 'error' ? 'timeout' : 'error' })).toBe('wrong');
    expect(judgeOutput(plan, { ...output, errcode: 3000 })).toBe('wrong');
    expect(judgeOutput(plan, { ...output, errcode: errcodes.startUnknown })).toBe('unknown start');
    expect(judgeOutput(plan, { type: 'result', status: 'success', result: {} })).toBe('wrong');
  },
);
