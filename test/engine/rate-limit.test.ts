import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RateLimit } from '../../src/engine/limits/rate-limit.ts';

/** The most events that fall into any stretch of so long, both ends counted. */
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

/** So many at once that are sent, and answered, at once. */
function atOnce(count: number): readonly Request[] {
  return Array.from({ length: count }, () => ({ comesMs: 0, takesMs: 0 }));
}

describe('a rate limit', () => {
  test('is kept in every second, whatever comes, however long it takes to send, to arrive and to be answered', () => {
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

  test('a vendor that is slow to answer holds each request for another second at most', () => {
    const slow = atOnce(40).map((request) => ({ ...request, answersMs: 30_000 }));
    const { sent } = sendAll(new RateLimit({ requestsPerSecond: 10, burst: 10 }), slow);
    expect(Math.max(...sent)).toBe(3 * 2010);
  });

  test('is used up: what waits goes as soon as it may', () => {
    const { sent } = sendAll(new RateLimit({ requestsPerSecond: 10, burst: 10 }), atOnce(100));
    expect(Math.max(...sent)).toBe(9 * 1010);
  });

  test('lets as many go back to back as the burst says, and spreads the rest', () => {
    const { sent } = sendAll(new RateLimit({ requestsPerSecond: 10, burst: 2 }), atOnce(20));
    expect(maxWithin(sent, 100)).toBe(2);
    expect(maxWithin(sent, 1000)).toBe(10);
    expect(Math.max(...sent)).toBeLessThanOrEqual(9 * 202);
  });

  test('below one a second is one in a longer time', () => {
    const { sent } = sendAll(new RateLimit({ requestsPerSecond: 0.5, burst: 1 }), atOnce(4));
    expect(sent).toEqual([0, 2020, 4040, 6060]);
  });

  test('what is permitted and not sent counts until it is dropped', () => {
    const limit = new RateLimit({ requestsPerSecond: 1, burst: 1 });
    limit.reserve();
    expect(limit.waitMs(60_000)).toBe(Number.POSITIVE_INFINITY);
    limit.release();
    expect(limit.waitMs(60_000)).toBe(0);
  });

  test('a smaller share holds at once, a larger one too', () => {
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

  test('a clock that is set back holds nothing up for longer than a window', () => {
    const limit = new RateLimit({ requestsPerSecond: 1, burst: 1 });
    limit.reserve();
    limit.landed(limit.sent(10_000_000), 10_000_000);
    expect(limit.waitMs(5000)).toBeLessThanOrEqual(1010);
    limit.reserve();
    limit.landed(limit.sent(5000), 5000);
    expect(limit.waitMs(5500)).toBe(510);
  });
});
