import { backoffMs } from '../backoff.ts';
import { ageByMs, type Forecast } from './forecast.ts';
import { nextPollAgeMs } from './poll-plan.ts';

/** Milliseconds between polls, from the config's `pacing`. */
export type PacingOptions = {
  readonly floorMs: number;
  /** The longest wait while a client watches the run. */
  readonly watchedCeilingMs: number;
  /** The longest wait while no client does. */
  readonly ceilingMs: number;
};

export type PollFacts = {
  readonly watched: boolean;
  /** Since the vendor accepted the run, or since the run was resumed. */
  readonly ageMs: number;
  /** How long earlier runs of the agent took; null where too few are known, or where they say nothing about this run. */
  readonly forecast: Forecast | null;
  /** The vendor pushes the end of the run. */
  readonly pushed: boolean;
  /** The vendor holds calls until the run changes, and has answered the last one. Left out: false. */
  readonly attended?: boolean;
  /** The run shows partial output, so that every poll can bring news, not only the last one. */
  readonly hasPartials: boolean;
  /** How long a poll would wait for the backend's budget if it were due now. */
  readonly backlogMs: number;
  /** Polls in a row that failed. */
  readonly faults: number;
  /** The Retry-After of the vendor's last answer; null when it had none. */
  readonly retryAfterMs: number | null;
  /** In [0, 1). */
  readonly random: number;
};

/**
 * A watched run is polled at this age first, and then at about twice its age each time until the floor holds: what answers at
 * once is seen at once, for a handful of polls of a run that does not.
 */
const firstLookMs = 2;
const watchedShareOfAge = 0.05;
const unwatchedShareOfAge = 0.2;
const jitterShare = 0.2;
const maxDoublings = 6;
/** A forecast may stretch a wait to this many ceilings, and no further, because it can be wrong. */
const forecastTrust = 10;
/** The same for the polls that back up the pushes of a watched run. */
const watchedTrust = 4;
/** The first poll of a run whose end is awaited by held calls comes after this many ceilings. */
const attendedTrust = 4;
/** A push is late at the age by which this share of the agent's runs has ended. */
const pushedShare = 0.95;
/** Of the ceiling. */
const watchedPriceShare = 1 / 30;
const unwatchedPriceShare = 1 / 6;
/**
 * At this backlog runs are polled half as often. A lower value would oscillate: the effect shows only at the next poll,
 * so that a strong correction polls some runs all the time and others hardly ever.
 */
const halvingBacklogMs = 10_000;

/**
 * How long to wait before the next poll; pure. With a forecast, polls are placed where runs of the agent end. Without
 * one the wait grows in proportion to the run's age, so that the lag is a fixed share of the run's duration. A short
 * budget slows all runs down alike. Faults double the wait, and the vendor's Retry-After is a lower bound. Jitter only
 * shortens the wait, except above a Retry-After, around a planned poll and where pushes are expected.
 */
export function nextPollMs(facts: PollFacts, options: PacingOptions): number {
  const delayMs = facts.faults > 0 ? delayAfterFaultMs(facts, options) : calmDelayMs(facts, options);
  if (facts.retryAfterMs === null) return Math.round(delayMs);
  return Math.ceil(Math.max(delayMs, facts.retryAfterMs * (1 + jitterShare * facts.random)));
}

function calmDelayMs(facts: PollFacts, options: PacingOptions): number {
  const stretch = stretchFor(facts.backlogMs);
  // Unlike a push, a held call that is lost is known to be: then the run is not attended.
  if (facts.attended === true) return attendedDelayMs(facts, options) * stretch * (1 + jitterShare * facts.random);
  // An early poll is wasted here, and a late one costs nothing as long as pushes arrive.
  if (facts.pushed) return pushedDelayMs(facts, options) * stretch * (1 + jitterShare * facts.random);
  if (facts.forecast === null || (facts.watched && facts.hasPartials)) {
    return proportionalMs(facts, options) * stretch * shortened(facts);
  }
  const maxMs = (facts.watched ? options.watchedCeilingMs : options.ceilingMs) * forecastTrust;
  // At four times the price an even pace is half as fast.
  // Where runs end that soon, the forecast knows whether a poll below the floor is worth its call.
  const leastMs = facts.watched ? Math.min(firstLookMs, options.floorMs) : options.floorMs;
  const plan = { priceMs: pollPriceMs(facts.watched, options) * stretch ** 2, floorMs: leastMs, maxMs };
  const pollAtMs = nextPollAgeMs(facts.forecast, plan, facts.ageMs, facts.random);
  return clamp(pollAtMs - facts.ageMs, floorMsOf(facts, options), maxMs);
}

