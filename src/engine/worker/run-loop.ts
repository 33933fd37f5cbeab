import type { Agent } from '../../contract/domain/agent.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Backends } from '../limits/backends.ts';
import { RunPermit } from '../limits/run-permit.ts';
import { unknownStart } from '../state/outcomes.ts';
import { type FastStart, logOf } from './fast-start.ts';
import { Poller, type PollerDeps } from './poller.ts';
import { RunHandle } from './run-handle.ts';
import { deliverPayload, requestStart, type StartRunDeps, startRun } from './start-run.ts';

export type RunLoopDeps = StartRunDeps &
  PollerDeps &
  ConstructorParameters<typeof RunHandle>[0] & { readonly log: Log; readonly backends: Backends };

/** How a run came to be driven here. */
export type RunOrigin =
  | { readonly kind: 'new' }
  /** Written as starting: the vendor is asked at once. */
  | { readonly kind: 'launched'; readonly fastStart: FastStart }
  /** It was driven before, and is looked at within so long. */
  | { readonly kind: 'inherited'; readonly lookWithinMs: number };

const deadlineRetryMs = 1000;
const defectPauseMs = 5000;
/** Why nothing is waited for any more. Given, because an abort without a reason makes an error with a stack each time. */
const over = 'the run is over';

/**
 * The one loop that owns a live run in one process: starts it, observes it, records changes. It ends when the run is
 * done, when the run was taken away, or when it is told to stop.
 */
export class RunLoop {
  readonly #deps: RunLoopDeps;
  readonly #agent: Agent;
  readonly #log: Log;
  readonly #handle: RunHandle;
  readonly #runPermit: RunPermit;
  readonly #poller: Poller;
  /** Null once its part is done. */
  #origin: RunOrigin | null;
  readonly #onOver: (loop: RunLoop) => void;
  #cancelDeadline: () => void = () => {};
  /** Null while the run sleeps. */
  #working: Promise<void> | null = null;

  /** `onOver` is called once, when the driver is through with the run. */
  constructor(deps: RunLoopDeps, agent: Agent, run: Run, origin: RunOrigin, onOver: (loop: RunLoop) => void) {
    this.#deps = deps;
    this.#origin = origin.kind === 'new' ? null : origin;
    this.#onOver = onOver;
    this.#agent = agent;
    const fastStart = origin.kind === 'launched' ? origin.fastStart : null;
    this.#log = fastStart?.log ?? logOf(run, agent, deps.log);
    this.#handle = new RunHandle(deps, this.#log, run);
    this.#runPermit = fastStart?.runPermit ?? new RunPermit(deps.backends.of(agent.backend), agent, run, this.#log);
    const lookWithinMs = origin.kind === 'inherited' ? origin.lookWithinMs : null;
    this.#poller = new Poller(this.#handle, agent, this.#runPermit, deps, this.#log, lookWithinMs);
  }

  /** As it was written last, as far as this process knows. */
  get run(): Run {
    return this.#handle.run;
  }

  /** The run is done, gone or another's, though a call for it may be under way. */
  get isOver(): boolean {
    return this.#handle.over;
  }

  /** The run changed elsewhere in this process; null: it was removed. */
  refresh(run: Run | null): void {
    this.#handle.refresh(run);
    if (this.#handle.over) this.#giveUp();
  }

  /** A watcher came: the next look is due sooner. */
  hurry(): void {
    this.#handle.wake();
    this.#runPermit.hurry();
  }

  /** The vendor says that something happened: look at once. */
  poke(): void {
    this.#poller.poke();
  }

  /** Ends the loop. Resolves when a start or a delivery under way is finished and recorded; never rejects. */
  async stop(): Promise<void> {
    this.#handle.leave();
    this.#giveUp();
    await this.#working;
  }

  #giveUp(): void {
    this.#poller.abort(over);
    this.#runPermit.abort(over);
  }

  /** Takes the run from where it is to its end. */
  drive(): void {
    this.#armDeadline(Math.max(0, this.#handle.run.deadlineAtMs - this.#deps.clock.nowMs()));
    this.#working = this.#begin();
  }

