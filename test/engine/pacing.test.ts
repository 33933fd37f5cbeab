import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { forecastFrom } from '../../src/engine/pacing/forecast.ts';
import { nextPollMs, nextRetryMs } from '../../src/engine/pacing/pacing.ts';

const limits = { floorMs: 100, watchedCeilingMs: 1000, ceilingMs: 15_000 };
const facts = {
  watched: false,
  ageMs: 0,
  forecast: null,
  pushed: false,
  hasPartials: false,
  backlogMs: 0,
  faults: 0,
  retryAfterMs: null,
  random: 0,
};

describe('pacing', () => {
  test("the wait between polls grows in proportion to the run's age, between floor and ceiling", () => {
    const delays = [0, 1000, 10_000, 60_000, 3_600_000].map((ageMs) => nextPollMs({ ...facts, ageMs }, limits));
    expect(delays).toEqual([100, 200, 2000, 12_000, 15_000]);
  });

  test('a watched run is polled more often, and never less often than its own ceiling', () => {
    expect(nextPollMs({ ...facts, watched: true, ageMs: 3_600_000 }, limits)).toBe(1000);
    fc.assert(
      fc.property(fc.nat(10 ** 8), fc.double({ min: 0, max: 0.999, noNaN: true }), (ageMs, random) => {
        const unwatched = nextPollMs({ ...facts, ageMs, random }, limits);
        expect(nextPollMs({ ...facts, ageMs, random, watched: true }, limits)).toBeLessThanOrEqual(unwatched);
      }),
    );
  });

  test('a watched run is looked at from milliseconds on, at twice its age each time, until the floor holds', () => {
    const agesMs: number[] = [];
    for (let ageMs = 0; ageMs < 600; ) {
      ageMs += nextPollMs({ ...facts, watched: true, ageMs }, limits);
      agesMs.push(ageMs);
    }
    expect(agesMs).toEqual([2, 4, 8, 16, 32, 64, 128, 228, 328, 428, 528, 628]);
    // A floor below the first look stands.
    expect(nextPollMs({ ...facts, watched: true }, { ...limits, floorMs: 1 })).toBe(1);
    expect(nextPollMs(facts, limits)).toBe(100);
  });

  test('a watched run of an agent that answers at once is not held to the floor by its forecast', () => {
    const forecast = forecastFrom(Array.from({ length: 50 }, (_, index) => 4 + index / 5));
    const firstMs = nextPollMs({ ...facts, forecast, watched: true, random: 0.5 }, limits);
    expect(firstMs).toBeGreaterThanOrEqual(4);
    expect(firstMs).toBeLessThan(30);
    expect(nextPollMs({ ...facts, forecast, random: 0.5 }, limits)).toBeGreaterThanOrEqual(100);
  });

  test('failed polls lengthen the wait, up to the ceiling', () => {
    const delays = [1, 2, 3, 20].map((faults) => nextPollMs({ ...facts, faults, watched: true }, limits));
    expect(delays).toEqual([200, 400, 800, 6400]);
    expect(nextPollMs({ ...facts, faults: 20, ageMs: 10 ** 7 }, limits)).toBe(15_000);
  });

  test('with a forecast the next poll waits until the run may end, and no longer than the forecast can be trusted', () => {
    const forecast = forecastFrom(Array.from({ length: 50 }, (_, index) => 58_000 + index * 80));
    expect(nextPollMs({ ...facts, forecast, random: 0.5 }, limits)).toBeGreaterThan(50_000);
    const watchedMs = nextPollMs({ ...facts, forecast, watched: true, random: 0.5 }, limits);
    expect(watchedMs).toBeGreaterThan(5000);
    expect(watchedMs).toBeLessThanOrEqual(10_000);
    const late = nextPollMs({ ...facts, forecast, ageMs: 58_000, random: 0.5 }, limits);
    expect(late).toBeLessThan(6000);
    expect(nextPollMs({ ...facts, forecast, ageMs: 58_000, watched: true, random: 0.5 }, limits)).toBeLessThan(late);
  });

  test('a poll after a fault, or for a watcher of partial output, does not wait for the forecast', () => {
    const forecast = forecastFrom(Array.from({ length: 50 }, () => 600_000));
    expect(nextPollMs({ ...facts, forecast, ageMs: 10_000, faults: 1 }, limits)).toBe(4000);
    expect(nextPollMs({ ...facts, forecast, ageMs: 60_000, watched: true, hasPartials: true }, limits)).toBe(1000);
    expect(nextPollMs({ ...facts, forecast, ageMs: 60_000, hasPartials: true }, limits)).toBeGreaterThan(15_000);
  });

  test('polls of a pushed run only back up the pushes', () => {
    const pushed = { ...facts, pushed: true };
    const delays = [0, 20_000, 60_000, 3_600_000].map((ageMs) => nextPollMs({ ...pushed, ageMs }, limits));
    expect(delays).toEqual([15_000, 20_000, 60_000, 150_000]);
    expect(nextPollMs({ ...pushed, watched: true, ageMs: 3_600_000 }, limits)).toBe(15_000);
  });

  test('polls of a run whose end is awaited by held calls are rarer than those of a pushed run, watched or not', () => {
    for (const watched of [false, true]) {
      const attended = { ...facts, attended: true, watched };
      const delays = [0, 20_000, 60_000, 3_600_000].map((ageMs) => nextPollMs({ ...attended, ageMs }, limits));
      expect(delays).toEqual([60_000, 60_000, 60_000, 150_000]);
    }
  });

  test('with a forecast, the poll of a pushed run is not due before most runs would have been pushed', () => {
    const forecast = forecastFrom(Array.from({ length: 50 }, (_, index) => 38_000 + index * 80));
    fc.assert(
      fc.property(fc.boolean(), fc.double({ min: 0, max: 0.999, noNaN: true }), (watched, random) => {
        const netMs = nextPollMs({ ...facts, pushed: true, watched, forecast, random }, limits);
        expect(netMs).toBeGreaterThan(41_000);
        expect(netMs).toBeLessThan(60_000);
      }),
    );
    const long = forecastFrom(Array.from({ length: 50 }, () => 3_600_000));
    expect(nextPollMs({ ...facts, pushed: true, watched: true, forecast: long }, limits)).toBe(60_000);
    expect(nextPollMs({ ...facts, pushed: true, forecast: long }, limits)).toBe(150_000);
  });

  test('a short budget lengthens the wait of all runs alike', () => {
    const forecast = forecastFrom(Array.from({ length: 50 }, (_, index) => 1000 + index * 2000));
    for (const known of [facts, { ...facts, forecast, random: 0.5 }, { ...facts, pushed: true }]) {
      const [calm, short] = [0, 30_000].map((backlogMs) => nextPollMs({ ...known, ageMs: 30_000, backlogMs }, limits));
      expect((short ?? 0) / (calm ?? 1)).toBeGreaterThan(2.5);
    }
  });

  test("a wait is never shorter than the vendor's Retry-After", () => {
    fc.assert(
      fc.property(
        fc.nat(10 ** 6),
        fc.nat(10),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (retryAfterMs, faults, random) => {
          expect(nextPollMs({ ...facts, faults, random, retryAfterMs }, limits)).toBeGreaterThanOrEqual(retryAfterMs);
          expect(nextRetryMs(faults, retryAfterMs, random)).toBeGreaterThanOrEqual(retryAfterMs);
        },
      ),
    );
  });

  test('the wait before a retried start doubles from a quarter of a second to half a minute', () => {
    expect([0, 1, 2, 7, 50].map((attempts) => nextRetryMs(attempts, null, 1))).toEqual([
      250, 500, 1000, 30_000, 30_000,
    ]);
    expect(nextRetryMs(2, null, 0)).toBe(500);
  });
});
