import type { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { MappedStatus } from '../../contract/domain/mapping.ts';
import type { Waiting, WaitingCause } from '../../contract/domain/waiting.ts';
import { boundText } from '../../json/bound-text.ts';
import type { Hindrance } from '../limits/account-health.ts';
import type { PastWait, RunPermit } from '../limits/run-permit.ts';
import type { RunHandle } from '../state/run-handle.ts';
import type { UnknownStatus as LiveUnknownStatus } from './live-runs.ts';
import type { WaitLook } from './wait-notes.ts';

type UnknownStatus = Pick<Extract<MappedStatus, { kind: 'unmapped' }>, 'vendorStatus' | 'nearest'>;

export type RunWaitDeps = {
  readonly handle: RunHandle;
  readonly runPermit: RunPermit;
  readonly memory: WaitingMemory;
  readonly clock: Clock;
  /** Called whenever the run has to wait outside its permit. */
  readonly onWait: () => void;
};

/** What is remembered of a run's waits; null for the many that have waited for nothing but their vendor. */
export type WaitingMemory = {
  waits: Waits | null;
  /** What the run waits for is to be recorded when it has its loop again. */
  owesWait: boolean;
};

type Waits = {
  /** Since when an earlier run has had the run's thread; null: none has. */
  threadBusySinceMs: number | null;
  threadWait: PastWait | null;
  /** What the last call to the vendor ran into; null once one is answered. */
  fault: WaitingCause | null;
  retryAtMs: number | null;
  /** The last fault, in words, and how many equal ones there were in a row. */
  lastFault: { readonly words: string; readonly key: string; readonly count: number } | null;
  /** The status that the vendor showed last, where the mapping does not have it. */
  unknownStatus: UnknownStatus | null;
  /** Why the run does not go on at the vendor, in the words of the last look. */
  stuck: string | null;
  /** At the last look. */
  seen: WaitingCause | null;
  /** How often what the run waits for was recorded, and which causes an event names. */
  writes: number;
  readonly noted: WaitingCause[];
};

/** What follows "waiting for" in a run's events and in the description of its end. */
const words: Readonly<Record<WaitingCause, string>> = {
  stopped: 'the operator, who has stopped its agent, its backend or its tenant from starting runs',
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
  'vendor-stuck': 'the vendor, where nothing works at the run',
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
  /** When the call that is under way was sent. */
  #sentMs: number | null = null;
  #isUnsettled = false;
  #isStopped = false;

  constructor(deps: RunWaitDeps) {
    this.#deps = deps;
  }

  /** Whether an earlier run has the run's thread. */
  noteThread(isBusy: boolean): void {
    const { clock, memory, onWait } = this.#deps;
    if (isBusy) {
      waitsOf(memory).threadBusySinceMs ??= clock.monotonicMs();
      onWait();
    } else if (memory.waits !== null && memory.waits.threadBusySinceMs !== null) {
      const tookMs = clock.monotonicMs() - memory.waits.threadBusySinceMs;
      memory.waits.threadWait = { cause: 'thread-busy', tookMs };
      memory.waits.threadBusySinceMs = null;
    }
  }

  /** A call failed. It is made again after `delayMs`; null: as the pace has it. */
  noteFault({ httpStatus, kind, message }: UpstreamFault, delayMs: number | null): void {
    this.#sentMs = null;
    this.#isUnsettled = false;
    const words = boundText(message, maxFaultLength);
    const key = `${kind} ${httpStatus} ${words}`;
    const waits = waitsOf(this.#deps.memory);
    waits.lastFault = { words, key, count: waits.lastFault?.key === key ? waits.lastFault.count + 1 : 1 };
    waits.fault = causeOf(httpStatus);
    waits.retryAtMs = delayMs === null ? null : this.#deps.clock.monotonicMs() + delayMs;
    this.#deps.onWait();
  }

  /** Whether an operator keeps the run from its start. */
  noteStop(isStopped: boolean): void {
    this.#isStopped = isStopped;
    if (isStopped) this.#deps.onWait();
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
    this.#sentMs = null;
    const { waits } = this.#deps.memory;
    if (waits === null) return;
    waits.fault = null;
    waits.lastFault = null;
  }

  /** A call is sent now. */
  noteCall(): void {
    this.#sentMs = this.#deps.clock.monotonicMs();
  }

  /** Null: the vendor's status is one of the mapping. */
  noteStatus(unknown: UnknownStatus | null): void {
    const { memory } = this.#deps;
    if (unknown !== null) waitsOf(memory).unknownStatus = unknown;
    else if (memory.waits !== null) memory.waits.unknownStatus = null;
  }

  /** Why the run does not go on at the vendor; null: nothing shows that. */
  noteStuck(stuck: string | null): void {
    const { memory, onWait } = this.#deps;
    if (stuck === null) {
      if (memory.waits !== null) memory.waits.stuck = null;
      return;
    }
    waitsOf(memory).stuck = boundText(stuck, maxFaultLength);
    onWait();
  }

  /** How many calls in a row failed in the same way, up to the last one. */
  get equalFaults(): number {
    return this.#deps.memory.waits?.lastFault?.count ?? 0;
  }

  /** What the run waits for now, by the wall clock. Null: it does not wait, or only for its vendor to end it. */
  get current(): Waiting | null {
    return waitingFor(this.#hindrance(), this.#deps.clock);
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
    const lastFault = this.#deps.memory.waits?.lastFault ?? null;
    return lastFault === null ? null : `the last call to the vendor failed: ${lastFault.words}`;
  }

  #describeStatus(): string | null {
    const unknownStatus = this.#deps.memory.waits?.unknownStatus ?? null;
    if (unknownStatus === null) return null;
    const { vendorStatus, nearest } = unknownStatus;
    const hint = nearest === undefined ? '' : `, which has "${nearest}"`;
    return `the vendor's status was "${vendorStatus}", which is not in the status table of the mapping${hint}`;
  }

  /** What the run waits for, or a wait that is over and took much of its time. */
  #describeWait(): string | null {
    const found = this.#hindrance();
    if (found !== null) return this.#describeNow(found.cause, 'it was waiting for ');
    const { handle, runPermit, memory } = this.#deps;
    if (handle.run.phase === 'interrupted') return 'it was waiting for its client to send a payload';
    const { deadlineAtMs, createdAtMs } = handle.run;
    const past = longer(memory.waits?.threadWait ?? null, runPermit.longestWait);
    if (past === null || past.tookMs < (deadlineAtMs - createdAtMs) * tellingShare) return null;
    return `it had waited ${Math.round(past.tookMs / 1000)} seconds for ${describeWaiting(past.cause)}`;
  }

  /** What the vendor shows of a run in its own words says more than the cause. */
  #describeNow(cause: WaitingCause, before: string): string {
    const stuck = this.#deps.memory.waits?.stuck ?? null;
    return cause === 'vendor-stuck' && stuck !== null ? `at the vendor, ${stuck}` : before + describeWaiting(cause);
  }

  /** Compares with the last look, and with what is recorded. */
  look(): WaitLook {
    const { memory, handle } = this.#deps;
    return lookAtWait(memory, this.#hindrance()?.cause ?? null, handle.run.waiting?.cause ?? null);
  }

  /** Records what the run waits for. Never rejects. */
  async record(): Promise<void> {
    const waiting = this.current;
    const waits = waitsOf(this.#deps.memory);
    waits.writes += 1;
    const isNews = waiting !== null && !waits.noted.includes(waiting.cause);
    if (isNews) waits.noted.push(waiting.cause);
    const note = isNews ? this.#describeNow(waiting.cause, 'waiting for ') : null;
    await this.#deps.handle.tryRecord({ kind: 'wait', waiting, note });
  }

  #hindrance(): Hindrance | null {
    const { handle, runPermit, memory, clock } = this.#deps;
    const isThreadBusy = memory.waits !== null && memory.waits.threadBusySinceMs !== null;
    switch (handle.run.phase) {
      case 'queued':
        if (this.#isStopped) return { cause: 'stopped', forMs: null };
        if (isThreadBusy) return this.#afterSeconds() ?? { cause: 'thread-busy', forMs: null };
        return this.#afterSeconds() ?? runPermit.startHindrance() ?? vendorHindrance(memory, clock);
      case 'starting':
        return this.#isUnsettled ? { cause: 'start-unsettled', forMs: null } : null;
      case 'resuming':
      case 'running':
        return runPermit.callHindrance() ?? vendorHindrance(memory, clock);
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
}

function waitsOf(memory: WaitingMemory): Waits {
  memory.waits ??= {
    ...{
      threadBusySinceMs: null,
      threadWait: null,
      fault: null,
      retryAtMs: null,
      lastFault: null,
      unknownStatus: null,
      stuck: null,
    },
    ...{ seen: null, writes: 0, noted: [] },
  };
  return memory.waits;
}

/** What the last call to the vendor ran into, until one is answered; or what its answer showed of the run. */
export function vendorHindrance({ waits }: WaitingMemory, clock: Clock): Hindrance | null {
  if (waits === null) return null;
  if (waits.fault === null) return waits.stuck === null ? null : { cause: 'vendor-stuck', forMs: null };
  const forMs = waits.retryAtMs === null ? -1 : waits.retryAtMs - clock.monotonicMs();
  return { cause: waits.fault, forMs: forMs < 0 ? null : forMs };
}

/** Compares what a run waits for with the last look, and with what is recorded. */
export function lookAtWait(memory: WaitingMemory, cause: WaitingCause | null, recorded: WaitingCause | null): WaitLook {
  if (cause === null && recorded === null && memory.waits === null) return 'rests';
  const waits = waitsOf(memory);
  const isLasting = cause === waits.seen;
  waits.seen = cause;
  const isNews = cause !== recorded && waits.writes < maxWrites;
  if (isNews) return isLasting ? 'due' : 'news';
  return cause !== null ? 'waits' : 'rests';
}

/** A hindrance by the wall clock, as it is stored and shown. */
export function waitingFor(found: Hindrance | null, clock: Clock): Waiting | null {
  if (found === null) return null;
  return { cause: found.cause, retryAtMs: found.forMs === null ? null : clock.nowMs() + Math.max(0, found.forMs) };
}

/** What follows "waiting for". */
export function describeWaiting(cause: WaitingCause): string {
  return words[cause];
}

function longer(one: PastWait | null, other: PastWait | null): PastWait | null {
  return (one?.tookMs ?? 0) > (other?.tookMs ?? 0) ? one : other;
}

function causeOf(httpStatus: number | null): WaitingCause {
  if (httpStatus === 401 || httpStatus === 403) return 'unauthorised';
  return httpStatus === 429 || httpStatus === 503 ? 'rate-limited' : 'vendor-fault';
}

export function unknownStatusOf({ waits }: WaitingMemory, { name }: Pick<Agent, 'name'>): LiveUnknownStatus | null {
  const unknown = waits?.unknownStatus ?? null;
  return unknown === null ? null : { agentName: name, ...unknown };
}
