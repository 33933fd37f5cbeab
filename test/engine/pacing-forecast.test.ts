import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bimodal, drawRuns, logNormal, narrow, seededRandom } from '../../bench/pacing/durations.ts';
import { DurationHistory, maxDurations } from '../../src/engine/pacing/duration-history.ts';
import { drawDurationMs, type Forecast, forecastFrom } from '../../src/engine/pacing/forecast.ts';
import { nextPollMs } from '../../src/engine/pacing/pacing.ts';
import { makePlan, nextPollAgeMs } from '../../src/engine/pacing/poll-plan.ts';

const limits = { floorMs: 250, watchedCeilingMs: 1000, ceilingMs: 15_000 };
const options = { priceMs: 2500, floorMs: 250, maxMs: 150_000 };
const calm = { pushed: false, hasPartials: false, backlogMs: 0, faults: 0, retryAfterMs: null, random: 0.5 };

function forecastOf(durationsMs: readonly number[]): Forecast {
  const forecast = forecastFrom(durationsMs);
  if (forecast === null) throw new Error('too few durations');
  return forecast;
}

/** The ages of all looks at a run that lives on, up to an age. */
function looksUntil(forecast: Forecast, untilMs: number, priceMs = options.priceMs): readonly number[] {
  const looks: number[] = [];
  for (let ageMs = 0; ageMs < untilMs; ) {
    ageMs = nextPollAgeMs(forecast, { ...options, priceMs }, ageMs, 0.5);
    looks.push(ageMs);
  }
  return looks;
}

const durations = fc.array(fc.integer({ min: 1, max: 10_000_000 }), { minLength: 8, maxLength: 60 });

describe('a forecast', () => {
  test('is not made of few durations', () => {
    expect(forecastFrom(Array.from({ length: 7 }, () => 1000))).toBeNull();
    expect(forecastFrom(Array.from({ length: 8 }, () => 1000))).not.toBeNull();
  });

  test('rises from nothing to almost everything, whatever the durations', () => {
    fc.assert(
      fc.property(durations, (durationsMs) => {
        const { agesMs, ended, unrest } = forecastOf(durationsMs);
        expect([agesMs[0], ended[0], unrest[0]]).toEqual([0, 0, 0]);
        for (let i = 1; i < agesMs.length; i += 1) {
          expect(agesMs[i]).toBeGreaterThan(agesMs[i - 1] ?? Number.NaN);
          expect(ended[i]).toBeGreaterThanOrEqual(ended[i - 1] ?? Number.NaN);
          expect(unrest[i]).toBeGreaterThanOrEqual(unrest[i - 1] ?? Number.NaN);
        }
        expect(ended.at(-1)).toBeGreaterThan(0.8);
        expect(ended.at(-1)).toBeLessThan(1);
      }),
    );
  });

  test('does not depend on the order of what it is made of', () => {
    const drawn = drawRuns(logNormal, 50, seededRandom(1));
    expect(forecastOf(drawn.toReversed())).toEqual(forecastOf(drawn));
  });

  test('a duration whose end was not seen is drawn from between the two polls', () => {
    fc.assert(
      fc.property(durations, fc.nat(10_000_000), fc.nat(1_000_000), fc.nat(), (durationsMs, aliveMs, gapMs, seed) => {
        const endedMs = aliveMs + gapMs;
        const drawn = drawDurationMs(forecastFrom(durationsMs), { aliveMs, endedMs }, seededRandom(seed));
        expect(drawn).toBeGreaterThanOrEqual(aliveMs);
        expect(drawn).toBeLessThanOrEqual(endedMs);
      }),
    );
  });

  test('a wide gap between two looks does not wash the shape out', () => {
    const forecast = forecastOf(drawRuns(narrow, 200, seededRandom(2)));
    const random = seededRandom(3);
    const drawn = Array.from({ length: 500 }, () => drawDurationMs(forecast, { aliveMs: 0, endedMs: 120_000 }, random));
    const near = drawn.filter((durationMs) => Math.abs(durationMs - 60_000) < 15_000).length;
    // Evenly drawn it would be a quarter.
    expect(near / drawn.length).toBeGreaterThan(0.7);
  });
});

