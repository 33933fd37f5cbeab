import { Repeats } from '../../collections/repeats.ts';
import { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import type { MappedStatus } from '../../contract/domain/mapping.ts';

/** What a vendor is called for; a label of the log. */
export type CallPurpose = 'start' | 'observe' | 'attend' | 'resume' | 'cancel';

const repeatOptions = { repeatMs: 600_000, maxTimes: 5, maxKinds: 10_000 };

/**
 * Counts every fault of a vendor call, and logs each kind when it is new: the first time, after calls of that purpose were
 * answered in between, and every ten minutes while it goes on. The rest go to the debug level, and are counted.
 */
export class FaultRecorder {
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #repeats = new Repeats(repeatOptions);

  constructor(metrics: Metrics, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
  }

  record(log: Log, agent: Agent, purpose: CallPurpose, fault: UpstreamFault): void {
    this.#metrics.count('upstream_faults', { backend: agent.backend, kind: fault.kind });
    const { kind, httpStatus, rpc, consequence } = fault;
    const status = rpc === null ? { http_status: httpStatus } : { grpc_status: rpc.code };
    const fields = { purpose, kind, ...status, consequence, reason: fault.message };
    const group = `${agent.backend}:${purpose}`;
    const suppressed = this.#admit(`${group}:${kind}:${httpStatus}`, group);
    if (suppressed === null) log.debug(fields, 'vendor call failed');
    else log.warn({ ...fields, ...suppressed }, 'vendor call failed');
  }

  /** A call was answered, so that a fault of the next one is a new one. */
  noteAnswer(agent: Agent, purpose: CallPurpose): void {
    this.#repeats.noteWell(`${agent.backend}:${purpose}`);
  }

  /** The vendor shows a status that the mapping does not have. */
  recordUnmapped(log: Log, agent: Agent, status: Extract<MappedStatus, { kind: 'unmapped' }>): void {
    this.#metrics.count('unmapped_status', { agent: agent.name });
    const { vendorStatus, nearest } = status;
    const suppressed = this.#admit(`unmapped:${agent.name}:${vendorStatus}`, `unmapped:${agent.name}`);
    if (suppressed === null) return;
    const fields = { vendor_status: vendorStatus, nearest_status: nearest, ...suppressed };
    log.warn(fields, 'vendor status not in the mapping; the run stays pending');
  }

  /** A run of the agent shows a status that the mapping has. */
  noteMapped(agent: Agent): void {
    this.#repeats.noteWell(`unmapped:${agent.name}`);
  }

  #admit(kind: string, group: string): { readonly suppressed?: number } | null {
    const heldBack = this.#repeats.admit(kind, group, this.#clock.monotonicMs());
    if (heldBack === null) return null;
    return heldBack === 0 ? {} : { suppressed: heldBack };
  }
}

/** The fault of a vendor call. Rethrows anything else, which is a defect of ours. */
export function faultOf(error: unknown): UpstreamFault {
  if (error instanceof UpstreamFault) return error;
  throw error;
}
