import type { Score } from './pollers.ts';

/**
 * The least mean lag that any poller can have at a given number of polls a run, knowing the distribution exactly. Found
 * among all schedules by dynamic programming over the sample, whose own instants are the only ones worth a poll, with a
 * price on polls that is moved until their number fits.
 */
export function bestPossible(runs: readonly number[], polls: number): Score {
  let low = 1;
  let high = 1e8;
  let best = cheapestPolls(runs, high);
  for (let turn = 0; turn < 24; turn += 1) {
    const price = Math.sqrt(low * high);
    const score = cheapestPolls(runs, price);
    if (score.polls <= polls) {
      best = score;
      high = price;
    } else {
      low = price;
    }
  }
  return best;
}

/** The best of all schedules when a poll costs as much as `price` of lag. */
export function cheapestPolls(runs: readonly number[], price: number): Score {
  const sorted = runs.toSorted((a, b) => a - b);
  const count = sorted.length;
  const instants = Float64Array.from(sorted);
  const sums = new Float64Array(count + 1);
  for (let i = 0; i < count; i += 1) sums[i + 1] = value(sums, i) + value(instants, i);
  const costs = new Float64Array(count + 1);
  const next = new Int32Array(count + 1);
  const lagOf = (from: number, to: number): number =>
    (to - from) * value(instants, to - 1) - (value(sums, to) - value(sums, from));
  for (let from = count - 1; from >= 0; from -= 1) {
    let least = Number.POSITIVE_INFINITY;
    for (let to = from + 1; to <= count; to += 1) {
      const lag = lagOf(from, to);
      // Lag only grows with the wait.
      if (lag >= least) break;
      const cost = lag + value(costs, to);
      if (cost < least) {
        least = cost;
        next[from] = to;
      }
    }
    costs[from] = least + price * (count - from);
  }
  let polls = 0;
  let lag = 0;
  for (let from = 0; from < count; from = value(next, from)) {
    polls += count - from;
    lag += lagOf(from, value(next, from));
  }
  return { polls: polls / count, lagMs: lag / count };
}

function value(values: ArrayLike<number>, index: number): number {
  return values[index] ?? Number.NaN;
}
