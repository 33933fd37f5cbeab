import type { Clock } from '../contract/domain/clock.ts';

/** Node fires a longer timer at once, so a longer wait is made of several. */
const maxTimerMs = 2 ** 31 - 1;
/** A wait is lengthened by less than this share of it, and by less than so long. */
const lateShare = 1 / 128;
const maxLateMs = 128;

/** The machine's own time. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => Math.floor(performance.now()),
  schedule,
  random: () => Math.random(),
};

function schedule(delayMs: number, callback: () => void): () => void {
  if (delayMs > maxTimerMs) return scheduleLong(delayMs, callback);
  const timer = setTimeout(callback, inSteps(Math.max(delayMs, 0)));
  return () => clearTimeout(timer);
}

function scheduleLong(delayMs: number, callback: () => void): () => void {
  let cancel = schedule(maxTimerMs, () => {
    cancel = schedule(delayMs - maxTimerMs, callback);
  });
  return () => cancel();
}

/**
 * Node keeps a list of timers for each duration: thousands of runs with durations of their own would make thousands of
 * lists. So long waits come in steps, which are powers of two.
 */
function inSteps(delayMs: number): number {
  const maxMs = Math.min(delayMs * lateShare, maxLateMs);
  if (maxMs < 2) return delayMs;
  const stepMs = 2 ** Math.floor(Math.log2(maxMs));
  return Math.min(Math.ceil(delayMs / stepMs) * stepMs, maxTimerMs);
}
