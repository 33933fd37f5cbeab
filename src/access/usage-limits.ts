import type { ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { GatewayError } from '../contract/domain/errors.ts';
import type { Principal } from '../contract/domain/principal.ts';
import type { RateCounter, SharedUsage } from '../contract/store/usage-store.ts';
import { usageKeyOf } from './principals.ts';

/** `Retry-After` for a stream that is refused now. */
const streamRetrySeconds = 5;
const maxBlocked = 10_000;
const windowMs = 1000;

/** Enforces each key's requests per second and open streams, and the streams of the whole process. */
export class UsageLimits {
  readonly #rates: RateCounter;
  readonly #shared: SharedUsage | null;
  readonly #maxStreams: number;
  readonly #streams = new Map<string, number>();
  #openStreams = 0;
  /** Keys over their limit, until their window ends: a request that is refused anyway need not be counted. */
  readonly #blocked = new LRUCache<string, true>({ max: maxBlocked });

  /** `shared`: the counters that all replicas share; null where there is one process. */
  constructor(shared: SharedUsage | null, maxStreams: number) {
    this.#rates = shared ?? createLocalRates();
    this.#shared = shared;
    this.#maxStreams = maxStreams;
  }

  /**
   * Counts a request and sets the RateLimit headers of its answer (draft-ietf-httpapi-ratelimit-headers-10). Rejects
   * with `rate_limited`.
   */
  async countRequest(principal: Principal, response: ServerResponse): Promise<void> {
    const max = principal.limits.requestsPerSecond;
    if (max === null) return;
    const key = usageKeyOf(principal);
    const blockedMs = this.#blocked.getRemainingTTL(key);
    const { used, resetMs } =
      blockedMs > 0 ? { used: max + 1, resetMs: blockedMs } : await this.#rates.countRequest(key);
    const resetSeconds = Math.max(1, Math.ceil(resetMs / 1000));
    response.setHeader('RateLimit-Policy', `"requests";q=${max};w=1`);
    response.setHeader('RateLimit', `"requests";r=${Math.max(0, max - used)};t=${resetSeconds}`);
    if (used <= max) return;
    if (blockedMs <= 0 && resetMs > 0) this.#blocked.set(key, true, { ttl: resetMs });
    throw new GatewayError('rate_limited', { retryAfterSeconds: resetSeconds, detail: `at most ${max} a second` });
  }

  /** Counts a stream; the result ends it. Throws or rejects with `too_many_streams` or `streams_exhausted`. */
  openStream(principal: Principal): (() => void) | Promise<() => void> {
    if (this.#openStreams >= this.#maxStreams) {
      throw new GatewayError('streams_exhausted', { retryAfterSeconds: streamRetrySeconds });
    }
    const max = principal.limits.streams;
    if (max === null) return this.#countOpen(() => {});
    const key = usageKeyOf(principal);
    return this.#shared === null ? this.#openLocal(key, max) : this.#openShared(this.#shared, key, max);
  }

  #openLocal(key: string, max: number): () => void {
    const open = this.#streams.get(key) ?? 0;
    if (open >= max) throw tooManyStreams(max);
    this.#streams.set(key, open + 1);
    return this.#countOpen(() => {
      const left = (this.#streams.get(key) ?? 1) - 1;
      if (left === 0) this.#streams.delete(key);
      else this.#streams.set(key, left);
    });
  }

  async #openShared(shared: SharedUsage, key: string, max: number): Promise<() => void> {
    const close = this.#countOpen(() => void shared.releaseStream(key));
    const isTaken = await shared.reserveStream(key, max).catch((error: unknown) => {
      this.#openStreams -= 1;
      throw new GatewayError('storage_unavailable', { retryAfterSeconds: 1, cause: error });
    });
    if (isTaken) return close;
    this.#openStreams -= 1;
    throw tooManyStreams(max);
  }

  #countOpen(onClosed: () => void): () => void {
    this.#openStreams += 1;
    let isClosed = false;
    return () => {
      if (isClosed) return;
      isClosed = true;
      this.#openStreams -= 1;
      onClosed();
    };
  }
}

/** Counters of this process alone. */
function createLocalRates(): RateCounter {
  // Counts without a bound of its own: the limit differs from key to key.
  const windows = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: windowMs / 1000 });
  return {
    countRequest: async (key) => {
      const { consumedPoints, msBeforeNext } = await windows.consume(key);
      // It ends a window by a timer, and says when by the wall clock, which may have been set back.
      return { used: consumedPoints, resetMs: Math.min(windowMs, msBeforeNext) };
    },
  };
}

function tooManyStreams(max: number): GatewayError {
  const quota = { policy: 'streams', max } as const;
  return new GatewayError('too_many_streams', {
    retryAfterSeconds: streamRetrySeconds,
    quota,
    detail: `at most ${max}`,
  });
}
