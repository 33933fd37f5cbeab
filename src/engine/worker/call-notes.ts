import type { UpstreamFault } from '../../contract/adapter/http.ts';
import type { CallPurpose } from '../state/fault-recorder.ts';
import type { RunContext } from './run-context.ts';

/** A call for a run is sent now. */
export function noteCall({ wait }: RunContext): void {
  wait.noteCall();
}

/** A call for a run was answered: says so to all that keep how the run and its backend are. */
export function noteAnswer({ handle, agent, wait, deps }: RunContext, purpose: CallPurpose): void {
  wait.noteAnswer();
  deps.faults.noteAnswer(agent, purpose);
  deps.health.noteAnswer(agent, handle.run);
}

/** The same for one that failed. It is made again after `delayMs`; null: as the pace has it, or never. */
export function noteFault(
  { handle, agent, wait, deps, log }: RunContext,
  purpose: CallPurpose,
  fault: UpstreamFault,
  delayMs: number | null,
): void {
  deps.faults.record(log, agent, purpose, fault);
  wait.noteFault(fault, delayMs);
  deps.health.noteFault(agent, handle.run, fault);
}
