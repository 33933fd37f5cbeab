import type { Agent } from '../../contract/domain/agent.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Run, RunPhase } from '../../contract/domain/run.ts';
import type { Waiting } from '../../contract/domain/waiting.ts';
import { RunPermit } from '../limits/run-permit.ts';
import { RunHandle } from '../state/run-handle.ts';
import { Adoption } from './adoption.ts';
import { adoptionKindOf } from './adoption-kind.ts';
import { deliverPayload } from './deliver.ts';
import type { LiveRun, Renewal, UnknownStatus } from './live-runs.ts';
import { isWorthParking, minParkMs } from './parked-run.ts';
import { Poller } from './poller.ts';
import { isWatched, type RunContext, RunLog, type WorkerDeps } from './run-context.ts';
import { mayHaveResult, memoryFor, type RunLoopExits, type RunLoopOptions, type RunOrigin } from './run-origin.ts';
import { RunWait, unknownStatusOf } from './run-wait.ts';
import { requestStart, type StartResult, startRun } from './start-run.ts';
import type { WaitLook } from './wait-notes.ts';

const deadlineRetryMs = 1000;
/** A recovered run whose deadline has passed is polled for this long where its vendor does not answer. */
const overdueFaultMs = 30_000;
/** And for this long in all, so that a budget or a pause lets each of many such runs have its poll. */
const overdueMs = 600_000;
const defectPauseMs = 5000;
/** Passed as the reason, because an abort without one makes an error with a stack each time. */
const over = 'the run is over';

/**
 * The loop that drives one live run in one process: starts it, polls it, records its changes. It ends when the run is
 * done, when another replica has claimed the run, when it is stopped, or when the run is parked.
 */
export class RunLoop implements LiveRun {
  readonly #context: RunContext;
  readonly #poller: Poller;
  readonly #exits: RunLoopExits;
  /** Null while the run has no start that is not settled. */
  #adoption: Adoption | null = null;
  /** Null once it is dealt with. */
  #origin: RunOrigin | null;
  #cancelDeadline: () => void = () => {};
  /** Since when a run past its deadline waits for one more answer of its vendor; null: it does not. */
  #overdueSinceMs: number | null = null;
  /** The run goes on at another backend, or as the config in force has its agent. */
  #movesTo: Agent | null = null;
  #renewal: Renewal | null = null;
  /** Null while the run sleeps. */
  #working: Promise<void> | null = null;

  constructor(deps: WorkerDeps, exits: RunLoopExits, { run, agent, origin }: RunLoopOptions) {
    const fastStart = origin.kind === 'fast-start' ? origin.fastStart : null;
    const log = fastStart?.log ?? new RunLog(deps.log, run, agent);
    const memory = memoryFor(run, origin, deps.clock);
    const handle = new RunHandle(deps, log, run, memory);
    const account = deps.backends.of(agent.backend, run.tenant);
    const runPermit = fastStart?.runPermit ?? new RunPermit(account, { agent, run, memory, log });
    const wait = new RunWait({ handle, runPermit, memory, clock: deps.clock, onWait: deps.onWait });
    this.#context = { deps, agent, connection: agent.connectionFor(run.tenant), handle, runPermit, wait, memory, log };
    this.#poller = new Poller(this.#context);
    this.#origin = origin.kind === 'new' ? null : origin;
    this.#exits = exits;
  }

  get runId(): string {
    return this.#run.runId;
  }

  get tenant(): string {
    return this.#run.tenant;
  }

  get threadId(): string | null {
    return this.#run.threadId;
  }

  get backend(): string {
    return this.#context.agent.backend;
  }

  get isParked(): boolean {
    return false;
  }

  get phase(): RunPhase {
    return this.#run.phase;
  }

  get isStarted(): boolean {
    return this.#run.upstream !== null;
  }

  get isPending(): boolean {
    return this.#run.status === 'pending' && !this.#context.handle.isOver;
  }

  get run(): Run | null {
    const { handle } = this.#context;
    return handle.isOver ? null : handle.run;
  }

  get waiting(): Waiting | null {
    return this.#context.wait.current;
  }

  get unknownStatus(): UnknownStatus | null {
    return unknownStatusOf(this.#context.memory, this.#context.agent);
  }

  get #run(): Run {
    return this.#context.handle.run;
  }

  lookAtWait(): WaitLook {
    return this.#context.wait.look();
  }

  recordWait(): Promise<void> {
    return this.#context.wait.record();
  }

  refresh(run: Run | null): void {
    const { handle } = this.#context;
    handle.refresh(run);
    if (handle.isOver) this.#abortWaits();
  }

  wake(): void {
    this.#context.handle.wake();
    this.#context.runPermit.raiseUrgency();
  }

  pollNow(): void {
    this.#poller.pollNow();
  }

  renew(renewal: Renewal): void {
    const { runPermit, handle } = this.#context;
    this.#renewal = renewal;
    // It would be made as the agent was.
    runPermit.leaveStart();
    handle.wake();
  }

