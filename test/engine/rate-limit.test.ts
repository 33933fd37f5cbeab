import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RateLimit } from '../../src/engine/limits/rate-limit.ts';

/** The maximum number of events in any stretch of this length, both ends included. */
function maxWithin(instantsMs: readonly number[], stretchMs: number): number {
  const sorted = instantsMs.toSorted((a, b) => a - b);
  let max = 0;
  let first = 0;
  for (const [index, instantMs] of sorted.entries()) {
    while ((sorted[first] ?? Number.NaN) < instantMs - stretchMs) first += 1;
    max = Math.max(max, index - first + 1);
  }
  return max;
}

type Request = {
  readonly comesMs: number;
  /** From the permit to the sending, from there to the vendor, and from there to the answer's arrival. */
  readonly takesMs: number;
  readonly travelsMs?: number;
  readonly answersMs?: number;
};

/** When requests are sent, and when they reach the vendor. */
function sendAll(limit: RateLimit, requests: readonly Request[]) {
  const waiting = requests.toSorted((a, b) => a.comesMs - b.comesMs);
  const due: { readonly atMs: number; readonly act: (nowMs: number) => void }[] = [];
  const sent: number[] = [];
  const arrived: number[] = [];
  const send = ({ travelsMs = 0, answersMs = 0 }: Request, nowMs: number): void => {
    const flight = limit.sent(nowMs);
    sent.push(nowMs);
    due.push({ atMs: nowMs + travelsMs, act: (atMs) => void arrived.push(atMs) });
    due.push({ atMs: nowMs + travelsMs + answersMs, act: (atMs) => limit.landed(flight, atMs) });
  };
  for (let nowMs = 0; waiting.length > 0 || due.length > 0; nowMs += 1) {
    const settle = (): void => {
      for (let index = 0; index < due.length; index += 1) {
        const each = due[index];
        if (each === undefined || each.atMs > nowMs) continue;
        due.splice(index, 1);
        index -= 1;
        each.act(nowMs);
      }
    };
    settle();
    for (let next = waiting[0]; next !== undefined && next.comesMs <= nowMs; next = waiting[0]) {
      if (limit.waitMs(nowMs) > 0) break;
      waiting.shift();
      limit.reserve();
      const request = next;
      due.push({ atMs: nowMs + next.takesMs, act: (atMs) => send(request, atMs) });
      settle();
    }
  }
  return { sent, arrived };
}

/** This many requests at once, each sent and answered at once. */
function atOnce(count: number): readonly Request[] {
  return Array.from({ length: count }, () => ({ comesMs: 0, takesMs: 0 }));
}

describe('a rate limit', () => {
  test('a rate limit holds in every second, however long requests take to be sent, to arrive and to be answered', () => {
    const request = fc.record({
      comesMs: fc.nat(5000),
      takesMs: fc.nat(300),
      travelsMs: fc.nat(700),
      answersMs: fc.nat(300),
    });
    const requests = fc.array(request, { maxLength: 80 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), requests, (rate, burst, coming) => {
        const { arrived } = sendAll(new RateLimit({ requestsPerSecond: rate, burst }), coming);
        expect(arrived).toHaveLength(coming.length);
        expect(maxWithin(arrived, 1000)).toBeLessThanOrEqual(rate);
      }),
      { numRuns: 60 },
    );
  });

  test('a request to a slow vendor counts against the rate for at most another second', () => {
    const slow = atOnce(40).map((request) => ({ ...request, answersMs: 30_000 }));
    const { sent } = sendAll(new RateLimit({ requestsPerSecond: 10, burst: 10 }), slow);
    expect(Math.max(...sent)).toBe(3 * 2010);
  });

  test('a rate limit is used up by waiting requests without idle time', () => {
    const { sent } = sendAll(new RateLimit({ requestsPerSecond: 10, burst: 10 }), atOnce(100));
    expect(Math.max(...sent)).toBe(9 * 1010);
  });

  test('a rate limit lets a burst of requests go back to back and spreads the rest', () => {
    const { sent } = sendAll(new RateLimit({ requestsPerSecond: 10, burst: 2 }), atOnce(20));
    expect(maxWithin(sent, 100)).toBe(2);
    expect(maxWithin(sent, 1000)).toBe(10);
    expect(Math.max(...sent)).toBeLessThanOrEqual(9 * 202);
  });

  test('a rate below one a second is one request in a longer window', () => {
    const { sent } = sendAll(new RateLimit({ requestsPerSecond: 0.5, burst: 1 }), atOnce(4));
    expect(sent).toEqual([0, 2020, 4040, 6060]);
  });

  test('a permitted request that is not sent counts against the rate until it is released', () => {
    const limit = new RateLimit({ requestsPerSecond: 1, burst: 1 });
    limit.reserve();
    expect(limit.waitMs(60_000)).toBe(Number.POSITIVE_INFINITY);
    limit.release();
    expect(limit.waitMs(60_000)).toBe(0);
  });

  test('a new share of the rate, smaller or larger, takes effect at once', () => {
    const limit = new RateLimit({ requestsPerSecond: 4, burst: 4 });
    for (let request = 0; request < 2; request += 1) {
      limit.reserve();
      limit.landed(limit.sent(100), 100);
    }
    limit.allow(2);
    expect(limit.waitMs(100)).toBe(1010);
    limit.allow(0);
    expect(limit.waitMs(9000)).toBe(Number.POSITIVE_INFINITY);
    limit.allow(3);
    expect(limit.waitMs(1000)).toBe(0);
  });

  test('a clock that is set back delays requests for no longer than a window', () => {
    const limit = new RateLimit({ requestsPerSecond: 1, burst: 1 });
    limit.reserve();
    limit.landed(limit.sent(10_000_000), 10_000_000);
    expect(limit.waitMs(5000)).toBeLessThanOrEqual(1010);
    limit.reserve();
    limit.landed(limit.sent(5000), 5000);
    expect(limit.waitMs(5500)).toBe(510);
  });
});
