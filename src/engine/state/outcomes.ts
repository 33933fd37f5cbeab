import type { UpstreamFault } from '../../contract/adapter/http.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import { MappingFault } from '../../contract/domain/mapping.ts';
import { boundJson } from '../../json/bound-json.ts';
import { boundText, maxWordLength } from '../../json/bound-text.ts';
import { isJsonObject } from '../../json/json-object.ts';
import type { RunOutcome } from './state-machine.ts';

/** Of an answer that refuses; the ids of the run come in addition. */
const maxVendorBytes = 14_336;

/** The gateway itself decided that the run ended so, rather than its vendor or its client. */
export function isOfGateway(errcode: number): boolean {
  return errcode > errcodes.cancelled && errcode < errcodes.vendorFailed;
}

/** The end of a run that an operator should look at: something does not work between the gateway and a vendor. */
export function needsAttention(errcode: number): boolean {
  return isOfGateway(errcode) && errcode !== errcodes.deadline;
}

/** What is kept of an answer that refuses: all of it, because its shape is not that of a run. */
export function vendorOf({ answer }: UpstreamFault): Pick<RunOutcome, 'vendor'> {
  if (answer === null) return {};
  const bounded = boundJson(answer, { leftBytes: maxVendorBytes });
  return { vendor: isJsonObject(bounded) ? bounded : { answer: bounded } };
}

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

/** The same with what the vendor answered, and the status of its answer. */
export function refusedStart(fault: UpstreamFault): RunOutcome {
  const { vendor } = vendorOf(fault);
  const { httpStatus } = fault;
  return {
    ...rejectedStart(fault.message),
    vendor: httpStatus === null ? vendor : { ...vendor, http_status: httpStatus },
  };
}

export function lostUpstream(fault: UpstreamFault): RunOutcome {
  const description = 'the vendor no longer knows this run';
  return { status: 'error', errcode: errcodes.upstreamGone, description, ...vendorOf(fault) };
}

/** The outcome of a run that has ended at its vendor, which does not give its result. */
export function refusedResult(fault: UpstreamFault): RunOutcome {
  const { vendorStatus, message } = fault;
  const seen = vendorStatus === null ? '' : `, whose status is "${boundText(vendorStatus, maxWordLength)}"`;
  return {
    status: 'error',
    errcode: errcodes.resultRefused,
    description: `the vendor does not give the result of the run${seen}: ${message}`,
    ...vendorOf(fault),
  };
}

/** An answer arrived, and nothing of it could be read. */
export function isUnreadable({ kind }: UpstreamFault): boolean {
  return kind === 'malformed' || kind === 'too-large';
}

/** The vendor did not accept the credentials. */
export function isRefusal({ httpStatus }: UpstreamFault): boolean {
  return httpStatus === 401 || httpStatus === 403;
}

/** The outcome of a run whose end, or whose answers in a row, cannot be read. */
export function unreadableAnswer(fault: UpstreamFault): RunOutcome {
  const { kind, vendorStatus, message } = fault;
  const seen = vendorStatus === null ? '' : ` that says "${boundText(vendorStatus, maxWordLength)}"`;
  return {
    status: 'error',
    errcode: kind === 'too-large' ? errcodes.answerTooLarge : errcodes.answerUnreadable,
    description: `the vendor gave an answer${seen}, and what came of the run cannot be read from it: ${message}`,
  };
}

export function unauthorised(fault: UpstreamFault, patienceMs: number): RunOutcome {
  const { message, httpStatus } = fault;
  return {
    status: 'error',
    errcode: errcodes.unauthorised,
    ...vendorOf(fault),
    description:
      `the vendor has answered ${httpStatus} for ${patienceMs / 1000} seconds, so that what came of the run cannot be ` +
      `asked with the credentials of its backend: ${message}`,
  };
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
