import type { Agent } from '../../contract/domain/agent.ts';
import { assertNever } from '../../contract/domain/json.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import { type AskingParts, askToStart, deliverPayload, startRun } from './start-run.ts';
import type { Backends } from '../limits/backends.ts';
import { Crossing } from '../limits/run-permit.ts';
import { type Launch, logOf } from './fast-start.ts';
import { Observer, type ObserverParts } from './poller.ts';
import { Tenure } from './run-handle.ts';
import { unknownStart } from '../state/outcomes.ts';

export type DriverParts = AskingParts &
  ObserverParts &
  ConstructorParameters<typeof Tenure>[0] & { readonly log: Log; readonly backends: Backends };

/** How a run came to be driven here. */
export type Origin =
  | { readonly kind: 'new' }
  /** Written as starting: the vendor is asked at once. */
  | { readonly kind: 'launched'; readonly launch: Launch }
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
export class Driver {
  readonly #parts: DriverParts;
  readonly #agent: Agent;
  readonly #log: Log;
  readonly #tenure: Tenure;
  readonly #crossing: Crossing;
  readonly #observer: Observer;
  /** Null once its part is done. */
  #origin: Origin | null;
  readonly #onOver: (driver: Driver) => void;
  #cancelDeadline: () => void = () => {};
  /** Null while the run sleeps. */
  #working: Promise<void> | null = null;

  /** `onOver` is called once, when the driver is through with the run. */
  constructor(parts: DriverParts, agent: Agent, run: Run, origin: Origin, onOver: (driver: Driver) => void) {
    this.#parts = parts;
    this.#origin = origin.kind === 'new' ? null : origin;
    this.#onOver = onOver;
    this.#agent = agent;
    const launch = origin.kind === 'launched' ? origin.launch : null;
    this.#log = launch?.log ?? logOf(run, agent, parts.log);
    this.#tenure = new Tenure(parts, this.#log, run);
    this.#crossing = launch?.crossing ?? new Crossing(parts.backends.of(agent.backend), agent, run, this.#log);
    const lookWithinMs = origin.kind === 'inherited' ? origin.lookWithinMs : null;
    this.#observer = new Observer(this.#tenure, agent, this.#crossing, parts, this.#log, lookWithinMs);
  }

  /** As it was written last, as far as this process knows. */
  get run(): Run {
    return this.#tenure.run;
  }

  /** The run is done, gone or another's, though a call for it may be under way. */
  get isOver(): boolean {
    return this.#tenure.over;
  }

  /** The run changed elsewhere in this process; null: it was removed. */
  refresh(run: Run | null): void {
    this.#tenure.refresh(run);
    if (this.#tenure.over) this.#giveUp();
  }

  /** A watcher came: the next look is due sooner. */
  hurry(): void {
    this.#tenure.wake();
    this.#crossing.hurry();
  }

  /** The vendor says that something happened: look at once. */
  poke(): void {
    this.#observer.poke();
  }

  /** Ends the loop. Resolves when a start or a delivery under way is finished and recorded; never rejects. */
  async stop(): Promise<void> {
    this.#tenure.leave();
    this.#giveUp();
    await this.#working;
  }

  #giveUp(): void {
    this.#observer.abort(over);
    this.#crossing.abort(over);
  }

  /** Takes the run from where it is to its end. */
  drive(): void {
    this.#armDeadline(Math.max(0, this.#tenure.run.deadlineAtMs - this.#parts.clock.nowMs()));
    this.#working = this.#begin();
  }

  /** Turn after turn until the run sleeps. Most live runs do, so that of them a timer is kept and no call stack. */
  async #work(): Promise<void> {
    while (!this.#tenure.over) {
      const waitMs = this.#untilTurnMs();
      if (waitMs <= 0) await this.#guarded(() => this.#takeTurn());
      else if (this.#tenure.doze(waitMs, () => this.#wake())) {
        this.#working = null;
        return;
      }
    }
    this.#working = null;
    this.#crossing.leave();
    this.#cancelDeadline();
    this.#onOver(this);
  }

  async #begin(): Promise<void> {
    const origin = this.#origin;
    this.#origin = null;
    if (origin !== null) await this.#guarded(() => this.#takeOver(origin));
    await this.#work();
  }

  async #takeOver(origin: Origin): Promise<void> {
    switch (origin.kind) {
      case 'new':
        return;
      case 'launched':
        try {
          await askToStart(this.#tenure, this.#agent, origin.launch.input, this.#parts, this.#log, origin.launch);
        } finally {
          origin.launch.pass.drop();
        }
        return this.#observer.restart({ resumed: false });
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
    const { phase } = this.#tenure.run;
    if (phase !== 'running' && phase !== 'interrupted') return 0;
    try {
      return this.#observer.waitMs;
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
      await this.#tenure.sleepThrough(defectPauseMs);
    }
  }

  /** Beside the loop, because a call to a slow vendor must not hold the deadline up. */
  #armDeadline(delayMs: number): void {
    this.#cancelDeadline = this.#parts.clock.schedule(delayMs, () => {
      this.#parts.terminator.expire(this.#tenure.run, this.#agent).catch((error: unknown) => {
        this.#log.warn({ err: error }, 'a deadline could not be recorded; trying again');
        this.#armDeadline(deadlineRetryMs);
      });
    });
  }

  /** A run found in the middle of a call: nobody knows whether the vendor was reached. */
  async #settleOpenCall(reason: string): Promise<void> {
    if (this.#tenure.run.phase === 'starting') {
      if (this.#agent.onUnknownStart === 'retry') {
        await this.#tenure.record({ kind: 'postpone' });
        this.#crossing.leave();
      } else await this.#tenure.record({ kind: 'end', ending: unknownStart(reason) });
    } else if (this.#tenure.run.phase === 'delivering') {
      await this.#tenure.record({
        kind: 'undelivered',
        note: `it is not known whether the payload arrived: ${reason}`,
      });
    }
  }

  async #takeTurn(): Promise<void> {
    const { phase } = this.#tenure.run;
    switch (phase) {
      case 'queued':
      case 'starting':
        await startRun(this.#tenure, this.#agent, this.#parts, this.#log, this.#crossing);
        return this.#observer.restart({ resumed: false });
      case 'resuming':
      case 'delivering':
        await deliverPayload(this.#tenure, this.#agent, this.#parts, this.#log, this.#crossing);
        return this.#observer.restart({ resumed: true });
      case 'running':
      case 'interrupted':
        return await this.#observer.look();
      case 'done':
        return;
      default:
        return assertNever(phase);
    }
  }
}
