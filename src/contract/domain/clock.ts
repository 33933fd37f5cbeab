/** Time as `runs/` sees it; tests put a virtual one in its place. */
export interface Clock {
  /** Whole milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Calls back once after `delayMs`; the returned function takes the call back. */
  schedule(delayMs: number, callback: () => void): () => void;
  /** A number in [0, 1), for jitter. */
  random(): number;
}
