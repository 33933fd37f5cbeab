/** What a call showed of the backend. `unclear`: nothing, as when it was cut short by ourselves. */
export type CallResult = 'answered' | 'silent' | 'unclear';

type State =
  | { readonly kind: 'closed'; readonly silences: number }
  | { readonly kind: 'open'; readonly untilMs: number; readonly probes: number }
  | { readonly kind: 'probing'; readonly probes: number };

/** So many calls in a row without an answer are no accident. */
const silencesToOpen = 5;
const firstRestMs = 1000;
const maxRestMs = 60_000;

/**
 * Leaves a backend alone that does not answer: after repeated transport faults one call at a time goes through, at
 * growing intervals, until one is answered. Any answer counts, an error status too.
 *
 * Our own page: the libraries for this (cockatiel, opossum) own timers and the wall clock, and wrap a function that they
 * reject at once; here calls wait in a queue that already has a clock, and which of them probes is ours to choose.
 */
export class CircuitBreaker {
  #state: State = { kind: 'closed', silences: 0 };

  get isClosed(): boolean {
    return this.#state.kind === 'closed';
  }

  /** Until a call may go; `Infinity` while another one probes. With a reluctance it goes so much later as a probe. */
  waitMs(nowMs: number, reluctanceMs = 0): number {
    if (this.#state.kind === 'closed') return 0;
    if (this.#state.kind === 'probing') return Number.POSITIVE_INFINITY;
    return Math.max(0, Math.min(this.#state.untilMs + reluctanceMs - nowMs, maxRestMs + reluctanceMs));
  }

  /** A call goes now. True: it is a probe, which {@link settle} must be told. */
  take(): boolean {
    if (this.#state.kind !== 'open') return false;
    this.#state = { kind: 'probing', probes: this.#state.probes + 1 };
    return true;
  }

  /** What became of a call; `random` in [0, 1). Tells what changed. */
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
    // Calls that were under way when it opened tell nothing new.
    if (!isProbe || state.kind !== 'probing') return null;
    this.#state =
      result === 'unclear'
        ? { kind: 'open', untilMs: nowMs, probes: state.probes - 1 }
        : openFor(state.probes, nowMs, random);
    return null;
  }
}

function openFor(probes: number, nowMs: number, random: number): State {
  const restMs = Math.min(firstRestMs * 2 ** Math.min(probes, 16), maxRestMs);
  return { kind: 'open', untilMs: nowMs + restMs * (0.75 + 0.25 * random), probes };
}
