import type { UpstreamFault } from '../../contract/adapter/http.ts';
import type { CallPurpose } from '../state/fault-recorder.ts';
import { noteOutcome } from '../state/run-notes.ts';
import type { RunContext } from './run-context.ts';

/** A call for a run is sent now. */
export function noteCall({ wait, memory, deps: { clock } }: RunContext): void {
  memory.sentAtMs = clock.nowMs();
  memory.sentMonotonicMs = clock.monotonicMs();
  wait.noteCall();
}

/** A call for a run was answered: says so to all that keep how the run and its backend are. */
export function noteAnswer({ handle, agent, wait, memory, deps }: RunContext, purpose: CallPurpose): void {
  noteOutcome(memory, purpose, deps.clock.monotonicMs(), null);
  wait.noteAnswer();
  deps.faults.noteAnswer(agent, purpose);
  deps.health.noteAnswer(agent, handle.run);
}

/** The same for one that failed. It is made again after `delayMs`; null: as the pace has it, or never. */
export function noteFault(
  { handle, agent, wait, memory, deps, log }: RunContext,
  purpose: CallPurpose,
  fault: UpstreamFault,
  delayMs: number | null,
): void {
  noteOutcome(memory, purpose, deps.clock.monotonicMs(), fault);
  deps.faults.record(log, agent, purpose, fault);
  wait.noteFault(fault, delayMs);
  const { tenant, runId } = handle.run;
  deps.health.noteFault(agent, { tenant, runId, operation: purpose }, fault);
}
