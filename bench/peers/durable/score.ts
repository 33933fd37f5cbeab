import { percentile } from '../../figures.ts';
import type { Outcome, Torment } from './torment.ts';

/** One line of the table. */
export type Score = {
  readonly name: string;
  readonly runs: number;
  readonly kills: number;
  /** Starts that the vendor took for each run that it was asked for at all. */
  readonly meanStarts: number;
  readonly maxStarts: number;
  readonly startedTwice: number;
  /** The vendor ended the run, and the client got an error or another output. */
  readonly resultsLost: number;
  /** The client got an error, and the vendor was never asked: nothing happened, and the client knows. */
  readonly neverStarted: number;
  /** No final answer within the patience. */
  readonly stuck: number;
  /** Of all runs, the stuck ones as infinitely late. */
  readonly p50Ms: number;
  readonly p99Ms: number;
};

/** @param starts what the vendor counted by the run's key. */
export function judge(name: string, { outcomes, kills }: Torment, starts: ReadonlyMap<string, number>): Score {
  const counts = outcomes.map(({ key }) => starts.get(key) ?? 0);
  const started = counts.filter((count) => count > 0);
  const tookMs = outcomes.map(({ ending, tookMs }) => (ending === null ? Number.POSITIVE_INFINITY : tookMs));
  const failed = outcomes.filter((outcome) => outcome.ending !== null && !hasItsOutput(outcome));
  return {
    name,
    runs: outcomes.length,
    kills,
    meanStarts: started.reduce((sum, count) => sum + count, 0) / started.length,
    maxStarts: Math.max(...counts),
    startedTwice: counts.filter((count) => count > 1).length,
    resultsLost: failed.filter(({ key }) => starts.has(key)).length,
    neverStarted: failed.filter(({ key }) => !starts.has(key)).length,
    stuck: outcomes.filter(({ ending }) => ending === null).length,
    p50Ms: percentile(tookMs, 0.5),
    p99Ms: percentile(tookMs, 0.99),
  };
}

/** The vendor's agent answers with its input. */
function hasItsOutput({ key, ending }: Outcome): boolean {
  if (ending === null || !('output' in ending)) return false;
  const { output } = ending;
  return typeof output === 'object' && output !== null && 'key' in output && output.key === key;
}