/** Backs up the pushes: a poll is not due before most runs of the agent would have been pushed. */
function pushedDelayMs({ watched, ageMs, forecast }: PollFacts, options: PacingOptions): number {
  const proportionalMs = clamp(
    ageMs,
    options.ceilingMs,
    watched ? options.ceilingMs : options.ceilingMs * forecastTrust,
  );
  const lateMs = forecast === null ? 0 : ageByMs(forecast, pushedShare) - ageMs;
  return Math.max(proportionalMs, Math.min(lateMs, options.ceilingMs * (watched ? watchedTrust : forecastTrust)));
}

/** A poll shows what a held call does not, such as why a run does not go on, and is worth little more. */
function attendedDelayMs({ ageMs }: PollFacts, { ceilingMs }: PacingOptions): number {
  return clamp(ageMs, ceilingMs * attendedTrust, ceilingMs * forecastTrust);
}

/** The lag, in milliseconds, that one more poll has to save to be worth its call. */
export function pollPriceMs(watched: boolean, options: PacingOptions): number {
  return watched ? options.watchedCeilingMs * watchedPriceShare : options.ceilingMs * unwatchedPriceShare;
}

/** Ignores the forecast: what the failed poll would have shown is unknown, so the next one is due soon. */
function delayAfterFaultMs(facts: PollFacts, options: PacingOptions): number {
  const firstMs = Math.max(proportionalMs(facts, options), options.floorMs);
  const backoff = { firstMs, maxMs: options.ceilingMs, growth: 2, jitterShare };
  return backoffMs(backoff, Math.min(facts.faults, maxDoublings), 1 - facts.random) * stretchFor(facts.backlogMs);
}

function proportionalMs(facts: PollFacts, options: PacingOptions): number {
  const { watched, ageMs } = facts;
  const floorMs = floorMsOf(facts, options);
  const ceilingMs = watched ? options.watchedCeilingMs : options.ceilingMs;
  return clamp(ageMs * (watched ? watchedShareOfAge : unwatchedShareOfAge), floorMs, ceilingMs);
}

function floorMsOf({ watched, ageMs }: PollFacts, { floorMs }: PacingOptions): number {
  return watched ? Math.min(floorMs, Math.max(firstLookMs, ageMs)) : floorMs;
}

/** Rounded to quarters of a doubling, so that few plans are made. */
function stretchFor(backlogMs: number): number {
  return 2 ** (Math.round(4 * Math.log2(1 + backlogMs / halvingBacklogMs)) / 4);
}

function shortened({ random }: PollFacts): number {
  return 1 - jitterShare * random;
}

const retryBackoff = { firstMs: 250, maxMs: 30_000, growth: 2, jitterShare: 0.5 };

/** How long to wait before a start or a delivery is repeated: doubles from 250 ms to 30 s, the upper half random. */
export function nextRetryMs(attempts: number, retryAfterMs: number | null, random: number): number {
  const jitteredMs = backoffMs(retryBackoff, attempts, random);
  return Math.ceil(
    retryAfterMs === null ? jitteredMs : Math.max(jitteredMs, retryAfterMs * (1 + jitterShare * random)),
  );
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), Math.max(low, high));
}

/** The pace of the config in force, for parts that read it each time. */
export function followPacing(read: () => PacingOptions): PacingOptions {
  return {
    get floorMs() {
      return read().floorMs;
    },
    get watchedCeilingMs() {
      return read().watchedCeilingMs;
    },
    get ceilingMs() {
      return read().ceilingMs;
    },
  };
}
