import { nextRetryMs } from '../pacing/pacing.ts';
import { faultOf } from '../state/fault-recorder.ts';
import { isUnreadable, rejectedStart, unknownStart } from '../state/outcomes.ts';
import { noteFault } from './call-notes.ts';
import { maxUnreadable } from './look-patience.ts';
import type { RunContext } from './run-context.ts';

/** Settles a start or a message that failed: retried later, rejected, or of unknown outcome. Rethrows our own defects. */
export async function settleFailedStart(context: RunContext, error: unknown): Promise<void> {
  const { handle, agent, runPermit, wait, deps } = context;
  const fault = faultOf(error);
  const delayMs = nextRetryMs(handle.run.attempts, fault.retryAfterMs, deps.clock.random());
  noteFault(context, 'start', fault, delayMs);
  deps.metrics.count('starts', { backend: agent.backend, result: fault.consequence });
  // The vendor starts the run each time, and says it each time in a way that cannot be read.
  const isHopeless = isUnreadable(fault) && wait.equalFaults >= maxUnreadable;
  const isRepeated = fault.consequence === 'unknown' && agent.onUnknownStart === 'retry' && !isHopeless;
  if (fault.consequence === 'retry' || isRepeated) {
    const postponed = await handle.record({ kind: 'postpone' });
    runPermit.leave();
    if (postponed === 'recorded') await handle.sleepThrough(delayMs);
    return;
  }
  const outcome = fault.consequence === 'unknown' ? unknownStart(fault.message) : rejectedStart(fault.message);
  await handle.record({ kind: 'end', outcome });
}

/** Settles a run that is found in the middle of a call, without knowing whether the vendor was reached. */
export async function settleInterruptedCall({ handle, agent, runPermit }: RunContext, reason: string): Promise<void> {
  const { phase } = handle.run;
  if (phase === 'starting') {
    if (agent.onUnknownStart === 'retry') {
      await handle.record({ kind: 'postpone' });
      runPermit.leave();
    } else await handle.record({ kind: 'end', outcome: unknownStart(reason) });
  } else if (phase === 'delivering') {
    const note = `it is not known whether the payload arrived: ${reason}`;
    await handle.record({ kind: 'undelivered', note });
  }
}
