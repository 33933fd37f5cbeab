import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RateLimit } from '../src/runs/rate-limit.ts';

/** The most events that fall into any stretch of so long, both ends counted. */
function mostWithin(instantsMs: readonly number[], stretchMs: number): number {
  const sorted = instantsMs.toSorted((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [index, instantMs] of sorted.entries()) {
    while ((sorted[first] ?? Number.NaN) < instantMs - stretchMs) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

/** When requests go that come at those instants and are sent so long after they were permitted. */
function sendAll(limit: RateLimit, arrivals: readonly (readonly [comesMs: number, takesMs: number])[]) {
  const waiting = arrivals.toSorted(([a], [b]) => a - b).map(([comesMs, takesMs]) => ({ comesMs, takesMs }));
  const sending: number[] = [];
  const sent: number[] = [];
  for (let nowMs = 0; waiting.length > 0 || sending.length > 0; nowMs += 1) {
    const send = (): void => {
      for (const dueMs of sending.filter((atMs) => atMs <= nowMs)) {
        sending.splice(sending.indexOf(dueMs), 1);
        limit.sent(nowMs);
        sent.push(nowMs);
      }
    };
    send();
    for (let next = waiting[0]; next !== undefined && next.comesMs <= nowMs; next = waiting[0]) {
      if (limit.waitMs(nowMs) > 0) break;
      waiting.shift();
      limit.take();
      sending.push(nowMs + next.takesMs);
      send();
    }
  }
  return { sent };
}

describe('a rate limit', () => {
  test('is kept in every second, whatever comes and however long it takes to send', () => {
    const arrivals = fc.array(fc.tuple(fc.nat(5000), fc.nat(300)), { maxLength: 80 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), arrivals, (rate, burst, coming) => {
        const { sent } = sendAll(new RateLimit({ requestsPerSecond: rate, burst }), coming);
        expect(sent).toHaveLength(coming.length);
        expect(mostWithin(sent, 1000)).toBeLessThanOrEqual(rate);
      }),
      { numRuns: 60 },
    );
  });

  test('is used up: what waits goes as soon as it may', () => {
    const coming = Array.from({ length: 100 }, () => [0, 0] as const);
    const { sent } = sendAll(new RateLimit({ requestsPerSecond: 10, burst: 10 }), coming);
    expect(Math.max(...sent)).toBe(9 * 1050);
  });

  test('lets as many go back to back as the burst says, and spreads the rest', () => {
    const coming = Array.from({ length: 20 }, () => [0, 0] as const);
    const { sent } = sendAll(new RateLimit({ requestsPerSecond: 10, burst: 2 }), coming);
    expect(mostWithin(sent, 100)).toBe(2);
    expect(mostWithin(sent, 1000)).toBe(10);
    expect(Math.max(...sent)).toBeLessThanOrEqual(9 * 210);
  });

  test('below one a second is one in a longer time', () => {
    const coming = Array.from({ length: 4 }, () => [0, 0] as const);
    const { sent } = sendAll(new RateLimit({ requestsPerSecond: 0.5, burst: 1 }), coming);
    expect(sent).toEqual([0, 2100, 4200, 6300]);
  });

  test('what is permitted and not sent counts until it is dropped', () => {
    const limit = new RateLimit({ requestsPerSecond: 1, burst: 1 });
    limit.take();
    expect(limit.waitMs(60_000)).toBe(Number.POSITIVE_INFINITY);
    limit.drop();
    expect(limit.waitMs(60_000)).toBe(0);
  });

  test('a smaller share holds at once, a larger one too', () => {
    const limit = new RateLimit({ requestsPerSecond: 4, burst: 4 });
    for (let request = 0; request < 2; request += 1) {
      limit.take();
      limit.sent(100);
    }
    limit.allow(2);
    expect(limit.waitMs(100)).toBe(1050);
    limit.allow(0);
    expect(limit.waitMs(9000)).toBe(Number.POSITIVE_INFINITY);
    limit.allow(3);
    expect(limit.waitMs(1000)).toBe(0);
  });

  test('a clock that is set back holds nothing up for longer than a window', () => {
    const limit = new RateLimit({ requestsPerSecond: 1, burst: 1 });
    limit.take();
    limit.sent(10_000_000);
    expect(limit.waitMs(5000)).toBeLessThanOrEqual(1050);
    limit.take();
    limit.sent(5000);
    expect(limit.waitMs(5500)).toBe(550);
  });
});
