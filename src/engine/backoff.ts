export type BackoffOptions = {
  /** The wait after the first failure. */
  readonly firstMs: number;
  /** The wait never grows beyond this. */
  readonly maxMs: number;
  /** The factor from one wait to the next; 1 for a constant wait. */
  readonly growth: number;
  /** Jitter shortens a wait by up to this share, so that callers who failed together do not retry together. */
  readonly jitterShare: number;
};

/**
 * How long to wait, in milliseconds, after a failure that `earlier` failures came before. A `random` (in [0, 1)) near 1
 * gives the whole wait, 0 the shortest one.
 */
export function backoffMs(options: BackoffOptions, earlier: number, random: number): number {
  const { firstMs, maxMs, growth, jitterShare } = options;
  return Math.min(firstMs * growth ** earlier, maxMs) * (1 - jitterShare + jitterShare * random);
}
