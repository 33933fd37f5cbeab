import { at, type Forecast, indexBefore } from './forecast.ts';

/** Ages at which a run may be polled, and for each the index of the best next one. */
export type PollPlan = {
  readonly agesMs: Float64Array;
  readonly next: Uint16Array;
  readonly priceMs: number;
};

export type PlanOptions = {
  /** A poll is worth its call when it saves this much lag. */
  readonly priceMs: number;
  readonly floorMs: number;
  /** The longest wait between two polls, however sure the forecast is. */
  readonly maxMs: number;
};

/** Candidates between two polls of an even pace: enough to place each of them well. */
const candidatesPerPoll = 6;
const maxCandidates = 600;
/** How many even steps away the next poll may be: a longer wait is never the cheapest. */
const maxSteps = 4;
const maxPlans = 16;

/** A plan is made once per forecast and options, and is freed with its forecast. */
const plans = new WeakMap<Forecast, Map<string, PollPlan>>();

/**
 * The age at which a run that was live at `ageMs` is polled next. `random` (in [0, 1)) shifts it by a fraction of a step,
 * so that runs that started together spread out, and polls are not always at the same ages.
 */
export function nextPollAgeMs(forecast: Forecast, options: PlanOptions, ageMs: number, random: number): number {
  const plan = planFor(forecast, options);
  const { agesMs, next } = plan;
  const last = agesMs.length - 1;
  // Beyond the longest known duration only the age counts: what has taken long will take longer.
  if (ageMs >= at(agesMs, last)) return ageMs + Math.sqrt(2 * plan.priceMs * ageMs) * (0.9 + 0.2 * random);
  const before = indexBefore(agesMs, ageMs);
  const isNearerToNext = before + 1 < last && ageMs - at(agesMs, before) > at(agesMs, before + 1) - ageMs;
  const target = at(next, isNearerToNext ? before + 1 : before);
  const gapMs = Math.min(
    at(agesMs, target) - at(agesMs, target - 1),
    target < last ? at(agesMs, target + 1) - at(agesMs, target) : Number.POSITIVE_INFINITY,
  );
  return at(agesMs, target) + (2 * random - 1) * gapMs;
}

function planFor(forecast: Forecast, options: PlanOptions): PollPlan {
  const known = plans.get(forecast) ?? new Map<string, PollPlan>();
  plans.set(forecast, known);
  const key = `${options.priceMs} ${options.floorMs} ${options.maxMs}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  if (known.size >= maxPlans) known.clear();
  const plan = makePlan(forecast, options);
  known.set(key, plan);
  return plan;
}

/**
 * The cheapest of all ways to poll a run, computed from its end backwards: what a poll costs (the price, times the chance
 * that the run is still live) and what it leaves (the lag of the runs that ended before it).
 */
export function makePlan(forecast: Forecast, { priceMs, floorMs, maxMs }: PlanOptions): PollPlan {
  const stepUnrest = Math.sqrt(2 * priceMs);
  const { agesMs, ended, unrest } = candidatesOf(forecast, stepUnrest);
  const last = agesMs.length - 1;
  /** The running sum of age times the chance of an end at it: the lag of a stretch is computed from it. */
  const weighted = new Float64Array(last + 1);
  for (let i = 1; i <= last; i += 1) {
    const meanMs = (at(agesMs, i) + at(agesMs, i - 1)) / 2;
    weighted[i] = at(weighted, i - 1) + (at(ended, i) - at(ended, i - 1)) * meanMs;
  }
  const costs = new Float64Array(last + 1);
  const next = new Uint16Array(last + 1);
  costs[last] = (1 - at(ended, last)) * 4 * Math.sqrt(priceMs * at(agesMs, last));
  for (let from = last - 1; from >= 0; from -= 1) {
    let cheapest = Number.POSITIVE_INFINITY;
    for (let to = from + 1; to <= last; to += 1) {
      const waitMs = at(agesMs, to) - at(agesMs, from);
      if (waitMs < floorMs && to < last) continue;
      const isTooFar = waitMs > maxMs || at(unrest, to) - at(unrest, from) > maxSteps * stepUnrest;
      if (isTooFar && cheapest < Number.POSITIVE_INFINITY) break;
      const lagMs = (at(ended, to) - at(ended, from)) * at(agesMs, to) - (at(weighted, to) - at(weighted, from));
      const cost = lagMs + at(costs, to);
      if (cost < cheapest) {
        cheapest = cost;
        next[from] = to;
      }
    }
    costs[from] = cheapest + priceMs * (1 - at(ended, from));
  }
  return { agesMs, next, priceMs };
}

/** Ages spaced evenly in unrest, and both ends of every long stretch, so that a cluster of ends is followed by a poll. */
function candidatesOf(forecast: Forecast, stepUnrest: number): Forecast {
  const end = forecast.agesMs.length - 1;
  const spacing = Math.max(stepUnrest / candidatesPerPoll, at(forecast.unrest, end) / maxCandidates);
  const kept: [ageMs: number, ended: number, unrest: number][] = [];
  const point = (index: number): [number, number, number] => [
    at(forecast.agesMs, index),
    at(forecast.ended, index),
    at(forecast.unrest, index),
  ];
  const keep = (candidate: [number, number, number]): void => {
    const newest = kept.at(-1);
    if (newest === undefined || candidate[0] > newest[0]) kept.push(candidate);
  };
  keep(point(0));
  for (let i = 1; i <= end; i += 1) {
    const [from, until] = [point(i - 1), point(i)];
    const growth = until[2] - from[2];
    if (growth >= spacing) {
      keep(from);
      const parts = Math.ceil(growth / spacing);
      for (let part = 1; part <= parts; part += 1) {
        const share = part / parts;
        keep([
          from[0] + (until[0] - from[0]) * share,
          from[1] + (until[1] - from[1]) * share,
          from[2] + growth * share,
        ]);
      }
    } else if (i === end || until[2] - (kept.at(-1)?.[2] ?? 0) >= spacing) {
      keep(until);
    }
  }
  return {
    agesMs: Float64Array.from(kept, ([ageMs]) => ageMs),
    ended: Float64Array.from(kept, ([, ended]) => ended),
    unrest: Float64Array.from(kept, ([, , unrest]) => unrest),
  };
}
