import { type PacingOptions, pollPriceMs } from '../../src/engine/pacing/pacing.ts';
import { bestPossible, cheapestPolls } from './best-possible.ts';
import {
  anything,
  bimodal,
  type Durations,
  drawRuns,
  logNormal,
  mixed,
  narrow,
  seededRandom,
  short,
} from './durations.ts';
import { intervalForLag, intervalForPolls, pollFixed, pollLearning, type Score } from './pollers.ts';

export type Scale = {
  readonly seed: number;
  /** Runs of each agent that count, after `learnFrom` that only teach. */
  readonly runs: number;
  readonly learnFrom: number;
  /** Runs that the best possible poller is computed from: its time grows with their square. */
  readonly optimumRuns: number;
};

export const fullScale: Scale = { seed: 20261122, runs: 20_000, learnFrom: 2000, optimumRuns: 4000 };

/** Mean lag as a share of the fixed poller's, at the same number of polls. */
export type Bar = { readonly durations: Durations; readonly max: number };

const learnt: readonly Bar[] = [
  { durations: narrow, max: 0.15 },
  { durations: bimodal, max: 0.35 },
  { durations: logNormal, max: 0.6 },
];
const unlearnt: Bar = { durations: anything, max: 0.9 };

export type Sample = {
  readonly bar: Bar;
  readonly watched: boolean;
  readonly runs: readonly number[];
  readonly ours: Score;
};

/** Polls a sample of every agent; those with history from 200 runs that were observed by the same polls. */
export function sampleAgents(scale: Scale, limits: PacingOptions, watched: boolean): readonly Sample[] {
  return [...learnt, unlearnt].map((bar, index) => {
    const random = seededRandom(scale.seed + index);
    const learnFrom = bar === unlearnt ? 0 : scale.learnFrom;
    const learned = drawRuns(bar.durations, learnFrom, random);
    const runs = drawRuns(bar.durations, scale.runs, random);
    return { bar, watched, runs, ours: pollLearning(learned, runs, { limits, watched, learnFrom, random }) };
  });
}

export type Row = Sample & {
  readonly intervalMs: number;
  /** At the same number of polls. */
  readonly fixed: Score;
  readonly ratio: number;
  /** The fixed poller's polls at the same lag, as a multiple of ours. */
  readonly pollsRatio: number;
};

/**
 * Agents that share a gateway, against one interval for all of them, which is what a gateway has that does not learn.
 * The same number of polls (and the other way round the same mean lag) over as many runs of each agent.
 */
export function compareFleet(samples: readonly Sample[]): readonly Row[] {
  const all = samples.flatMap((sample) => sample.runs);
  const mean = (pick: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + pick(sample), 0) / samples.length;
  const intervalMs = intervalForPolls(
    all,
    mean((sample) => sample.ours.polls),
  );
  const slowMs = intervalForLag(
    all,
    mean((sample) => sample.ours.lagMs),
  );
  const pollsRatio = pollFixed(all, slowMs).polls / mean((sample) => sample.ours.polls);
  return samples.map((sample) => {
    const fixed = pollFixed(sample.runs, intervalMs);
    return { ...sample, intervalMs, fixed, ratio: sample.ours.lagMs / fixed.lagMs, pollsRatio };
  });
}

export type TunedRow = Row & {
  /** The least ratio that any poller could reach with the same number of polls if it knew the distribution. */
  readonly bestRatio: number;
  /** What ours costs, as a multiple of what that poller does. */
  readonly ofBestCost: number;
};

/** What a poller may cost of what the best possible one costs: its lag, and its polls at the price of the pace. */
export const maxOfBestCost = 1.6;

/** The stricter comparison: an interval for each agent, tuned to that agent's own runs. */
export function compareTuned(samples: readonly Sample[], scale: Scale, limits: PacingOptions): readonly TunedRow[] {
  return samples.flatMap((sample) => {
    const some = sample.runs.slice(0, scale.optimumRuns);
    const best = bestPossible(some, sample.ours.polls);
    const bestRatio = best.lagMs / pollFixed(some, intervalForPolls(some, best.polls)).lagMs;
    const priceMs = pollPriceMs(sample.watched, limits);
    const costOf = ({ polls, lagMs }: Score): number => lagMs + polls * priceMs;
    const ofBestCost = costOf(sample.ours) / costOf(cheapestPolls(some, priceMs));
    return compareFleet([sample]).map((row) => ({ ...row, bestRatio, ofBestCost }));
  });
}

/** The mean lag of a watched run whose agent is short, at least now and then; in milliseconds, since clients feel that. */
export type ShortRow = {
  readonly durations: Durations;
  readonly learns: boolean;
  readonly ours: Score;
  readonly maxLagMs: number;
};

/** A fixed interval of the floor has a mean lag of about 200 ms for the short ones, and 320 ms for the mixed ones. */
const shortBars = [
  { durations: short, learns: false, maxLagMs: 20 },
  { durations: short, learns: true, maxLagMs: 35 },
  { durations: mixed, learns: false, maxLagMs: 260 },
  { durations: mixed, learns: true, maxLagMs: 200 },
] as const;

export function pollShortAgents({ seed, runs, learnFrom }: Scale, limits: PacingOptions): readonly ShortRow[] {
  return shortBars.map((bar) => {
    const random = seededRandom(seed);
    const teaching = bar.learns ? learnFrom : 0;
    const learned = drawRuns(bar.durations, teaching, random);
    const sample = drawRuns(bar.durations, runs, random);
    return { ...bar, ours: pollLearning(learned, sample, { limits, watched: true, learnFrom: teaching, random }) };
  });
}

export function hasHistory(sample: Sample): boolean {
  return sample.bar !== unlearnt;
}
