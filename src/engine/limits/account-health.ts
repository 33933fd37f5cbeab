import { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { WaitingCause } from '../../contract/domain/waiting.ts';
import { type CallResult, CircuitBreaker } from './circuit-breaker.ts';

/** `paused`: the vendor asked for a pause by Retry-After; `down`: the circuit is open. */
export type AccountState = 'up' | 'paused' | 'down';

/** What holds a call up, and for how long as far as that is known. */
export type Hindrance = { readonly cause: WaitingCause; readonly forMs: number | null };

/** `pausing`: the vendor answered that it takes no calls for a while. */
export type PausableResult = CallResult | 'pausing';

/** The probes that one call is. */
export type Probes = { readonly ofCircuit: boolean; readonly ofPause: boolean };

const noProbe: Probes = { ofCircuit: false, ofPause: false };

/** After a pause or an outage, for this long the calls that queued up are spaced out. */
const jamMs = 10_000;

/**
 * What calls have shown of one account at a vendor: whether it is answered, and whether the vendor asked for a pause. The
 * call queues of all backends that use the account share it.
 */
export class AccountHealth {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #breaker = new CircuitBreaker();
  /** Admits calls that may go again, one a queue. */
  readonly #pumps = new Set<() => void>();
  #pausedUntilMs = 0;
  /** From then on one call may probe the pause. Never after its end. */
  #pauseProbeMs = 0;
  #isProbingPause = false;
  #jammedUntilMs = 0;

  constructor(deps: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  get state(): AccountState {
    if (!this.#breaker.isClosed) return 'down';
    return this.#clock.monotonicMs() < this.#pausedUntilMs ? 'paused' : 'up';
  }

  get isCircuitClosed(): boolean {
    return this.#breaker.isClosed;
  }

  /** Nothing is known of the account that would outlive it. */
  get isForgettable(): boolean {
    return this.#breaker.isClosed && this.#clock.monotonicMs() >= Math.max(this.#pausedUntilMs, this.#jammedUntilMs);
  }

  /** `pump` is called when calls may go again. Returns a function that ends that. */
  join(pump: () => void): () => void {
    this.#pumps.add(pump);
    return () => this.#pumps.delete(pump);
  }

  /** Milliseconds until a call may go; `Infinity` while another one probes the circuit. */
  waitMs(nowMs: number, reluctanceMs: number): number {
    return Math.max(this.#pauseWaitMs(nowMs), this.#breaker.waitMs(nowMs, reluctanceMs));
  }

  /** What holds up every call of the account. Null: nothing. */
  hindrance(): Hindrance | null {
    const nowMs = this.#clock.monotonicMs();
    if (!this.#breaker.isClosed) return { cause: 'circuit-open', forMs: finite(this.#breaker.waitMs(nowMs)) };
    return nowMs < this.#pausedUntilMs ? { cause: 'rate-limited', forMs: this.#pauseWaitMs(nowMs) } : null;
  }

  /** From 1 right after a pause or an outage down to 0 when its jam is over. */
  jamShare(nowMs: number): number {
    return Math.max(0, Math.min((this.#jammedUntilMs - nowMs) / jamMs, 1));
  }

  /** Counts a call that goes now. Gives what it probes, which {@link settle} has to know. */
  enter(): Probes {
    const ofCircuit = this.#breaker.enter();
    const ofPause = this.#clock.monotonicMs() < this.#pausedUntilMs;
    if (ofPause) this.#isProbingPause = true;
    return ofCircuit || ofPause ? { ofCircuit, ofPause } : noProbe;
  }

  /** What a fault shows of the account; a pause begins here, and lasts for `maxPauseMs` at most before a probe. */
  judge(error: unknown, maxPauseMs: number): PausableResult {
    if (!(error instanceof UpstreamFault)) return 'unclear';
    switch (error.kind) {
      case 'refused':
      case 'reset':
      case 'timeout':
      case 'cut':
        return 'silent';
      case 'aborted':
        return 'unclear';
      default:
        if (error.retryAfterMs !== null && pausesAccount(error.httpStatus)) {
          this.#pause(error.retryAfterMs, maxPauseMs);
          return 'pausing';
        }
        return 'answered';
    }
  }

  /** One call may probe at once, however long the pause or the circuit would keep it. */
  hasten(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#pauseProbeMs = Math.min(this.#pauseProbeMs, nowMs);
    this.#breaker.hasten(nowMs);
    this.#admit();
  }

  /** Takes back a call that is not sent. */
  abandon({ ofCircuit, ofPause }: Probes): void {
    if (ofPause) this.#isProbingPause = false;
    this.#settleCircuit('unclear', ofCircuit);
    if (ofCircuit || ofPause) this.#admit();
  }

  /** Records the result of a call. */
  settle(result: PausableResult, { ofCircuit, ofPause }: Probes, maxPauseMs: number): void {
    if (ofPause) this.#settlePauseProbe(result, maxPauseMs);
    const hasChanged = this.#settleCircuit(result === 'pausing' ? 'answered' : result, ofCircuit);
    if (ofCircuit || ofPause || hasChanged) this.#admit();
  }

  #admit(): void {
    for (const pump of this.#pumps) pump();
  }

  #settleCircuit(result: CallResult, ofCircuit: boolean): boolean {
    const change = this.#breaker.settle(result, ofCircuit, {
      nowMs: this.#clock.monotonicMs(),
      random: this.#clock.random(),
    });
    if (change === 'opened') {
      this.#log.warn({}, 'circuit opened; probing with backoff');
    } else if (change === 'closed') {
      this.#jammedUntilMs = this.#clock.monotonicMs() + jamMs;
      this.#log.info({}, 'circuit closed');
    }
    return change !== null;
  }

  #pauseWaitMs(nowMs: number): number {
    return (this.#isProbingPause ? this.#pausedUntilMs : this.#pauseProbeMs) - nowMs;
  }

  #pause(retryAfterMs: number, maxPauseMs: number): void {
    const untilMs = this.#clock.monotonicMs() + retryAfterMs;
    const probeMs = Math.min(untilMs, this.#clock.monotonicMs() + maxPauseMs);
    if (probeMs <= this.#pauseProbeMs && untilMs <= this.#pausedUntilMs) return;
    if (this.state !== 'paused')
      this.#log.warn({ retry_after_ms: retryAfterMs }, 'backend rate-limited; pausing calls');
    this.#pausedUntilMs = Math.max(untilMs, this.#pausedUntilMs);
    this.#pauseProbeMs = Math.max(probeMs, this.#pauseProbeMs);
    this.#jammedUntilMs = this.#pausedUntilMs + jamMs;
  }

  /** Any answer but another request for a pause ends the pause before its time. */
  #settlePauseProbe(result: PausableResult, maxPauseMs: number): void {
    this.#isProbingPause = false;
    if (result === 'pausing') return;
    if (result === 'answered') {
      this.#pausedUntilMs = this.#clock.monotonicMs();
      this.#jammedUntilMs = this.#pausedUntilMs + jamMs;
    } else this.#pauseProbeMs = this.#clock.monotonicMs() + maxPauseMs;
  }
}

/** Only these speak for the whole account; any other answer with a Retry-After slows its own run alone. */
export function pausesAccount(httpStatus: number | null): boolean {
  return httpStatus === 429 || httpStatus === 503;
}

function finite(ms: number): number | null {
  return Number.isFinite(ms) ? ms : null;
}
