import type { ListNode } from '../../collections/linked-list.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Run, RunPhase } from '../../contract/domain/run.ts';
import type { Waiting, WaitingCause } from '../../contract/domain/waiting.ts';
import { measureJson } from '../../json/measure-json.ts';
import type { LiveRun, Renewal, UnknownStatus } from './live-runs.ts';
import type { RunMemory } from './run-memory.ts';
import { unknownStatusOf } from './run-wait.ts';
import type { WaitLook } from './wait-notes.ts';

/** A run that sleeps for longer is parked: below that, reading it again costs more than its loop. */
export const minParkMs = 1000;
/** The same for a run whose reading takes longer. */
const minParkLargeMs = 60_000;
/** So that polls that were put off together do not come together again. */
const standBackSpread = 0.25;
const small = { maxNodes: 500, maxChars: 16_384 };

/** What parked runs share. */
export type Parking = {
  /** Reads the run and gives it a loop again. Does nothing for one that is being read. */
  rouse(parked: ParkedRun): void;
  refresh(parked: ParkedRun, run: Run | null): void;
  waitingFor(parked: ParkedRun): Waiting | null;
  lookAtWait(parked: ParkedRun): WaitLook;
  /** Counts the run at the account that its backend has now. */
  reclaim(parked: ParkedRun): void;
  /** Forgets the run, which is over here. */
  drop(parked: ParkedRun): void;
};

export type ParkedRunOptions = {
  readonly run: Run;
  readonly agent: Agent;
  readonly memory: RunMemory;
};

/**
 * A live run that sleeps: what has to be known of it without a look into the store, and no more, because there may be
 * a hundred thousand of them. Whatever happens to it is done by what parked runs share.
 */
export class ParkedRun implements LiveRun {
  readonly runId: string;
  readonly tenant: string;
  readonly threadId: string | null;
  readonly agent: Agent;
  readonly memory: RunMemory;
  readonly phase: RunPhase;
  /** Of the newest state that this process has seen. */
  version: number;
  /** What the run is recorded to wait for. */
  recorded: WaitingCause | null;
  /** Of the run, by the monotonic clock. */
  readonly deadlineMs: number;
  /** When it is read again, by the monotonic clock; null while it is being read. */
  dueMs: number | null = null;
  /** Among the runs that are read then. */
  place: ListNode<ParkedRun> | null = null;
  readonly #parking: Parking;

  constructor(parking: Parking, { run, agent, memory }: ParkedRunOptions) {
    this.#parking = parking;
    this.runId = run.runId;
    this.tenant = run.tenant;
    this.threadId = run.threadId;
    this.agent = agent;
    this.memory = memory;
    this.phase = run.phase;
    this.version = run.version;
    this.recorded = run.waiting?.cause ?? null;
    this.deadlineMs = memory.createdMonotonicMs + run.deadlineAtMs - run.createdAtMs;
  }

  get backend(): string {
    return this.agent.backend;
  }

  get isParked(): boolean {
    return true;
  }

  get run(): null {
    return null;
  }

  /** Only what the vendor has is parked. */
  get isStarted(): boolean {
    return true;
  }

  get isPending(): boolean {
    return this.phase === 'running';
  }

  get waiting(): Waiting | null {
    return this.#parking.waitingFor(this);
  }

  get unknownStatus(): UnknownStatus | null {
    return unknownStatusOf(this.memory, this.agent);
  }

  lookAtWait(): WaitLook {
    return this.#parking.lookAtWait(this);
  }

  async recordWait(): Promise<void> {
    this.memory.owesWait = true;
    this.#parking.rouse(this);
  }

  refresh(run: Run | null): void {
    this.#parking.refresh(this, run);
  }

  wake(): void {
    this.#parking.rouse(this);
  }

  pollNow(): void {
    this.memory.isPushed = true;
    this.memory.wasPushed = true;
    this.#parking.rouse(this);
  }

  /** Its agent is looked up when it is read again. */
  renew({ isElsewhere }: Renewal): void {
    if (isElsewhere) this.#parking.reclaim(this);
  }

  async stop(): Promise<void> {
    this.#parking.drop(this);
  }
}

/** Whether reading the run again costs less than the loop of one that sleeps for `waitMs`. */
export function isWorthParking({ request, outcome }: Run, waitMs: number): boolean {
  return waitMs >= minParkLargeMs || measureJson([request, outcome], small) !== null;
}

/** How long a poll that can wait is put off while too many calls are under way: long enough for its run to be parked. */
export function standBackMs(clock: Clock): number {
  return minParkMs * (1 + standBackSpread * clock.random());
}
