/** Milliseconds between polls, from the config's `pacing`. */
export type PacingLimits = {
  readonly floorMs: number;
  /** The longest silence while somebody watches. */
  readonly watchedCeilingMs: number;
  /** The longest silence while nobody does. */
  readonly ceilingMs: number;
};

export type PollFacts = {
  readonly watched: boolean;
  /** Since the vendor took the run, or since it was resumed. */
  readonly ageMs: number;
  /** Observations in a row that failed. */
  readonly faults: number;
  /** What the vendor asked for last; null when it did not. */
  readonly retryAfterMs: number | null;
  /** In [0, 1). */
  readonly random: number;
};

const watchedShareOfAge = 0.05;
const unwatchedShareOfAge = 0.2;
const jitterShare = 0.2;
const mostDoublings = 6;

/**
 * How long to wait before the next observation: pure. The wait grows in proportion to the run's age, so that the
 * lag stays a fixed share of what the run took, whatever it took; faults double it, and the vendor's own wish is a
 * lower bound. Jitter only shortens, except below the vendor's wish.
 */
export function nextPollMs(facts: PollFacts, limits: PacingLimits): number {
  const ceilingMs = facts.watched ? limits.watchedCeilingMs : limits.ceilingMs;
  const share = facts.watched ? watchedShareOfAge : unwatchedShareOfAge;
  const proportionalMs = clamp(facts.ageMs * share, limits.floorMs, ceilingMs);
  const slowedMs =
    facts.faults === 0
      ? proportionalMs
      : Math.min(
          Math.max(proportionalMs, limits.floorMs) * 2 ** Math.min(facts.faults, mostDoublings),
          limits.ceilingMs,
        );
  const jitteredMs = slowedMs * (1 - jitterShare * facts.random);
  if (facts.retryAfterMs === null) return Math.round(jitteredMs);
  return Math.ceil(Math.max(jitteredMs, facts.retryAfterMs * (1 + jitterShare * facts.random)));
}

const firstRetryMs = 250;
const longestRetryMs = 30_000;

/** How long to wait before a start or a delivery is tried again: doubling from 250 ms to 30 s, the upper half random. */
export function nextRetryMs(attempts: number, retryAfterMs: number | null, random: number): number {
  const doubledMs = Math.min(firstRetryMs * 2 ** Math.min(attempts, 16), longestRetryMs);
  const jitteredMs = doubledMs * (0.5 + 0.5 * random);
  return Math.ceil(
    retryAfterMs === null ? jitteredMs : Math.max(jitteredMs, retryAfterMs * (1 + jitterShare * random)),
  );
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), Math.max(low, high));
}