  /** Turn after turn until the run sleeps. Most live runs do, so that of them a timer is kept and no call stack. */
  async #work(): Promise<void> {
    while (!this.#handle.over) {
      const waitMs = this.#untilTurnMs();
      if (waitMs <= 0) await this.#guarded(() => this.#takeTurn());
      else if (this.#handle.doze(waitMs, () => this.#wake())) {
        this.#working = null;
        return;
      }
    }
    this.#working = null;
    this.#runPermit.leave();
    this.#cancelDeadline();
    this.#onOver(this);
  }

  async #begin(): Promise<void> {
    const origin = this.#origin;
    this.#origin = null;
    if (origin !== null) await this.#guarded(() => this.#takeOver(origin));
    await this.#work();
  }

  async #takeOver(origin: RunOrigin): Promise<void> {
    switch (origin.kind) {
      case 'new':
        return;
      case 'launched':
        try {
          await requestStart(
            this.#handle,
            this.#agent,
            origin.fastStart.input,
            this.#deps,
            this.#log,
            origin.fastStart,
          );
        } finally {
          origin.fastStart.permit.drop();
        }
        return this.#poller.restart({ resumed: false });
      case 'inherited':
        return await this.#settleOpenCall('the gateway stopped during the call');
      default:
        assertNever(origin);
    }
  }

  #wake(): void {
    this.#working = this.#work();
  }

  /** Only a run that the vendor has is waited for. */
  #untilTurnMs(): number {
    const { phase } = this.#handle.run;
    if (phase !== 'running' && phase !== 'interrupted') return 0;
    try {
      return this.#poller.waitMs;
    } catch (error) {
      this.#log.error({ err: error }, 'the pace of a run could not be found; the run goes on');
      return defectPauseMs;
    }
  }

  /** A defect of ours in one turn must neither end the loop nor repeat a call whose outcome nobody knows. */
  async #guarded(turn: () => Promise<void>): Promise<void> {
    try {
      await turn();
    } catch (error) {
      this.#log.error({ err: error }, 'a turn of a run failed; the run goes on');
      await this.#settleOpenCall('the gateway failed during the call').catch((second: unknown) =>
        this.#log.error({ err: second }, 'an open call could not be settled'),
      );
      await this.#handle.sleepThrough(defectPauseMs);
    }
  }

  /** Beside the loop, because a call to a slow vendor must not hold the deadline up. */
  #armDeadline(delayMs: number): void {
    this.#cancelDeadline = this.#deps.clock.schedule(delayMs, () => {
      this.#deps.canceller.expire(this.#handle.run, this.#agent).catch((error: unknown) => {
        this.#log.warn({ err: error }, 'a deadline could not be recorded; trying again');
        this.#armDeadline(deadlineRetryMs);
      });
    });
  }

  /** A run found in the middle of a call: nobody knows whether the vendor was reached. */
  async #settleOpenCall(reason: string): Promise<void> {
    if (this.#handle.run.phase === 'starting') {
      if (this.#agent.onUnknownStart === 'retry') {
        await this.#handle.record({ kind: 'postpone' });
        this.#runPermit.leave();
      } else await this.#handle.record({ kind: 'end', outcome: unknownStart(reason) });
    } else if (this.#handle.run.phase === 'delivering') {
      await this.#handle.record({
        kind: 'undelivered',
        note: `it is not known whether the payload arrived: ${reason}`,
      });
    }
  }

  async #takeTurn(): Promise<void> {
    const { phase } = this.#handle.run;
    switch (phase) {
      case 'queued':
      case 'starting':
        await startRun(this.#handle, this.#agent, this.#deps, this.#log, this.#runPermit);
        return this.#poller.restart({ resumed: false });
      case 'resuming':
      case 'delivering':
        await deliverPayload(this.#handle, this.#agent, this.#deps, this.#log, this.#runPermit);
        return this.#poller.restart({ resumed: true });
      case 'running':
      case 'interrupted':
        return await this.#poller.look();
      case 'done':
        return;
      default:
        return assertNever(phase);
    }
  }
}
