import type { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { MappedStatus } from '../../contract/domain/mapping.ts';
import type { Waiting, WaitingCause } from '../../contract/domain/waiting.ts';
import { boundText } from '../../json/bound-text.ts';
import type { Hindrance } from '../limits/account-health.ts';
import type { PastWait, RunPermit } from '../limits/run-permit.ts';
import type { RunHandle } from '../state/run-handle.ts';
import type { WaitLook } from './wait-notes.ts';

type UnknownStatus = Pick<Extract<MappedStatus, { kind: 'unmapped' }>, 'vendorStatus' | 'nearest'>;

export type RunWaitDeps = {
  readonly handle: RunHandle;
  readonly runPermit: RunPermit;
  readonly clock: Clock;
  /** Called whenever the run has to wait outside its permit. */
  readonly onWait: () => void;
};

/** What follows "waiting for" in a run's events and in the description of its end. */
const words: Readonly<Record<WaitingCause, string>> = {
  'after-seconds': 'the delay that its client asked for (after_seconds)',
  'thread-busy': 'an earlier run of its thread',
  'max-concurrent-runs': 'a slot at its backend, whose maxConcurrentRuns is reached',
  'start-unsettled': "the vendor's word on a start that got no answer",
  budget: "its turn within the backend's requestsPerSecond",
  'replica-share': "this replica's share of the backend's budget",
  'rate-limited': 'the vendor to take calls again, which it refused with 429 or 503',
  'circuit-open': 'the vendor, which did not answer several calls in a row',
  unauthorised: 'the vendor to accept the credentials, which it refused with 401 or 403',
  'vendor-fault': 'the next attempt, because the last call to the vendor failed',
};

/** Of the words of a fault. */
const maxFaultLength = 500;
/** A call that has taken longer is named at the end of its run. */
const slowCallMs = 2000;

/** A past wait that took this share of the run's time is named at its end. */
const tellingShare = 0.25;
/** Writes about the waits of one run; each cause is an event once, and further changes are for other replicas. */
const maxWrites = 40;

/** Says what one live run waits for, whatever makes it wait. Nothing is computed before it is asked. */
export class RunWait {
  readonly #deps: RunWaitDeps;
  /** Since when an earlier run has had the run's thread; null: none has. */
  #threadBusySinceMs: number | null = null;
  #threadWait: PastWait | null = null;
  /** What the last call to the vendor ran into; null once one is answered. */
  #fault: WaitingCause | null = null;
  #retryAtMs: number | null = null;
  /** The last fault, in words, and how many equal ones there were in a row. */
  #lastFault: { readonly words: string; readonly key: string; readonly count: number } | null = null;
  /** The status that the vendor showed last, where the mapping does not have it. */
  #unknownStatus: UnknownStatus | null = null;
  /** When the call that is under way was sent. */
  #sentMs: number | null = null;
  #isUnsettled = false;
  /** At the last look. */
  #seen: WaitingCause | null = null;
  #writes = 0;
  readonly #noted = new Set<WaitingCause>();

  constructor(deps: RunWaitDeps) {
    this.#deps = deps;
  }

  /** Whether an earlier run has the run's thread. */
  noteThread(isBusy: boolean): void {
    const { clock } = this.#deps;
    if (isBusy) {
      this.#threadBusySinceMs ??= clock.monotonicMs();
      this.#deps.onWait();
    } else if (this.#threadBusySinceMs !== null) {
      this.#threadWait = { cause: 'thread-busy', tookMs: clock.monotonicMs() - this.#threadBusySinceMs };
      this.#threadBusySinceMs = null;
    }
  }

  /** A call failed. It is made again after `delayMs`; null: as the pace has it. */
  noteFault({ httpStatus, kind, message }: UpstreamFault, delayMs: number | null): void {
    this.#sentMs = null;
    this.#isUnsettled = false;
    const words = boundText(message, maxFaultLength);
    const key = `${kind} ${httpStatus} ${words}`;
    this.#lastFault = { words, key, count: this.#lastFault?.key === key ? this.#lastFault.count + 1 : 1 };
    this.#fault = causeOf(httpStatus);
    this.#retryAtMs = delayMs === null ? null : this.#deps.clock.monotonicMs() + delayMs;
    this.#deps.onWait();
  }

  /** The run waits for the delay that its client asked for. */
  noteDelay(): void {
    this.#deps.onWait();
  }

  /** A start got no answer; the vendor is asked for its run. */
  noteUnsettled(): void {
    this.#isUnsettled = true;
  }

  noteAnswer(): void {
    this.#fault = null;
    this.#lastFault = null;
    this.#sentMs = null;
  }

  /** A call is sent now. */
  noteCall(): void {
    this.#sentMs = this.#deps.clock.monotonicMs();
  }

  /** Null: the vendor's status is one of the mapping. */
  noteStatus(unknown: UnknownStatus | null): void {
    this.#unknownStatus = unknown;
  }

  /** How many calls in a row failed in the same way, up to the last one. */
  get equalFaults(): number {
    return this.#lastFault?.count ?? 0;
  }

  /** What the run waits for now, by the wall clock. Null: it does not wait, or only for its vendor to end it. */
  get current(): Waiting | null {
    const { clock } = this.#deps;
    const found = this.#hindrance();
    if (found === null) return null;
    return { cause: found.cause, retryAtMs: found.forMs === null ? null : clock.nowMs() + Math.max(0, found.forMs) };
  }

  /** Why the run has not ended, as clauses for the description of a timeout. Null: its vendor alone took too long. */
  describe(): string | null {
    const clauses = [this.#describeWait(), this.#describeCall(), this.#describeFault(), this.#describeStatus()];
    const known = clauses.filter((clause) => clause !== null);
    return known.length === 0 ? null : known.join('; ');
  }

  #describeCall(): string | null {
    const sentMs = this.#sentMs;
    const waitedMs = sentMs === null ? 0 : this.#deps.clock.monotonicMs() - sentMs;
    if (waitedMs < slowCallMs) return null;
    return `the vendor had not answered a call for ${Math.round(waitedMs / 1000)} seconds`;
  }

  #describeFault(): string | null {
    return this.#lastFault === null ? null : `the last call to the vendor failed: ${this.#lastFault.words}`;
  }

  #describeStatus(): string | null {
    if (this.#unknownStatus === null) return null;
    const { vendorStatus, nearest } = this.#unknownStatus;
    const hint = nearest === undefined ? '' : `, which has "${nearest}"`;
    return `the vendor's status was "${vendorStatus}", which is not in the status table of the mapping${hint}`;
  }

  /** What the run waits for, or a wait that is over and took much of its time. */
  #describeWait(): string | null {
    const found = this.#hindrance();
    if (found !== null) return `it was waiting for ${describeWaiting(found.cause)}`;
    const { handle, runPermit } = this.#deps;
    if (handle.run.phase === 'interrupted') return 'it was waiting for its client to send a payload';
    const { deadlineAtMs, createdAtMs } = handle.run;
    const past = longer(this.#threadWait, runPermit.longestWait);
    if (past === null || past.tookMs < (deadlineAtMs - createdAtMs) * tellingShare) return null;
    return `it had waited ${Math.round(past.tookMs / 1000)} seconds for ${describeWaiting(past.cause)}`;
  }

  /** Compares with the last look, and with what is recorded. */
  look(): WaitLook {
    const cause = this.#hindrance()?.cause ?? null;
    const isLasting = cause === this.#seen;
    this.#seen = cause;
    const recorded = this.#deps.handle.run.waiting?.cause ?? null;
    const isNews = cause !== recorded && this.#writes < maxWrites;
    if (isNews) return isLasting ? 'due' : 'news';
    return cause !== null ? 'waits' : 'rests';
  }

  /** Records what the run waits for. Never rejects. */
  async record(): Promise<void> {
    const waiting = this.current;
    this.#writes += 1;
    const isNews = waiting !== null && !this.#noted.has(waiting.cause);
    if (isNews) this.#noted.add(waiting.cause);
    const note = isNews ? `waiting for ${describeWaiting(waiting.cause)}` : null;
    await this.#deps.handle.tryRecord({ kind: 'wait', waiting, note });
  }

  #hindrance(): Hindrance | null {
    const { handle, runPermit } = this.#deps;
    switch (handle.run.phase) {
      case 'queued':
        if (this.#threadBusySinceMs !== null) return this.#afterSeconds() ?? { cause: 'thread-busy', forMs: null };
        return this.#afterSeconds() ?? runPermit.startHindrance() ?? this.#faultHindrance();
      case 'starting':
        return this.#isUnsettled ? { cause: 'start-unsettled', forMs: null } : null;
      case 'resuming':
      case 'running':
        return runPermit.callHindrance() ?? this.#faultHindrance();
      default:
        // A call is under way, or the run waits for its client.
        return null;
    }
  }

  /** Known before the run's loop gets there, so that the answer to its creation says it. */
  #afterSeconds(): Hindrance | null {
    const { handle, clock } = this.#deps;
    const { afterMs = 0 } = handle.run.request;
    const forMs = afterMs === 0 ? 0 : handle.createdMonotonicMs + afterMs - clock.monotonicMs();
    return forMs > 0 ? { cause: 'after-seconds', forMs } : null;
  }

  #faultHindrance(): Hindrance | null {
    if (this.#fault === null) return null;
    const forMs = this.#retryAtMs === null ? -1 : this.#retryAtMs - this.#deps.clock.monotonicMs();
    return { cause: this.#fault, forMs: forMs < 0 ? null : forMs };
  }
}

function describeWaiting(cause: WaitingCause): string {
  return words[cause];
}

function longer(one: PastWait | null, other: PastWait | null): PastWait | null {
  return (one?.tookMs ?? 0) > (other?.tookMs ?? 0) ? one : other;
}

function causeOf(httpStatus: number | null): WaitingCause {
  if (httpStatus === 401 || httpStatus === 403) return 'unauthorised';
  return httpStatus === 429 || httpStatus === 503 ? 'rate-limited' : 'vendor-fault';
}
