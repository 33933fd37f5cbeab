import { exitCodes } from './command.ts';

/** Where signals come from. */
type SignalSource = {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
};

export type StopDeps = {
  readonly source: SignalSource;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Ends the process on the spot. */
  readonly abort: () => void;
};

/** A terminal and npm deliver one Ctrl-C twice, the second time from the parent. That is no second wish. */
const sameSignalMs = 1000;

const processDeps: StopDeps = {
  source: process,
  now: () => performance.now(),
  abort: () => process.exit(exitCodes.interruptedTwice),
};

/**
 * Resolves with the first SIGTERM or SIGINT. A further one that comes more than a second after it ends the process on
 * the spot: the operator does not want to wait for vendors.
 */
export function awaitStop({ source, now, abort }: StopDeps = processDeps): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const onSignal = (signal: NodeJS.Signals): void => {
      firstAt ??= now();
      if (now() - firstAt > sameSignalMs) abort();
      else resolve(signal);
    };
    source.on('SIGTERM', onSignal);
    source.on('SIGINT', onSignal);
  });
}

/** Takes SIGHUP, which by default would end the process without a drain, as when its terminal closes. */
export function takeHangups(notify: (signal: NodeJS.Signals) => void, source: SignalSource = process): void {
  source.on('SIGHUP', notify);
}