  async stop(): Promise<void> {
    this.#context.handle.release();
    this.#abortWaits();
    await this.#working;
  }

  #abortWaits(): void {
    this.#poller.abort(over);
    this.#adoption?.abort(over);
    this.#context.runPermit.abort(over);
  }

  /** Takes the run from where it is to its end. */
  start(): void {
    const { handle, deps } = this.#context;
    const leftMs = this.#untilDeadlineMs();
    // The deadline passed while no process looked, or the wall clock was set: the vendor may have the result.
    const isOverdue = leftMs <= 0 && this.#origin?.kind === 'recovered';
    if (isOverdue) this.#overdueSinceMs = deps.clock.monotonicMs();
    this.#armDeadline(isOverdue && mayHaveResult(handle.run.phase) ? overdueMs : Math.max(0, leftMs));
    this.#working = this.#work();
  }

  #untilDeadlineMs(): number {
    const { handle, deps } = this.#context;
    const { deadlineAtMs, createdAtMs } = handle.run;
    return handle.createdMonotonicMs + deadlineAtMs - createdAtMs - deps.clock.monotonicMs();
  }

  /**
   * Takes turn after turn until the run sleeps. Most live runs do: their loop is not kept, or a timer without a call stack. While a
   * call is under way, few functions wait for it: each keeps half a kilobyte for as long.
   */
  async #work(): Promise<void> {
    const { handle } = this.#context;
    while (this.#origin !== null || !handle.isOver) {
      if (this.#origin === null) {
        this.#movesTo ??= this.#renewal?.agentNow(this.#run, this.#context.agent) ?? null;
        if (this.#movesTo !== null) return this.#move(this.#movesTo);
        const waitMs = this.#untilTurnMs();
        if (waitMs > 0) {
          if (this.#sleeps(waitMs)) return;
          continue;
        }
      }
      try {
        await this.#takeTurn();
        if (handle.countsEvaluations) await handle.settleEvaluations();
      } catch (error) {
        await this.#recover(error);
      }
    }
    this.#stopUnsettled();
    this.#leaveBackend();
    this.#exits.onOver(this);
  }

  /** Nothing is kept of the backend but what is remembered of the run. */
  #move(agent: Agent): void {
    this.#leaveBackend();
    this.#exits.onMove({ run: this.#run, agent, memory: this.#context.memory });
  }

  #leaveBackend(): void {
    const { runPermit, agent, deps } = this.#context;
    this.#working = null;
    runPermit.close();
    deps.health.forget(agent.backend, this.runId);
    this.#cancelDeadline();
  }

  /** A run that a client watches is polled soon and often; one with a call to settle has more to remember. */
  #mayPark(waitMs: number): boolean {
    if (waitMs < minParkMs || this.#overdueSinceMs !== null || this.#untilDeadlineMs() < minParkMs) return false;
    return !isWatched(this.#context) && isWorthParking(this.#run, waitMs);
  }

  #park(waitMs: number): void {
    const { agent, memory } = this.#context;
    this.#cancelDeadline();
    this.#exits.onPark({ run: this.#run, agent, memory }, Math.min(waitMs, this.#untilDeadlineMs()));
  }

  /** A run that was ended here before it was known what its start has made. */
  #stopUnsettled(): void {
    const adoption = this.#adoption;
    const { handle, agent, deps } = this.#context;
    const { phase, upstream } = handle.run;
    // What the vendor could not settle it cannot stop either.
    if (adoption === null || adoption.hasEnded || phase !== 'done' || upstream !== null) return;
    deps.stopper.stopUnsettled(handle.run, agent, () => adoption.cancelAtVendor(), adoption.unsettledMs);
  }

  /** False: the run was woken before. */
  #sleeps(waitMs: number): boolean {
    const parks = this.#mayPark(waitMs);
    if (!parks && !this.#context.handle.wakeAfter(waitMs, () => this.#resume())) return false;
    this.#working = null;
    if (parks) this.#park(waitMs);
    return true;
  }

  #resume(): void {
    this.#working = this.#work();
  }

  #enter(origin: RunOrigin): Promise<void> | undefined {
    switch (origin.kind) {
      case 'new':
        return undefined;
      case 'fast-start': {
        const { input, permit } = origin.fastStart;
        return this.#takeStart(requestStart(this.#context, input, permit));
      }
      case 'recovered':
        if (origin.isUnsent) return this.#postponeUnsent();
        return this.#settleOpenCall('the gateway stopped during the call');
      case 'parked':
        return this.#context.memory.owesWait ? this.#recordOwedWait() : undefined;
      default:
        return assertNever(origin);
    }
  }

  async #postponeUnsent(): Promise<void> {
    const { handle, runPermit } = this.#context;
    await handle.record({ kind: 'postpone', mayMove: true });
    runPermit.leave();
  }

  async #recordOwedWait(): Promise<void> {
    const { memory, wait } = this.#context;
    memory.owesWait = false;
    await wait.record();
  }

  /** Only a run that the vendor has is waited for. */
  #untilTurnMs(): number {
    const { handle, log } = this.#context;
    const { phase } = handle.run;
    if (phase !== 'running' && phase !== 'interrupted') return 0;
    try {
      return this.#poller.waitMs;
    } catch (error) {
      log.error({ err: error }, 'pacing of a run failed; the run goes on');
      return defectPauseMs;
    }
  }

  /** A defect of ours in one turn must neither end the loop nor repeat a call of unknown outcome. */
  async #recover(error: unknown): Promise<void> {
    const { handle, log } = this.#context;
    log.error({ err: error }, 'a turn of a run failed; the run goes on');
    await this.#settleOpenCall('the gateway failed during the call').catch((second: unknown) =>
      log.error({ err: second }, 'an open call could not be settled'),
    );
    await handle.sleepThrough(defectPauseMs);
  }

  /** Settles a run that is found in the middle of a call, without knowing whether the vendor was reached. */
  async #settleOpenCall(reason: string): Promise<void> {
    const { handle, connection } = this.#context;
    const { phase } = handle.run;
    if (phase === 'starting') {
      this.#noteUnsettled(reason);
      // What cannot be asked for is settled at once, whatever the loop has to wait for.
      if (adoptionKindOf(this.#context, 'start') === 'none') await this.#adoption?.takeTurn();
    } else if (phase === 'delivering') {
      if (connection.resumesOnce === true) await handle.record({ kind: 'redeliver' });
      else await handle.record({ kind: 'undelivered', note: `it is not known whether the payload arrived: ${reason}` });
    }
  }

  #noteUnsettled(reason: string): void {
    this.#adoption ??= new Adoption(this.#context, reason);
  }

  #takeStart(start: Promise<StartResult>): Promise<void> {
    return start.then((result) => {
      if (result?.kind === 'moved') this.#movesTo = result.agent;
      if (result?.kind === 'unsettled') this.#noteUnsettled(result.reason);
      this.#poller.restart({ resumed: false });
      return result?.kind === 'seen' ? this.#poller.take(result.observation) : undefined;
    });
  }

  /** Runs outside the loop, because a call to a slow vendor must not delay the deadline. */
  #armDeadline(delayMs: number): void {
    const { deps, handle, agent, wait, log } = this.#context;
    this.#cancelDeadline = deps.clock.schedule(delayMs, () => {
      const outcome = handle.run.phase === 'starting' ? this.#adoption?.outcomeAtDeadline : undefined;
      deps.canceller.expire(handle.run, agent, outcome ?? wait.describe()).catch((error: unknown) => {
        log.warn({ err: error }, 'deadline could not be recorded; retrying');
        this.#armDeadline(deadlineRetryMs);
      });
    });
  }

  async #settleStart(): Promise<void> {
    this.#noteUnsettled('the gateway lost track of the call');
    await this.#adoption?.takeTurn();
    const { phase } = this.#run;
    // What was found is polled first.
    if (phase === 'starting') this.#settleOverdue();
    if (phase === 'starting' || phase === 'done') return;
    this.#adoption = null;
    // What was found may have ended long ago.
    this.#poller.restart({ resumed: false, isDue: true });
  }

  /** Ends a run past its deadline once its vendor answered that it goes on, or has not answered for long enough. */
  #settleOverdue(): void {
    const sinceMs = this.#overdueSinceMs;
    const { wait, deps, handle } = this.#context;
    if (sinceMs === null || handle.isOver) return;
    const { phase } = handle.run;
    const isAnswered = (phase === 'running' || phase === 'interrupted') && wait.equalFaults === 0;
    const isHopeful = mayHaveResult(phase) && !isAnswered;
    if (isHopeful && deps.clock.monotonicMs() - sinceMs < overdueFaultMs) return;
    this.#overdueSinceMs = null;
    this.#cancelDeadline();
    this.#armDeadline(0);
  }

  #takeTurn(): Promise<void> | undefined {
    const origin = this.#origin;
    if (origin !== null) {
      this.#origin = null;
      return this.#enter(origin);
    }
    const { phase } = this.#run;
    // What the vendor does not have is not begun past its deadline.
    if (this.#overdueSinceMs !== null && !mayHaveResult(phase)) {
      this.#settleOverdue();
      return this.#context.handle.sleep(defectPauseMs);
    }
    switch (phase) {
      case 'queued':
        return this.#takeStart(startRun(this.#context));
      case 'starting':
        return this.#settleStart();
      case 'resuming':
      case 'delivering':
        return deliverPayload(this.#context).then(() => this.#poller.restart({ resumed: true }));
      case 'running':
      case 'interrupted': {
        const look = this.#poller.observe();
        return this.#overdueSinceMs === null ? look : look.then(() => this.#settleOverdue());
      }
      case 'done':
        return undefined;
      default:
        return assertNever(phase);
    }
  }
}
