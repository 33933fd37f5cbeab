import { LRUCache } from 'lru-cache';
import { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import { MappingFault } from '../../contract/domain/mapping.ts';
import type { RunOutcome } from './state-machine.ts';

/** What a vendor is called for; a label of the log. */
type CallPurpose = 'start' | 'observe' | 'resume' | 'cancel';

/** Kinds of faults that are remembered as logged. */
const maxKinds = 10_000;

/** Counts every fault of a vendor call and logs the first of each kind; the rest go to the debug level. */
export class FaultRecorder {
  readonly #metrics: Metrics;
  /** Bounded, because a vendor chooses the statuses: the first fault of a forgotten kind is logged once more. */
  readonly #logged = new LRUCache<string, true>({ max: maxKinds });

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  note(log: Log, agent: Agent, purpose: CallPurpose, fault: UpstreamFault): void {
    this.#metrics.count('upstream_faults', { backend: agent.backend, kind: fault.kind });
    const { kind, httpStatus, consequence } = fault;
    const fields = { purpose, kind, httpStatus, consequence, reason: fault.message };
    if (this.#isFirst(`${agent.backend}:${purpose}:${kind}:${httpStatus}`)) log.warn(fields, 'vendor call failed');
    else log.debug(fields, 'vendor call failed');
  }

  noteUnmapped(log: Log, agent: Agent, vendorStatus: string): void {
    this.#metrics.count('unmapped_status', { agent: agent.name });
    if (!this.#isFirst(`unmapped:${agent.name}:${vendorStatus}`)) return;
    log.warn({ vendorStatus }, 'the mapping does not know this vendor status; the run stays pending');
  }

  #isFirst(kind: string): boolean {
    if (this.#logged.has(kind)) return false;
    this.#logged.set(kind, true);
    return true;
  }
}

/** The fault of a vendor call; anything else is a defect of ours and goes on up. */
export function faultOf(error: unknown): UpstreamFault {
  if (error instanceof UpstreamFault) return error;
  throw error;
}

export function unknownStart(reason: string): RunOutcome {
  return {
    status: 'error',
    errcode: errcodes.startUnknown,
    description: `it is not known whether the vendor started the run, so it is not started again: ${reason}`,
  };
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

/** How a run ends whose message found the living agent of its thread gone; nobody has taken the message. */
export function lostAgent(reason: string): RunOutcome {
  return {
    status: 'error',
    errcode: errcodes.upstreamGone,
    description: `the thread's agent has ended at the vendor and did not take the input; the next run schedules a new one: ${reason}`,
  };
}

/** How a run ends whose mapping failed; anything but a `MappingFault` goes on up. */
export function failedMapping(error: unknown): RunOutcome {
  if (!(error instanceof MappingFault)) throw error;
  return { status: 'error', errcode: errcodes.mappingFailed, description: error.message };
}
