import { callGuarded } from '../../compute/guarded-calls.ts';
import { MappingFault } from '../../contract/domain/mapping.ts';
import type { Run, UpstreamRef } from '../../contract/domain/run.ts';
import { nextRetryMs } from '../pacing/pacing.ts';
import { faultOf } from '../state/fault-recorder.ts';
import { failedMapping } from '../state/outcomes.ts';
import { noteAnswer, noteCall, noteFault } from './call-notes.ts';
import type { RunContext } from './run-context.ts';

/** The same each time that one payload is sent: nothing is recorded of the run in between but its attempts. */
function deliveryIdOf({ runId, lastSeq }: Run): string {
  return `${runId}.${lastSeq}`;
}

/** `next` is the run in which the vendor goes on, where that is a new one. */
async function recordDelivery({ handle, agent, deps, log }: RunContext, next: UpstreamRef | undefined): Promise<void> {
  const recorded = await handle.record({ kind: 'delivered', ...(next === undefined ? {} : { upstream: next }) });
  if (next === undefined || recorded === 'recorded') return;
  if (recorded === 'taken') {
    // What has this id at the vendor belongs to the other run, so that nothing is known of this payload.
    log.warn({ upstream: next }, 'the vendor answered a resume with the id of another run');
    const note = `it is not known whether the payload arrived: the vendor answered with the id of another run, ${next.runId}`;
    await handle.record({ kind: 'undelivered', note });
    return;
  }
  // The run was ended during the call, and what was stopped at the vendor is the run before.
  if (handle.run.phase === 'done') deps.stopper.stopRun(handle.run, next, agent);
}

/** Sends an accepted payload to the interrupted upstream run, once: `delivering` is durable before the first byte. */
export async function deliverPayload(context: RunContext): Promise<void> {
  const { handle, agent, connection, runPermit, deps } = context;
  const { mapping, target } = agent;
  const { resumption, upstream, runId } = handle.run;
  if (resumption === null || upstream === null || connection.resume === undefined) {
    await handle.record({ kind: 'undelivered', note: 'the agent cannot take a payload' });
    return;
  }
  const permit = await runPermit.waitForCall('start');
  if (permit === null) return;
  try {
    const payload = await mapping.resume({ ...resumption, run: { run_id: runId, upstream } }, handle.guard);
    if ((await handle.record({ kind: 'deliver' })) !== 'recorded') return;
    noteCall(context);
    const next = await permit.send(() =>
      callGuarded(handle.guard, async () => connection.resume?.(target, upstream, payload, deliveryIdOf(handle.run))),
    );
    noteAnswer(context, 'resume');
    await recordDelivery(context, next);
  } catch (error) {
    if (error instanceof MappingFault) {
      await handle.record({ kind: 'end', outcome: failedMapping(error) });
      return;
    }
    const fault = faultOf(error);
    const delayMs = nextRetryMs(handle.run.attempts, runPermit.retryAfterMs(fault), deps.clock.random());
    noteFault(context, 'resume', fault, delayMs);
    if (fault.consequence === 'retry' || (fault.consequence === 'unknown' && connection.resumesOnce === true)) {
      if ((await handle.record({ kind: 'redeliver' })) === 'recorded') await handle.sleepThrough(delayMs);
      return;
    }
    // Rejected or of unknown outcome: only the vendor's next answer can tell, and a client may send the payload again.
    const said =
      fault.consequence === 'unknown' ? 'it is not known whether the payload arrived' : 'the payload was not taken';
    await handle.record({ kind: 'undelivered', note: `${said}: ${fault.message}` });
  } finally {
    permit.release();
  }
}
