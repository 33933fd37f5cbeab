import type { ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import { GatewayError } from '../contract/errors.ts';
import { type Principal, usageKeyOf } from '../contract/principal.ts';
import type { RateCounter } from '../contract/rates.ts';

/** Who comes for a stream that is not free now may come again then. */
const streamRetrySeconds = 5;
const mostBlocked = 10_000;

/** Holds keys to their requests a second, and everybody together to the streams that the process can carry. */
export class Limiter {
  readonly #rates: RateCounter;
  readonly #maxStreams: number;
  readonly #streams = new Map<string, number>();
  #openStreams = 0;
  /** Keys that are over their limit, until their window ends: what is refused anyway need not be counted. */
  readonly #blocked = new LRUCache<string, true>({ max: mostBlocked });

  constructor(rates: RateCounter, maxStreams: number) {
    this.#rates = rates;
    this.#maxStreams = maxStreams;
  }

  /**
   * Counts a request, and says in the answer's headers what is left (draft-ietf-httpapi-ratelimit-headers-10). Rejects
   * with `rate_limited`.
   */
  async countRequest(principal: Principal, response: ServerResponse): Promise<void> {
    const most = principal.limits.requestsPerSecond;
    if (most === null) return;
    const key = usageKeyOf(principal);
    const blockedMs = this.#blocked.getRemainingTTL(key);
    const { used, resetMs } = blockedMs > 0 ? { used: most + 1, resetMs: blockedMs } : await this.#rates.count(key);
    const resetSeconds = Math.max(1, Math.ceil(resetMs / 1000));
    response.setHeader('RateLimit-Policy', `"requests";q=${most};w=1`);
    response.setHeader('RateLimit', `"requests";r=${Math.max(0, most - used)};t=${resetSeconds}`);
    if (used <= most) return;
    if (blockedMs <= 0 && resetMs > 0) this.#blocked.set(key, true, { ttl: resetMs });
    throw new GatewayError('rate_limited', { retryAfterSeconds: resetSeconds, detail: `at most ${most} a second` });
  }

  /** Takes a place for a stream; gives back how it is left. Throws `too_many_streams` or `streams_exhausted`. */
  takeStream(principal: Principal): () => void {
    const most = principal.limits.streams;
    const key = usageKeyOf(principal);
    const open = this.#streams.get(key) ?? 0;
    if (most !== null && open >= most) {
      throw new GatewayError('too_many_streams', { retryAfterSeconds: streamRetrySeconds, detail: `at most ${most}` });
    }
    if (this.#openStreams >= this.#maxStreams) {
      throw new GatewayError('streams_exhausted', { retryAfterSeconds: streamRetrySeconds });
    }
    this.#openStreams += 1;
    this.#streams.set(key, open + 1);
    let isLeft = false;
    return () => {
      if (isLeft) return;
      isLeft = true;
      this.#openStreams -= 1;
      const left = (this.#streams.get(key) ?? 1) - 1;
      if (left === 0) this.#streams.delete(key);
      else this.#streams.set(key, left);
    };
  }
}
