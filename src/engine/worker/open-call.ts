import type { Consequence, UpstreamFault } from '../../contract/adapter/http.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { MappingFault } from '../../contract/domain/mapping.ts';
import { nextRetryMs } from '../pacing/pacing.ts';
import { faultOf } from '../state/fault-recorder.ts';
import { failedMapping, isRefusal, isUnreadable, refusedStart, unknownStart, vendorOf } from '../state/outcomes.ts';
import { adoptionKindOf, type CallKind } from './adoption-kind.ts';
import { refusingMs } from './backend-health.ts';
import { noteFault } from './call-notes.ts';
import { maxEqualFaults } from './look-patience.ts';
import { mayChoose, turnAway } from './placed-start.ts';
import type { RunContext } from './run-context.ts';

/** A start or a message after which it is not known what the vendor did; `reason` is for the client. */
export type UnsettledCall = { readonly kind: 'unsettled'; readonly reason: string };

/**
 * Settles a start or a message that failed: retried later, rejected, or of unknown outcome. Gives the call back where
 * the vendor can be asked what became of it. Rethrows our own defects.
 */
export async function settleFailedStart(
  context: RunContext,
  call: CallKind,
  error: unknown,
): Promise<UnsettledCall | null> {
  const { handle, agent, runPermit, wait, deps } = context;
  if (error instanceof MappingFault) {
    // Nothing was sent: an expression of the vendor's file failed, and would again.
    await handle.record({ kind: 'end', outcome: failedMapping(error) });
    return null;
  }
  const fault = faultOf(error);
  const delayMs = nextRetryMs(handle.run.attempts, runPermit.retryAfterMs(fault), deps.clock.random());
  noteFault(context, 'start', fault, delayMs);
  const consequence = consequenceOf(fault, agent);
  deps.metrics.count('starts', { backend: agent.backend, result: consequence });
  switch (consequence) {
    case 'retry':
      await postponeUnstarted(context, delayMs);
      return null;
    case 'unknown': {
      if (adoptionKindOf(context, call) !== 'none') return { kind: 'unsettled', reason: fault.message };
      // The vendor starts the run each time, and says it each time in a way that cannot be read.
      const isHopeless = isUnreadable(fault) && wait.equalFaults >= maxEqualFaults;
      if (agent.onUnknownStart === 'retry' && !isHopeless) await postpone(context, delayMs);
      else await handle.record({ kind: 'end', outcome: { ...unknownStart(fault.message), ...vendorOf(fault) } });
      return null;
    }
    default:
      // Another backend has other credentials.
      if (call === 'start' && isRefusal(fault) && mayChoose(context) && turnAway(context, refusingMs)) {
        await postponeUnstarted(context, refusingMs);
        return null;
      }
      await handle.record({ kind: 'end', outcome: refusedStart(fault) });
      return null;
  }
}

/** The agent has the last word on whether a vendor that is busy has started the run. */
function consequenceOf({ httpStatus, consequence }: UpstreamFault, { onBusyStart }: Agent): Consequence {
  return httpStatus === 429 || httpStatus === 503 ? (onBusyStart ?? consequence) : consequence;
}

/** Nothing was started, so that any backend may start the run. */
async function postponeUnstarted(context: RunContext, delayMs: number): Promise<void> {
  const { handle, runPermit } = context;
  if (!mayChoose(context)) return await postpone(context, delayMs);
  turnAway(context, delayMs);
  await handle.record({ kind: 'postpone', mayMove: true });
  runPermit.leave();
}

async function postpone({ handle, runPermit }: RunContext, delayMs: number): Promise<void> {
  const postponed = await handle.record({ kind: 'postpone' });
  runPermit.leave();
  if (postponed === 'recorded') await handle.sleepThrough(delayMs);
}
