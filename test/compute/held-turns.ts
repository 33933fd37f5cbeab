/**
 * How long work holds the event loop: milliseconds of processor time that this thread uses between two turns, sorted.
 * Unlike the clock on the wall, it does not count what other processes and threads take.
 */
export async function measureTurns<T>(work: () => Promise<T>): Promise<{ result: T; turnsMs: readonly number[] }> {
  const turnsMs: number[] = [];
  let last = process.threadCpuUsage();
  let isOver = false;
  const turn = () => {
    const { user, system } = process.threadCpuUsage(last);
    turnsMs.push((user + system) / 1000);
    last = process.threadCpuUsage();
    if (!isOver) setTimeout(turn, 1);
  };
  setTimeout(turn, 1);
  const result = await work();
  isOver = true;
  return { result, turnsMs: turnsMs.sort((a, b) => a - b) };
}

/** The longest but one in a hundred: garbage is collected now and then. */
export function nearlyLongest(turnsMs: readonly number[]): number {
  return turnsMs[Math.max(0, Math.floor(turnsMs.length * 0.99) - 1)] ?? 0;
}
