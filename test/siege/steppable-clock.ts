/**
 * Loaded into the gateway before its own code: at SIGUSR2 its wall clock is as far from the true one as the file that
 * RUNGATE_SIEGE_CLOCK names says, in all its threads. The file is emptied when that is done. The gateway ends with the
 * siege, even when that is killed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

const file = process.env.RUNGATE_SIEGE_CLOCK ?? '';
const RealDate = Date;
let stepMs = 0;

class SteppedDate extends RealDate {
  constructor(...parts: readonly unknown[]) {
    if (parts.length === 0) super(RealDate.now() + stepMs);
    else super(...(parts as [number]));
  }

  static override now(): number {
    return RealDate.now() + stepMs;
  }
}
globalThis.Date = SteppedDate as DateConstructor;

const threads = new BroadcastChannel('rungate-siege-clock');
threads.unref();
if (isMainThread) {
  process.on('SIGUSR2', () => {
    stepMs = Number(readFileSync(file, 'utf8'));
    threads.postMessage(stepMs);
    writeFileSync(file, '');
  });
  process.on('disconnect', () => process.exit(9));
  process.channel?.unref();
} else {
  threads.onmessage = ({ data }: { readonly data: unknown }) => {
    stepMs = Number(data);
  };
}
