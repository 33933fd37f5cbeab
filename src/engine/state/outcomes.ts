import { errcodes } from '../../contract/domain/errcodes.ts';
import { MappingFault } from '../../contract/domain/mapping.ts';
import type { RunOutcome } from './state-machine.ts';

export function unknownStart(reason: string): RunOutcome {
  return {
    status: 'error',
    errcode: errcodes.startUnknown,
    description: `it is not known whether the vendor started the run, so it is not started again: ${reason}`,
  };
}

/** The outcome of a run whose start was answered with an id that another run has. */
export function foreignStart(upstreamRunId: string): RunOutcome {
  return unknownStart(`the vendor answered with the id of another run, ${upstreamRunId}`);
}

export function rejectedStart(reason: string): RunOutcome {
  return {
    status: 'error',
    errcode: errcodes.startRejected,
    description: `the vendor refused to start the run: ${reason}`,
  };
}

export function lostUpstream(): RunOutcome {
  return { status: 'error', errcode: errcodes.upstreamGone, description: 'the vendor no longer knows this run' };
}

/** The outcome of a run whose message found the session of its thread gone; the message was not taken. */
export function lostSession(reason: string): RunOutcome {
  return {
    status: 'error',
    errcode: errcodes.upstreamGone,
    description: `the thread's session has ended at the vendor and did not take the input; the next run schedules a new one: ${reason}`,
  };
}

/** The outcome of a run whose mapping failed. Rethrows anything but a `MappingFault`. */
export function failedMapping(error: unknown): RunOutcome {
  if (!(error instanceof MappingFault)) throw error;
  return { status: 'error', errcode: errcodes.mappingFailed, description: error.message };
}
