import { PerformanceObserver, performance } from 'node:perf_hooks';

type Turn = { readonly fromMs: number; readonly untilMs: number; readonly usedMs: number };

/**
 * How long work holds the event loop: milliseconds of processor time that this thread uses between two turns, sorted.
 * Unlike the clock on the wall, it does not count what other processes and threads take. Nor does it count V8's collections:
 * they take as long as the values of all tests of this process ask for.
 */
export async function measureTurns<T>(work: () => Promise<T>): Promise<{ result: T; turnsMs: readonly number[] }> {
  const turns: Turn[] = [];
  const collections: PerformanceEntry[] = [];
  const observer = new PerformanceObserver((seen) => collections.push(...seen.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  let last = process.threadCpuUsage();
  let fromMs = performance.now();
  let isOver = false;
  const turn = () => {
    const { user, system } = process.threadCpuUsage(last);
    const untilMs = performance.now();
    turns.push({ fromMs, untilMs, usedMs: (user + system) / 1000 });
    fromMs = untilMs;
    last = process.threadCpuUsage();
    if (!isOver) setTimeout(turn, 1);
  };
  setTimeout(turn, 1);
  const result = await work();
  isOver = true;
  // Entries come in a turn of their own.
  await new Promise((resolve) => setImmediate(resolve));
  collections.push(...observer.takeRecords());
  observer.disconnect();
  const turnsMs = turns.map(({ fromMs, untilMs, usedMs }) => {
    const during = collections.filter(({ startTime }) => startTime >= fromMs && startTime < untilMs);
    return Math.max(0, usedMs - during.reduce((sum, { duration }) => sum + duration, 0));
  });
  return { result, turnsMs: turnsMs.sort((a, b) => a - b) };
}

/** The longest but one in a hundred. */
export function nearlyLongest(turnsMs: readonly number[]): number {
  return turnsMs[Math.max(0, Math.floor(turnsMs.length * 0.99) - 1)] ?? 0;
}
