import { backoffMs } from '../backoff.ts';

/** What a call showed about the backend. `unclear`: nothing, for example because we aborted it. */
export type CallResult = 'answered' | 'silent' | 'unclear';

type State =
  | { readonly kind: 'closed'; readonly silences: number }
  | { readonly kind: 'open'; readonly untilMs: number; readonly probes: number }
  | { readonly kind: 'probing'; readonly probes: number };

/** Calls in a row without an answer that open the circuit. */
const silencesToOpen = 5;
const probeBackoff = { firstMs: 1000, maxMs: 60_000, growth: 2, jitterShare: 0.25 };

/**
 * The circuit of one backend. After repeated transport faults it lets one call at a time through, at growing intervals,
 * until one is answered. Any answer closes it, an error status too. docs/decisions/015 says why it is no library.
 */
export class CircuitBreaker {
  #state: State = { kind: 'closed', silences: 0 };

  get isClosed(): boolean {
    return this.#state.kind === 'closed';
  }

  /** Milliseconds until a call may go; `Infinity` while another one probes. `reluctanceMs` delays a call as a probe. */
  waitMs(nowMs: number, reluctanceMs = 0): number {
    if (this.#state.kind === 'closed') return 0;
    if (this.#state.kind === 'probing') return Number.POSITIVE_INFINITY;
    return Math.max(0, Math.min(this.#state.untilMs + reluctanceMs - nowMs, probeBackoff.maxMs + reluctanceMs));
  }

  /** The next call may probe at once. */
  hasten(nowMs: number): void {
    if (this.#state.kind === 'open') this.#state = { ...this.#state, untilMs: nowMs };
  }

  /** Counts a call that goes now. True: it is a probe, which {@link settle} has to know. */
  enter(): boolean {
    if (this.#state.kind !== 'open') return false;
    this.#state = { kind: 'probing', probes: this.#state.probes + 1 };
    return true;
  }

  /** Records the result of a call; `random` is in [0, 1). Returns what changed, if anything. */
  settle(
    result: CallResult,
    isProbe: boolean,
    { nowMs, random }: { readonly nowMs: number; readonly random: number },
  ): 'opened' | 'closed' | null {
    const state = this.#state;
    if (result === 'answered') {
      if (state.kind === 'closed' && state.silences === 0) return null;
      this.#state = { kind: 'closed', silences: 0 };
      return state.kind === 'closed' ? null : 'closed';
    }
    if (state.kind === 'closed') {
      if (result === 'unclear') return null;
      const silences = state.silences + 1;
      this.#state = silences < silencesToOpen ? { kind: 'closed', silences } : openFor(0, nowMs, random);
      return this.#state.kind === 'open' ? 'opened' : null;
    }
    // Calls that were under way when the circuit opened add nothing to what is known.
    if (!isProbe || state.kind !== 'probing') return null;
    this.#state =
      result === 'unclear'
        ? { kind: 'open', untilMs: nowMs, probes: state.probes - 1 }
        : openFor(state.probes, nowMs, random);
    return null;
  }
}

function openFor(probes: number, nowMs: number, random: number): State {
  return { kind: 'open', untilMs: nowMs + backoffMs(probeBackoff, probes, random), probes };
}
