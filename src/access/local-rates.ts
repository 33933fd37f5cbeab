import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { RateCounter } from '../contract/store/usage-store.ts';

/** Counts in this process alone. */
export function createLocalRates(): RateCounter {
  // It only counts: how many are too many differs from key to key.
  const windows = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: 1 });
  return {
    count: async (key) => {
      const { consumedPoints, msBeforeNext } = await windows.consume(key);
      return { used: consumedPoints, resetMs: msBeforeNext };
    },
  };
}
