import type { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import {
  isRefusal,
  isUnreadable,
  lostUpstream,
  refusedResult,
  unauthorised,
  unreadableAnswer,
} from '../state/outcomes.ts';
import type { RunOutcome } from '../state/state-machine.ts';

/**
 * This many answers in a row that cannot be read, or refuse the result, for the same reason, end a run: another look would
 * show no more.
 */
export const maxEqualFaults = 3;

/** What is remembered of a vendor that says no, by the monotonic clock. */
export type PatienceMemory = {
  /** Since when the vendor has answered that it does not know the run. */
  goneSinceMs: number | null;
  /** Since when the vendor has refused the credentials. */
  refusedSinceMs: number | null;
};

/**
 * Decides when polls that fail end their run: what may heal is waited for until the run's deadline, what cannot heal ends
 * the run, with an errcode of its own.
 */
export class LookPatience {
  readonly #agent: Agent;
  readonly #clock: Clock;
  readonly #memory: PatienceMemory;

  constructor(agent: Agent, clock: Clock, memory: PatienceMemory) {
    this.#agent = agent;
    this.#clock = clock;
    this.#memory = memory;
  }

  noteAnswer(): void {
    this.#memory.goneSinceMs = null;
    this.#memory.refusedSinceMs = null;
  }

  /** The end that a fault means for the run. Null: it is polled again. `equalFaults` counts those in a row, this one too. */
  judge(fault: UpstreamFault, equalFaults: number): RunOutcome | null {
    const { lostAfterMs, unauthorisedAfterMs, mapping } = this.#agent;
    const nowMs = this.#clock.monotonicMs();
    if (fault.consequence === 'gone') {
      // The vendor looked the run up, so it accepts the credentials.
      this.#memory.refusedSinceMs = null;
      this.#memory.goneSinceMs ??= nowMs;
      if (nowMs - this.#memory.goneSinceMs < lostAfterMs) return null;
      return fault.step === 'result' ? refusedResult(fault) : lostUpstream(fault);
    }
    if (isRefusal(fault)) {
      this.#memory.refusedSinceMs ??= nowMs;
      return nowMs - this.#memory.refusedSinceMs < unauthorisedAfterMs
        ? null
        : unauthorised(fault, unauthorisedAfterMs);
    }
    if (fault.step === 'result' && fault.consequence === 'rejected') {
      return equalFaults < maxEqualFaults ? null : refusedResult(fault);
    }
    if (!isUnreadable(fault)) return null;
    const { vendorStatus } = fault;
    const isFinal = vendorStatus === null ? null : mapping.isFinal(vendorStatus);
    if (isFinal === true) return unreadableAnswer(fault);
    // A run that goes on may end with an answer that can be read.
    return isFinal === false || equalFaults < maxEqualFaults ? null : unreadableAnswer(fault);
  }

  /** When the patience with a vendor that says no ends, by the monotonic clock: the run is polled once more then. */
  get endsMs(): number | null {
    const { lostAfterMs, unauthorisedAfterMs } = this.#agent;
    if (this.#memory.goneSinceMs !== null) return this.#memory.goneSinceMs + lostAfterMs;
    return this.#memory.refusedSinceMs === null ? null : this.#memory.refusedSinceMs + unauthorisedAfterMs;
  }
}