describe('planned looks', () => {
  test('stand where runs end: none long before, several around it, ever fewer after', () => {
    const looks = looksUntil(forecastOf(drawRuns(narrow, 200, seededRandom(4))), 600_000);
    expect(looks.filter((ageMs) => ageMs < 40_000)).toEqual([]);
    expect(looks.filter((ageMs) => ageMs >= 40_000 && ageMs < 85_000).length).toBeGreaterThanOrEqual(3);
    expect(looks.filter((ageMs) => ageMs > 300_000).length).toBeLessThanOrEqual(10);
  });

  test('one look ends a kind of runs, and the gap to the next kind is left almost alone', () => {
    const looks = looksUntil(forecastOf(drawRuns(bimodal, 200, seededRandom(5))), 480_000);
    expect(looks.filter((ageMs) => ageMs < 5000).length).toBeGreaterThanOrEqual(1);
    expect(looks.filter((ageMs) => ageMs > 5000).length).toBeLessThanOrEqual(6);
  });

  test('are further apart by half where a look costs four times as much', () => {
    const forecast = forecastOf(drawRuns(logNormal, 200, seededRandom(6)));
    const [cheap, dear] = [looksUntil(forecast, 60_000, 100), looksUntil(forecast, 60_000, 400)];
    expect(cheap.length / dear.length).toBeGreaterThan(1.7);
    expect(cheap.length / dear.length).toBeLessThan(2.3);
  });

  test('always lie ahead, at least a floor and at most the longest silence away', () => {
    fc.assert(
      fc.property(
        durations,
        fc.nat(20_000_000),
        fc.boolean(),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (durationsMs, ageMs, watched, random) => {
          const delayMs = nextPollMs({ ...calm, watched, ageMs, forecast: forecastFrom(durationsMs), random }, limits);
          expect(delayMs).toBeGreaterThanOrEqual(limits.floorMs);
          expect(delayMs).toBeLessThanOrEqual(10 * (watched ? limits.watchedCeilingMs : limits.ceilingMs));
        },
      ),
    );
  });

  test('cost no more than looks at any even interval', () => {
    const drawn = drawRuns(bimodal, 40, seededRandom(7)).toSorted((a, b) => a - b);
    const forecast = forecastOf(drawn);
    const { agesMs, next } = makePlan(forecast, options);
    const planned: number[] = [];
    for (let index = 0; index < agesMs.length - 1; ) {
      index = next[index] ?? agesMs.length;
      planned.push(agesMs[index] ?? Number.NaN);
    }
    const costOf = (looks: readonly number[]): number =>
      drawn.reduce((cost, durationMs) => {
        const seen = looks.findIndex((ageMs) => ageMs >= durationMs);
        return cost + (looks[seen] ?? Number.NaN) - durationMs + options.priceMs * (seen + 1);
      }, 0);
    for (const intervalMs of [1000, 2500, 10_000, 60_000, 150_000]) {
      const even = Array.from({ length: Math.ceil(1_000_000 / intervalMs) }, (_, index) => (index + 1) * intervalMs);
      expect(costOf(planned)).toBeLessThan(costOf(even));
    }
  });
});

describe("an agent's past", () => {
  test('is bounded, and follows a change', () => {
    const durations = new DurationHistory();
    const random = seededRandom(8);
    durations.replace(
      Array.from({ length: 1000 }, () => 5000),
      0,
    );
    const before = durations.forecast;
    const seen = { aliveMs: 49_000, endedMs: 50_000 };
    for (let run = 0; run < maxDurations; run += 1) durations.note(seen, run * 100, random);
    expect(durations.forecast).not.toBe(before);
    expect(looksUntil(durations.forecast ?? forecastOf([]), 45_000).filter((ageMs) => ageMs < 7000)).toEqual([]);
  });

  test('is not thought over again for each of thousands of runs that end at once', () => {
    const durations = new DurationHistory();
    const random = seededRandom(8);
    durations.replace(
      Array.from({ length: maxDurations }, () => 5000),
      0,
    );
    const forecasts = new Set([durations.forecast]);
    for (let run = 0; run < 2000; run += 1) {
      durations.note({ aliveMs: 4900, endedMs: 5000 }, run, random);
      forecasts.add(durations.forecast);
    }
    expect(forecasts.size).toBe(2);
  });
});
