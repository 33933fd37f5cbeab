import { nextRetryMs } from '../pacing/pacing.ts';
import { faultOf } from '../state/fault-recorder.ts';
import { rejectedStart, unknownStart } from '../state/outcomes.ts';
import type { RunContext } from './run-context.ts';

/** Settles a start or a message that failed: retried later, rejected, or of unknown outcome. Rethrows our own defects. */
export async function settleFailedStart(
  { handle, agent, runPermit, wait, deps, log }: RunContext,
  error: unknown,
): Promise<void> {
  const fault = faultOf(error);
  deps.faults.record(log, agent, 'start', fault);
  deps.metrics.count('starts', { backend: agent.backend, result: fault.consequence });
  if (fault.consequence === 'retry' || (fault.consequence === 'unknown' && agent.onUnknownStart === 'retry')) {
    const delayMs = nextRetryMs(handle.run.attempts, fault.retryAfterMs, deps.clock.random());
    wait.noteFault(fault, delayMs);
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
