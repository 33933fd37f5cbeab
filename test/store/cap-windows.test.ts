import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Cap } from '../../src/contract/domain/cap.ts';
import { bucketOf, type CapRow, capWindows, findReached } from '../../src/store/cap-windows.ts';

const none = { runsPerHour: null, runsPerDay: null, costPerHour: null, costPerDay: null };
const makeCap = (difference: Partial<Cap>): Cap => ({
  ...{ name: 'agent a', agent: 'a', tenant: null, reserve: 0, ...none },
  ...difference,
});
const minuteMs = 60_000;

/** Takes runs at these instants while there is room; gives the instants at which it did. */
function takeAt(instants: readonly number[], cap: Cap): readonly number[] {
  const rows: CapRow[] = [];
  return instants.filter((atMs) => {
    if (findReached([cap], rows, atMs) !== null) return false;
    for (const span of ['hour', 'day'] as const) {
      rows.push({ name: cap.name, span, bucket_ms: bucketOf(span, atMs), runs: 1, cost: 0 });
    }
    return true;
  });
}

test('no hour and no day, wherever it begins, has more runs than the cap, and a run is taken as soon as it was said that it would be', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 40 * minuteMs }), { minLength: 5, maxLength: 80 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 5 }), fc.constantFrom('hour', 'day'), (steps, max, span) => {
      const limit = span === 'hour' ? 'runsPerHour' : 'runsPerDay';
      const { lengthMs, bucketMs } = capWindows[span as 'hour' | 'day'];
      let nowMs = 1_700_000_000_000;
      const instants = steps.map((step) => (nowMs += step));
      const taken = takeAt(instants, makeCap({ [limit]: max }));
      for (const [at, first] of taken.entries()) {
        const within = taken.slice(at).filter((each) => each < first + lengthMs);
        expect(within.length).toBeLessThanOrEqual(max);
      }
      // A run that is refused has at least as many before it within little more than the window.
      for (const refused of instants.filter((each) => !taken.includes(each))) {
        const before = taken.filter((each) => each <= refused && each > refused - lengthMs - bucketMs);
        expect(before.length).toBeGreaterThanOrEqual(max);
      }
    }),
    { numRuns: 200 },
  );
});

test('a refusal names the instant at which there is room again', () => {
  const cap = makeCap({ runsPerHour: 2, runsPerDay: 3 });
  const startMs = bucketOf('day', 1_700_000_000_000);
  const rows: CapRow[] = [0, 30 * minuteMs, 30 * minuteMs].flatMap((later) =>
    (['hour', 'day'] as const).map((span) => ({
      ...{ name: cap.name, span, bucket_ms: bucketOf(span, startMs + later), runs: 1, cost: 0 },
    })),
  );
  const nowMs = startMs + 31 * minuteMs;
  const reached = findReached([cap], rows, nowMs);
  // The day is the one to wait for.
  expect(reached).toMatchObject({ limit: 'runsPerDay', max: 3 });
  const frees = nowMs + (reached?.freesInMs ?? 0);
  expect(findReached([cap], rows, frees - 1)).not.toBeNull();
  expect(findReached([cap], rows, frees)).toBeNull();
  const hourly = makeCap({ runsPerHour: 2 });
  expect(findReached([hourly], rows, nowMs)).toMatchObject({ limit: 'runsPerHour', freesInMs: 60 * minuteMs });
});

test('what a clock that was wrong counted in the future does not count', () => {
  const cap = makeCap({ runsPerHour: 1 });
  const nowMs = 1_700_000_000_000;
  const row = { name: cap.name, span: 'hour' as const, runs: 5, cost: 0 };
  expect(findReached([cap], [{ ...row, bucket_ms: nowMs + minuteMs }], nowMs)).toBeNull();
  expect(findReached([cap], [{ ...row, bucket_ms: nowMs - minuteMs }], nowMs)).not.toBeNull();
});
