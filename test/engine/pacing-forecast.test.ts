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

/** The ages of all polls of a run that stays live, up to an age. */
function pollsUntil(forecast: Forecast, untilMs: number, priceMs = options.priceMs): readonly number[] {
  const polls: number[] = [];
  for (let ageMs = 0; ageMs < untilMs; ) {
    ageMs = nextPollAgeMs(forecast, { ...options, priceMs }, ageMs, 0.5);
    polls.push(ageMs);
  }
  return polls;
}

const durations = fc.array(fc.integer({ min: 1, max: 10_000_000 }), { minLength: 8, maxLength: 60 });

describe('a forecast', () => {
  test('a forecast needs a minimum of durations', () => {
    expect(forecastFrom(Array.from({ length: 7 }, () => 1000))).toBeNull();
    expect(forecastFrom(Array.from({ length: 8 }, () => 1000))).not.toBeNull();
  });

  test('a forecast rises from 0 to almost 1 for any durations', () => {
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

  test('a forecast does not depend on the order of the durations', () => {
    const drawn = drawRuns(logNormal, 50, seededRandom(1));
    expect(forecastOf(drawn.toReversed())).toEqual(forecastOf(drawn));
  });

  test('a duration is drawn from between the last poll that showed the run live and the one that showed its end', () => {
    fc.assert(
      fc.property(durations, fc.nat(10_000_000), fc.nat(1_000_000), fc.nat(), (durationsMs, aliveMs, gapMs, seed) => {
        const endedMs = aliveMs + gapMs;
        const drawn = drawDurationMs(forecastFrom(durationsMs), { aliveMs, endedMs }, seededRandom(seed));
        expect(drawn).toBeGreaterThanOrEqual(aliveMs);
        expect(drawn).toBeLessThanOrEqual(endedMs);
      }),
    );
  });

  test('a wide gap between two polls does not flatten the forecast', () => {
    const forecast = forecastOf(drawRuns(narrow, 200, seededRandom(2)));
    const random = seededRandom(3);
    const drawn = Array.from({ length: 500 }, () => drawDurationMs(forecast, { aliveMs: 0, endedMs: 120_000 }, random));
    const near = drawn.filter((durationMs) => Math.abs(durationMs - 60_000) < 15_000).length;
    // Evenly drawn it would be a quarter.
    expect(near / drawn.length).toBeGreaterThan(0.7);
  });
});

describe('watched runs that end within milliseconds', () => {
  /** Polls a run, and the lag of the last one, as means over runs that come after the agent's first 500. */
  function pace(durationMs: number) {
    const history = new DurationHistory();
    const random = seededRandom(durationMs + 1);
    const [runs, callMs] = [1000, 1];
    let [polls, lagMs] = [0, 0];
    for (let run = 0; run < runs; run += 1) {
      let [ageMs, aliveMs] = [0, 0];
      for (let ended = false; !ended; ) {
        const facts = { ...calm, watched: true, ageMs, forecast: history.forecast, random: random() };
        const polledMs = ageMs + nextPollMs(facts, limits);
        ageMs = polledMs + callMs;
        ended = polledMs >= durationMs;
        if (ended) history.note({ aliveMs, endedMs: ageMs }, run * 100, random);
        else aliveMs = polledMs;
        if (run < runs / 2) continue;
        polls += 1;
        if (ended) lagMs += ageMs - durationMs;
      }
    }
    return { polls: polls / (runs / 2), lagMs: lagMs / (runs / 2) };
  }

  test('runs that end at once are polled once, after a few milliseconds, and not at an age that earlier polls suggest', () => {
    const { polls, lagMs } = pace(0);
    expect(polls).toBe(1);
    expect(lagMs).toBeLessThan(5);
  });

  test('runs that take some milliseconds are polled once nearly always', () => {
    for (const durationMs of [5, 12, 30, 60]) expect(pace(durationMs).polls).toBeLessThan(1.25);
  });
});

describe('planned polls', () => {
  test('planned polls are placed where runs end: none long before, several around, ever fewer after', () => {
    const polls = pollsUntil(forecastOf(drawRuns(narrow, 200, seededRandom(4))), 600_000);
    expect(polls.filter((ageMs) => ageMs < 40_000)).toEqual([]);
    expect(polls.filter((ageMs) => ageMs >= 40_000 && ageMs < 85_000).length).toBeGreaterThanOrEqual(3);
    expect(polls.filter((ageMs) => ageMs > 300_000).length).toBeLessThanOrEqual(10);
  });

  test('one planned poll follows a cluster of ends, and the gap to the next cluster is almost free of polls', () => {
    const polls = pollsUntil(forecastOf(drawRuns(bimodal, 200, seededRandom(5))), 480_000);
    expect(polls.filter((ageMs) => ageMs < 5000).length).toBeGreaterThanOrEqual(1);
    expect(polls.filter((ageMs) => ageMs > 5000).length).toBeLessThanOrEqual(6);
  });

  test('planned polls are twice as far apart where a poll costs four times as much', () => {
    const forecast = forecastOf(drawRuns(logNormal, 200, seededRandom(6)));
    const [cheap, dear] = [pollsUntil(forecast, 60_000, 100), pollsUntil(forecast, 60_000, 400)];
    expect(cheap.length / dear.length).toBeGreaterThan(1.7);
    expect(cheap.length / dear.length).toBeLessThan(2.3);
  });

  test('a planned poll lies ahead by at least the floor and at most the longest wait', () => {
    fc.assert(
      fc.property(
        durations,
        fc.nat(20_000_000),
        fc.boolean(),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (durationsMs, ageMs, watched, random) => {
          const delayMs = nextPollMs({ ...calm, watched, ageMs, forecast: forecastFrom(durationsMs), random }, limits);
          const floorMs = watched ? Math.min(limits.floorMs, Math.max(2, ageMs)) : limits.floorMs;
          expect(delayMs).toBeGreaterThanOrEqual(floorMs);
          expect(delayMs).toBeLessThanOrEqual(10 * (watched ? limits.watchedCeilingMs : limits.ceilingMs));
        },
      ),
    );
  });

  test('planned polls cost no more than polls at any even interval', () => {
    const drawn = drawRuns(bimodal, 40, seededRandom(7)).toSorted((a, b) => a - b);
    const forecast = forecastOf(drawn);
    const { agesMs, next } = makePlan(forecast, options);
    const planned: number[] = [];
    for (let index = 0; index < agesMs.length - 1; ) {
      index = next[index] ?? agesMs.length;
      planned.push(agesMs[index] ?? Number.NaN);
    }
    const costOf = (polls: readonly number[]): number =>
      drawn.reduce((cost, durationMs) => {
        const seen = polls.findIndex((ageMs) => ageMs >= durationMs);
        return cost + (polls[seen] ?? Number.NaN) - durationMs + options.priceMs * (seen + 1);
      }, 0);
    for (const intervalMs of [1000, 2500, 10_000, 60_000, 150_000]) {
      const even = Array.from({ length: Math.ceil(1_000_000 / intervalMs) }, (_, index) => (index + 1) * intervalMs);
      expect(costOf(planned)).toBeLessThan(costOf(even));
    }
  });
});

describe("an agent's history of durations", () => {
  test("an agent's history of durations is bounded and follows a change", () => {
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
    expect(pollsUntil(durations.forecast ?? forecastOf([]), 45_000).filter((ageMs) => ageMs < 7000)).toEqual([]);
  });

  test("an agent's forecast is not renewed for each of thousands of runs that end at once", () => {
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
