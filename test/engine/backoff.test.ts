import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from '../../src/engine/backoff.ts';

const options = { firstMs: 250, maxMs: 30_000, growth: 2, jitterShare: 0.5 };

test('a backoff grows by its factor with each earlier failure, up to its maximum', () => {
  expect([0, 1, 2, 6, 7, 5000].map((earlier) => backoffMs(options, earlier, 1))).toEqual([
    250, 500, 1000, 16_000, 30_000, 30_000,
  ]);
  expect(backoffMs({ ...options, growth: 3 }, 2, 1)).toBe(2250);
  expect(backoffMs({ ...options, maxMs: 250, growth: 1 }, 9, 1)).toBe(250);
});

test('the jitter of a backoff shortens a wait by no more than its share', () => {
  fc.assert(
    fc.property(fc.nat(100), fc.double({ min: 0, max: 1, noNaN: true }), (earlier, random) => {
      const wholeMs = backoffMs(options, earlier, 1);
      const ms = backoffMs(options, earlier, random);
      expect(ms).toBeGreaterThanOrEqual(wholeMs * 0.5);
      expect(ms).toBeLessThanOrEqual(wholeMs);
    }),
  );
  expect(backoffMs(options, 1, 0)).toBe(250);
});
