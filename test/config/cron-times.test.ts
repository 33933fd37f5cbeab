import { describe, expect, test } from 'vitest';
import { CronTimes } from '../../src/config/cron-times.ts';

const berlin = 'Europe/Berlin';

function timesFrom(cron: string, zone: string, from: string, count: number): readonly string[] {
  const times = new CronTimes(cron, zone);
  const found: string[] = [];
  for (let at = times.next(Date.parse(from)); at !== null && found.length < count; at = times.next(at))
    found.push(new Date(at).toISOString().slice(0, 16));
  return found;
}

describe('times of a schedule', () => {
  test.each([
    // 02:30 does not exist on 29 March: the clocks go from 02:00 to 03:00, which is 01:00 UTC.
    [
      'an hour that the clocks leave out',
      '30 2 * * *',
      '2026-03-28T00:00Z',
      ['2026-03-28T01:30', '2026-03-29T01:00', '2026-03-30T00:30'],
    ],
    // 02:30 comes twice on 25 October, and 02:00 summer time is 00:00 UTC.
    [
      'an hour that comes twice',
      '30 2 * * *',
      '2026-10-24T00:00Z',
      ['2026-10-24T00:30', '2026-10-25T00:30', '2026-10-26T01:30'],
    ],
    [
      'every hour when one comes twice',
      '30 * * * *',
      '2026-10-25T00:00Z',
      ['2026-10-25T00:30', '2026-10-25T01:30', '2026-10-25T02:30'],
    ],
    [
      'every hour when one is left out',
      '30 * * * *',
      '2026-03-29T00:00Z',
      ['2026-03-29T00:30', '2026-03-29T01:30', '2026-03-29T02:30'],
    ],
    [
      'a day of the month or of the week',
      '0 0 1 * 1',
      '2026-09-25T00:00Z',
      ['2026-09-27T22:00', '2026-09-30T22:00', '2026-10-04T22:00'],
    ],
  ])('%s has its times', (_what, cron, from, expected) => {
    expect(timesFrom(cron, berlin, from, expected.length)).toEqual(expected);
  });

  test.each(['30 2 * * *', '*/15 2 * * *', '0 * * * *', '7 3 29 2 *', '@monthly', '0 12 * * 1-5'])(
    'the latest time of %s is the last one that the times have come to, at every change of the clocks',
    (cron) => {
      const times = new CronTimes(cron, berlin);
      for (const month of [2, 9]) {
        const from = Date.UTC(2026, month, month === 2 ? 28 : 24);
        let last = times.latest(from);
        for (let atMs = from; atMs < from + 2 * 86_400_000; atMs += 1_200_000) {
          for (let next = times.next(last ?? 0); next !== null && next <= atMs; next = times.next(next)) last = next;
          expect(times.latest(atMs)).toBe(last);
        }
      }
    },
  );

  test('a time that comes in no year has neither a next nor a latest', () => {
    const times = new CronTimes('0 0 30 2 *', 'UTC');
    expect([times.next(0), times.latest(Date.UTC(2026, 5))]).toEqual([null, null]);
  });

  test.each(['* * * *', '* * * * * *', '61 * * * *', '@reboot', 'noon'])('%s is refused', (cron) => {
    expect(() => new CronTimes(cron, 'UTC')).toThrow(/./);
  });
});
