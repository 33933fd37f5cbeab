import { ageByMs, type Forecast } from './forecast.ts';
import { nextLookMs } from './poll-plan.ts';

/** Milliseconds between polls, from the config's `pacing`. */
export type PacingLimits = {
  readonly floorMs: number;
  /** The longest silence while somebody watches. */
  readonly watchedCeilingMs: number;
  /** The longest silence while no client does. */
  readonly ceilingMs: number;
};

export type PollFacts = {
  readonly watched: boolean;
  /** Since the vendor took the run, or since it was resumed. */
  readonly ageMs: number;
  /** What earlier runs of the agent took; null where too few are known, or where they tell nothing of this run. */
  readonly forecast: Forecast | null;
  /** The vendor tells us itself when the run ends. */
  readonly pushed: boolean;
  /** The run shows partial output, so that every look can bring news, not only the last one. */
  readonly lively: boolean;
  /** How long a look would wait for the backend's budget if it were asked for now. */
  readonly backlogMs: number;
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
const maxDoublings = 6;
/** How many times the ceiling a silence may last where the agent's past says that nothing ends then: it can be wrong. */
const trustInPast = 10;
/** The same for the net beneath the pushes, while somebody watches. */
const watchedTrust = 4;
/** By when so many runs have ended, a push that has not come is late. */
const toldShare = 0.95;
/** Of the ceiling. */
const watchedPriceShare = 1 / 30;
const unwatchedPriceShare = 1 / 6;
/**
 * At so much backlog the pace is half as fast. Not sooner: the answer comes only with the next look, and what is turned
 * down too far is turned up too far then, so that some runs are looked at all the time and others hardly ever.
 */
const halvingBacklogMs = 10_000;

/**
 * How long to wait before the next observation: pure. With a forecast the looks stand where runs of the agent end.
 * Without one the wait grows in proportion to the run's age, so that the lag stays a fixed share of what the run took,
 * whatever it took. Where the budget is short, all go slower alike. Faults double the wait, and the vendor's own wish is
 * a lower bound. Jitter only shortens, except below the vendor's wish, around a planned look and beneath pushes.
 */
export function nextPollMs(facts: PollFacts, limits: PacingLimits): number {
  const delayMs = facts.faults > 0 ? delayAfterFaultMs(facts, limits) : calmDelayMs(facts, limits);
  if (facts.retryAfterMs === null) return Math.round(delayMs);
  return Math.ceil(Math.max(delayMs, facts.retryAfterMs * (1 + jitterShare * facts.random)));
}

function calmDelayMs(facts: PollFacts, limits: PacingLimits): number {
  const stretch = stretchFor(facts.backlogMs);
  // A look too early is in vain here, and one too late costs nothing as long as pushes come.
  if (facts.pushed) return netDelayMs(facts, limits) * stretch * (1 + jitterShare * facts.random);
  if (facts.forecast === null || (facts.watched && facts.lively)) {
    return proportionalMs(facts, limits) * stretch * shortened(facts);
  }
  const maxMs = (facts.watched ? limits.watchedCeilingMs : limits.ceilingMs) * trustInPast;
  // An even pace is twice as slow at four times the price.
  const options = { priceMs: lookPriceMs(facts.watched, limits) * stretch ** 2, floorMs: limits.floorMs, maxMs };
  const lookAtMs = nextLookMs(facts.forecast, options, facts.ageMs, facts.random);
  return clamp(lookAtMs - facts.ageMs, limits.floorMs, maxMs);
}

/** Only the net beneath the pushes: it is not due before most runs of the agent would have been told of. */
function netDelayMs({ watched, ageMs, forecast }: PollFacts, limits: PacingLimits): number {
  const proportionalMs = clamp(ageMs, limits.ceilingMs, watched ? limits.ceilingMs : limits.ceilingMs * trustInPast);
  const toldMs = forecast === null ? 0 : ageByMs(forecast, toldShare) - ageMs;
  return Math.max(proportionalMs, Math.min(toldMs, limits.ceilingMs * (watched ? watchedTrust : trustInPast)));
}

/** The lag that one more look must save to be worth its call. */
export function lookPriceMs(watched: boolean, limits: PacingLimits): number {
  return watched ? limits.watchedCeilingMs * watchedPriceShare : limits.ceilingMs * unwatchedPriceShare;
}

/** What the failed look would have shown is not known, so the next one does not wait until the forecast wants one. */
function delayAfterFaultMs(facts: PollFacts, limits: PacingLimits): number {
  const firstMs = Math.max(proportionalMs(facts, limits), limits.floorMs);
  const doubledMs = firstMs * 2 ** Math.min(facts.faults, maxDoublings);
  return Math.min(doubledMs, limits.ceilingMs) * stretchFor(facts.backlogMs) * shortened(facts);
}

function proportionalMs({ watched, ageMs }: PollFacts, limits: PacingLimits): number {
  const ceilingMs = watched ? limits.watchedCeilingMs : limits.ceilingMs;
  return clamp(ageMs * (watched ? watchedShareOfAge : unwatchedShareOfAge), limits.floorMs, ceilingMs);
}

/** In steps of a fifth, so that few plans are made. */
function stretchFor(backlogMs: number): number {
  return 2 ** (Math.round(4 * Math.log2(1 + backlogMs / halvingBacklogMs)) / 4);
}

function shortened({ random }: PollFacts): number {
  return 1 - jitterShare * random;
}

const firstRetryMs = 250;
const maxRetryMs = 30_000;

/** How long to wait before a start or a delivery is tried again: doubling from 250 ms to 30 s, the upper half random. */
export function nextRetryMs(attempts: number, retryAfterMs: number | null, random: number): number {
  const doubledMs = Math.min(firstRetryMs * 2 ** Math.min(attempts, 16), maxRetryMs);
  const jitteredMs = doubledMs * (0.5 + 0.5 * random);
  return Math.ceil(
    retryAfterMs === null ? jitteredMs : Math.max(jitteredMs, retryAfterMs * (1 + jitterShare * random)),
  );
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), Math.max(low, high));
}
