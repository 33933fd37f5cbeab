/**
 * When runs of an agent end, derived from the durations of earlier ones. The arrays run in step over ascending ages, the
 * first of which is 0; between two ages values are interpolated linearly.
 */
export type Forecast = {
  readonly agesMs: Float64Array;
  /** The chance that a run has ended by that age. */
  readonly ended: Float64Array;
  /**
   * The square root of the hazard, summed up to that age. For a given number of polls the mean lag is smallest when they
   * are spaced evenly in it: a poll costs its share of the runs that are still live, and saves lag where runs end.
   */
  readonly unrest: Float64Array;
};

/** With fewer durations the pace without a forecast is better. */
const minDurations = 8;
/** A duration is blurred by at least this share of itself, because no measurement is finer. */
const minBlurShare = 0.01;

/** Null when too few durations are known. Pure; the order of the durations does not matter. */
export function forecastFrom(durationsMs: readonly number[]): Forecast | null {
  const count = durationsMs.length;
  if (count < minDurations) return null;
  const sorted = durationsMs.toSorted((a, b) => a - b);
  const bends = blur(sorted).sort((a, b) => a.atMs - b.atMs);
  const medianMs = Math.max(at(sorted, count >> 1), 1);
  // What has never been seen can happen too: it gets the weight of two durations in `count`, spread over all ages.
  const surprise = 1 / (count + 2);
  const ages = [0];
  const ended = [0];
  const unrest = [0];
  let density = 0;
  let seen = 0;
  let last = { ageMs: 0, ended: 0, unrest: 0 };
  for (const bend of bends) {
    const widthMs = bend.atMs - last.ageMs;
    if (widthMs > 0) {
      seen = Math.min(1, seen + density * widthMs);
      const alive = (1 - surprise) * (1 - seen) + (surprise * medianMs) / (medianMs + bend.atMs);
      const chance = Math.max(1 - alive, last.ended);
      const hazardMass = (chance - last.ended) / (1 - (chance + last.ended) / 2);
      last = { ageMs: bend.atMs, ended: chance, unrest: last.unrest + Math.sqrt(hazardMass * widthMs) };
      ages.push(last.ageMs);
      ended.push(last.ended);
      unrest.push(last.unrest);
    }
    density = Math.max(0, density + bend.turn);
  }
  return { agesMs: Float64Array.from(ages), ended: Float64Array.from(ended), unrest: Float64Array.from(unrest) };
}

type Bend = { readonly atMs: number; readonly turn: number };

/** Spreads each duration evenly as far as its nearest neighbours reach, which keeps gaps between two clusters of runs. */
function blur(sorted: readonly number[]): Bend[] {
  const neighbours = Math.max(2, Math.round(Math.sqrt(sorted.length)));
  return sorted.flatMap((durationMs, index) => {
    let low = index;
    let high = index;
    while (high - low < neighbours) {
      const below = low > 0 ? durationMs - at(sorted, low - 1) : Number.POSITIVE_INFINITY;
      const above = high < sorted.length - 1 ? at(sorted, high + 1) - durationMs : Number.POSITIVE_INFINITY;
      if (below <= above) low -= 1;
      else high += 1;
    }
    const reachMs = Math.max(durationMs - at(sorted, low), at(sorted, high) - durationMs, durationMs * minBlurShare, 1);
    const fromMs = Math.max(0, durationMs - reachMs);
    const untilMs = durationMs + reachMs;
    const turn = 1 / (untilMs - fromMs) / sorted.length;
    return [
      { atMs: fromMs, turn },
      { atMs: untilMs, turn: -turn },
    ];
  });
}

/** An end that the first poll shows by this age: the wait for the poll and its call may be most of that time. */
const soonMs = 16;
/** How often a duration is drawn from the forecast instead of evenly. */
const forecastShare = 0.8;

/**
 * A duration for a run that one poll showed live and the next one ended: it ended at an unknown age between the two.
 * Mostly the duration is drawn from the forecast, which keeps its shape although polls are few; otherwise evenly, which
 * lets it change. The instant of the poll itself would make the next forecast a picture of our own polls.
 */
export function drawDurationMs(
  forecast: Forecast | null,
  seen: { readonly aliveMs: number; readonly endedMs: number },
  random: () => number,
): number {
  const { aliveMs, endedMs } = seen;
  const byForecast = random() < forecastShare;
  const share = random();
  // Such polls are all that the forecast was made of. Polls come earlier from run to run, until one of them finds a run live.
  if (aliveMs === 0 && endedMs <= soonMs) return (endedMs / 2) * share;
  if (forecast === null || !byForecast) return aliveMs + (endedMs - aliveMs) * share;
  const from = interpolate(forecast.agesMs, forecast.ended, aliveMs);
  const until = interpolate(forecast.agesMs, forecast.ended, endedMs);
  const drawnMs = interpolate(forecast.ended, forecast.agesMs, from + (until - from) * share);
  return Math.min(Math.max(drawnMs, aliveMs), endedMs);
}

/** The age by which that share of the runs has ended. */
export function ageByMs(forecast: Forecast, share: number): number {
  return interpolate(forecast.ended, forecast.agesMs, share);
}

/** The value of `ys` where the ascending `xs` has `x`; beyond both ends the outermost value. */
function interpolate(xs: Float64Array, ys: Float64Array, x: number): number {
  const index = indexBefore(xs, x);
  if (index >= xs.length - 1) return at(ys, xs.length - 1);
  const width = at(xs, index + 1) - at(xs, index);
  const share = width > 0 ? Math.min(Math.max((x - at(xs, index)) / width, 0), 1) : 0;
  return at(ys, index) + (at(ys, index + 1) - at(ys, index)) * share;
}

/** The index of the last element that is not above `x`; 0 where all are. */
export function indexBefore(xs: Float64Array, x: number): number {
  let low = 0;
  let high = xs.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (at(xs, middle) <= x) low = middle;
    else high = middle;
  }
  return low;
}

/** An element that the caller knows to exist. */
export function at(values: ArrayLike<number>, index: number): number {
  return values[index] ?? Number.NaN;
}
