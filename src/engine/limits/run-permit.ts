import type { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { TraceContext } from '../../contract/domain/trace.ts';
import type { WaitingCause } from '../../contract/domain/waiting.ts';
import type { PushArrivals } from '../pacing/push-arrivals.ts';
import type { Account } from './account.ts';
import type { Hindrance } from './account-health.ts';
import type { Permit } from './call-permit.ts';
import type { Caller, QueueEntry, Urgency } from './call-queue.ts';
import type { HeldCalls } from './held-calls.ts';

/** A wait that is over. */
export type PastWait = { readonly cause: WaitingCause; readonly tookMs: number };

/** What is remembered of a run's claim. */
export type PermitMemory = {
  /** The run uses its account. */
  isHeld: boolean;
  longestWait: PastWait | null;
};

/** Passed as the reason, because an abort without one makes an error with a stack each time. */
const leaving = 'the start is made anew';

export type RunPermitOptions = {
  readonly agent: Agent;
  readonly run: Run;
  readonly memory: PermitMemory;
  readonly log: Log;
};

/** One run's claim on its backend's account: the slot that it holds there, and the call that it waits to make. */
export class RunPermit implements Caller {
  readonly #account: Account;
  readonly tenant: string;
  readonly trace: TraceContext | undefined;
  readonly #agentId: string;
  readonly #runId: string;
  readonly #log: Log;
  /** Whether the start tells the vendor where to push changes of this run. */
  readonly #hasSink: boolean;
  /** The pushes that may report changes of the run; null: the vendor pushes none. */
  readonly #pushes: PushArrivals | null;
  readonly #memory: PermitMemory;
  /** Made on demand, because most runs never wait. */
  #abort: AbortController | null = null;
  #isOver = false;
  /** Present while the run waits for its start. */
  #startWait: AbortController | null = null;
  #entry: QueueEntry | null = null;
  #urgency: Urgency = 'start';
  #hasLoggedWait = false;

  constructor(account: Account, { agent, run, memory, log }: RunPermitOptions) {
    this.#account = account;
    this.tenant = run.tenant;
    this.trace = run.request.trace?.context;
    this.#agentId = agent.agentId;
    this.#runId = run.runId;
    this.#log = log;
    this.#memory = memory;
    const connection = agent.connectionFor(run.tenant);
    this.#hasSink =
      account.push !== null &&
      agent.capabilities.push &&
      connection.ownsSink?.(agent.target, run.request.config ?? {}) !== true;
    const accountPushes = connection.accountPush === undefined ? null : account.accountPushes;
    this.#pushes = this.#hasSink && account.push !== null ? account.push.arrivals : accountPushes;
    if (!memory.isHeld) account.hold();
    memory.isHeld = true;
    if (run.phase !== 'queued') account.concurrency.hold(run.runId);
  }

  /** Where the vendor pushes changes of the run; null where it cannot. */
  get sink(): { readonly url: string } | null {
    return this.#hasSink ? (this.#account.push?.sinkFor(this.#runId) ?? null) : null;
  }

  /** Whether the vendor is expected to push the run's end, judged by the newest runs. */
  get isPushed(): boolean {
    return this.#pushes?.isAlive === true;
  }

  /** Null: the run waited for nothing yet. */
  get longestWait(): PastWait | null {
    return this.#memory.longestWait;
  }

  /** The calls that the vendor holds for runs of the account. */
  get heldCalls(): HeldCalls {
    return this.#account.heldCalls;
  }

  /** How long the run itself waits after a fault, where the vendor says so. */
  retryAfterMs(fault: UpstreamFault): number | null {
    return this.#account.callQueue.retryAfterMs(fault);
  }

  /** A poll that can wait had better wait. */
  get isCrowded(): boolean {
    return this.#account.callQueue.isCrowded;
  }

  /** How long a call would wait for the rate limit. */
  backlogMs(urgency: Urgency): number {
    return this.#account.callQueue.backlogMs(urgency);
  }

  /** A push of the run has arrived, here or at another replica. */
  notePush(): void {
    this.#pushes?.noteArrival();
  }

  /** The run ended, and the vendor had pushed nothing. */
  noteUnpushedEnd(): void {
    this.#pushes?.noteUnpushedEnd();
  }

  /** Waits for a slot, then for the call; the run stays queued. Null: the run is over. */
  async waitToStart(): Promise<Permit | null> {
    const { concurrency } = this.#account;
    if (this.#isOver) return null;
    const free = this.tryToStart();
    if (free !== null) return free;
    const wait = new AbortController();
    this.#startWait = wait;
    try {
      const signal = AbortSignal.any([this.signal, wait.signal]);
      if (!concurrency.tryAcquire(this.#runId) && !(await this.#waitForSlot(signal))) return null;
      const permit = wait.signal.aborted ? null : await this.waitForCall('start', signal);
      if (permit === null) this.leave();
      return permit;
    } finally {
      this.#startWait = null;
    }
  }

  /** Ends the wait for the start, if there is one. Calls under way are not touched. */
  leaveStart(): void {
    this.#startWait?.abort(leaving);
  }

  /** A slot and a call that are free now. Null: the run has to wait for one of them, or is over. */
  tryToStart(): Permit | null {
    if (this.#isOver || !this.#account.concurrency.tryAcquire(this.#runId)) return null;
    const permit = this.#account.callQueue.tryEnter('start', this);
    if (permit === null) this.leave();
    return permit;
  }

  /** The start is durable: from here on the run counts even if this process dies. */
  markStarted(): void {
    this.#account.concurrency.markStarted(this.#runId);
    this.#account.callQueue.statistics.noteStart();
  }

  /** Gives the slot back: the run is no longer live at the vendor, or not yet. */
  leave(): void {
    this.#account.concurrency.release(this.#runId);
  }

  /** The run is over, or its start was given up: it uses the account no longer. */
  close(): void {
    giveUpClaim(this.#account, this.#runId, this.#memory);
  }

  /** What a start that is asked for now would wait for. Null: nothing. */
  startHindrance(): Hindrance | null {
    const { concurrency, callQueue } = this.#account;
    if (!concurrency.isFullFor(this.#runId)) return callQueue.hindrance('start');
    return { cause: concurrency.isUngranted ? 'replica-share' : 'max-concurrent-runs', forMs: null };
  }

  /** What the call waits for that is queued now, or that would be if it were due. Null: nothing. */
  callHindrance(): Hindrance | null {
    const { callQueue } = this.#account;
    return this.#entry === null ? callQueue.accountHindrance() : callQueue.hindrance(this.#urgency);
  }

  /** The right to make one call now, or once it is the run's turn. Null: the run is over. */
  waitForCall(urgency: Urgency, signal?: AbortSignal): Permit | Promise<Permit | null> {
    const free = this.#isOver ? null : this.#account.callQueue.tryEnter(urgency, this);
    return free ?? this.#waitForCall(urgency, signal);
  }

  async #waitForCall(urgency: Urgency, signal?: AbortSignal): Promise<Permit | null> {
    const { callQueue } = this.#account;
    const hindrance = callQueue.hindrance(urgency);
    const sinceMs = this.#account.clock.monotonicMs();
    this.#urgency = urgency;
    this.#account.onWait();
    this.#entry = callQueue.enter(urgency, this, signal);
    const permit = await this.#entry.permit;
    this.#entry = null;
    this.#noteWait(hindrance, sinceMs);
    return permit;
  }

  /** Moves a waiting call up, as for a new watcher. */
  raiseUrgency(): void {
    this.#entry?.raiseUrgency();
  }

  /** Ends every wait: the run is over. */
  abort(reason: string): void {
    this.#isOver = true;
    this.#abort?.abort(reason);
  }

  async #waitForSlot(signal: AbortSignal): Promise<boolean> {
    const hindrance = this.startHindrance();
    const sinceMs = this.#account.clock.monotonicMs();
    this.#account.onWait();
    const run = { tenant: this.tenant, agentId: this.#agentId, runId: this.#runId };
    const hasSlot = await this.#account.concurrency.acquire(run, signal, () => this.#logWait());
    this.#noteWait(hindrance, sinceMs);
    return hasSlot;
  }

  #noteWait(hindrance: Hindrance | null, sinceMs: number): void {
    const tookMs = this.#account.clock.monotonicMs() - sinceMs;
    if (hindrance !== null && tookMs > (this.#memory.longestWait?.tookMs ?? 0)) {
      this.#memory.longestWait = { cause: hindrance.cause, tookMs };
    }
  }

  get signal(): AbortSignal {
    if (this.#isOver) return AbortSignal.abort();
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  #logWait(): void {
    if (this.#hasLoggedWait) return;
    this.#hasLoggedWait = true;
    this.#log.info({}, 'run queued: maxConcurrentRuns reached');
  }
}

/** Ends the claim of a run, whether or not it has a permit now. */
export function giveUpClaim(account: Account, runId: string, memory: PermitMemory): void {
  account.concurrency.release(runId);
  if (memory.isHeld) account.release();
  memory.isHeld = false;
}
