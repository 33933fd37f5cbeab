import { LRUCache } from 'lru-cache';
import { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';

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

  record(log: Log, agent: Agent, purpose: CallPurpose, fault: UpstreamFault): void {
    this.#metrics.count('upstream_faults', { backend: agent.backend, kind: fault.kind });
    const { kind, httpStatus, consequence } = fault;
    const fields = { purpose, kind, http_status: httpStatus, consequence, reason: fault.message };
    if (this.#isFirst(`${agent.backend}:${purpose}:${kind}:${httpStatus}`)) log.warn(fields, 'vendor call failed');
    else log.debug(fields, 'vendor call failed');
  }

  recordUnmapped(log: Log, agent: Agent, vendorStatus: string): void {
    this.#metrics.count('unmapped_status', { agent: agent.name });
    if (!this.#isFirst(`unmapped:${agent.name}:${vendorStatus}`)) return;
    log.warn({ vendor_status: vendorStatus }, 'vendor status not in the mapping; the run stays pending');
  }

  #isFirst(kind: string): boolean {
    if (this.#logged.has(kind)) return false;
    this.#logged.set(kind, true);
    return true;
  }
}

/** The fault of a vendor call. Rethrows anything else, which is a defect of ours. */
export function faultOf(error: unknown): UpstreamFault {
  if (error instanceof UpstreamFault) return error;
  throw error;
}
