import type { Clock } from '../contract/clock.ts';

/** Node fires a longer timer at once, so a longer wait is made of several. */
const longestTimerMs = 2 ** 31 - 1;

/** The machine's own time. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  schedule,
  random: () => Math.random(),
};

function schedule(delayMs: number, callback: () => void): () => void {
  if (delayMs <= longestTimerMs) {
    const timer = setTimeout(callback, Math.max(delayMs, 0));
    return () => clearTimeout(timer);
  }
  let cancel = () => {};
  const timer = setTimeout(() => {
    cancel = schedule(delayMs - longestTimerMs, callback);
  }, longestTimerMs);
  return () => {
    clearTimeout(timer);
    cancel();
  };
}
