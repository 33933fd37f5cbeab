import type { Clock } from '../../contract/domain/clock.ts';
import type { EvaluationGuard } from '../../contract/domain/evaluation.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import { StorageFault, type Store } from '../../contract/store/store.ts';
import { backoffMs } from '../backoff.ts';
import { delay, Sleeper } from '../sleeper.ts';
import { type EvaluationTurns, EvaluationWatch } from './evaluation-count.ts';
import { type NotesMemory, withNotes } from './run-notes.ts';
import type { RunWriter } from './run-writer.ts';
import type { RunTransition } from './state-machine.ts';

/**
 * What became of a transition that a run loop wanted to record.
 *
 * - `recorded`: it is durable.
 * - `overtaken`: the run was ended, removed or claimed first; `run` holds the state that won.
 * - `taken`: another run has what the vendor says that it started; nothing was written.
 * - `unsaved`: the store was unavailable when the process had to stop; the next owner finds out for itself.
 */
export type RecordResult = 'recorded' | 'overtaken' | 'taken' | 'unsaved';

/** What is remembered of a run. */
export type HandleMemory = NotesMemory & {
  /** When the run was created, by the monotonic clock, so that what counts from then holds through steps of the wall clock. */
  readonly createdMonotonicMs: number;
  /** The run began in another process, and no evaluation of its mapping has been survived here yet. */
  mayEndProcess: boolean;
};

export type RunHandleDeps = {
  readonly replica: string;
  readonly store: Store;
  readonly writer: RunWriter;
  readonly clock: Clock;
  readonly evaluationTurns: EvaluationTurns;
};

/** Constant: what a vendor did must be durable soon after the store is back. */
const storageBackoff = { firstMs: 500, maxMs: 500, growth: 1, jitterShare: 0 };

/** One replica's hold on one live run: the newest state that it knows, and the fenced write of the next. */
export class RunHandle {
  readonly #deps: RunHandleDeps;
  readonly #log: Log;
  readonly #sleeper: Sleeper;
  readonly #memory: HandleMemory;
  #run: Run;
  /** Null where the process survives the evaluations of the run's mapping. */
  #watch: EvaluationWatch | null;
  #released = false;

  constructor(deps: RunHandleDeps, log: Log, run: Run, memory: HandleMemory) {
    this.#deps = deps;
    this.#log = log;
    this.#sleeper = new Sleeper(deps.clock);
    this.#run = run;
    this.#memory = memory;
    this.#watch = memory.mayEndProcess ? new EvaluationWatch(this, deps.evaluationTurns) : null;
  }

  get createdMonotonicMs(): number {
    return this.#memory.createdMonotonicMs;
  }

  get run(): Run {
    return this.#run;
  }

  /** Stands around the evaluations of a recovered run's mapping. */
  get guard(): EvaluationGuard | undefined {
    return this.#watch?.guard;
  }

  /** Evaluations of the run's mapping are counted, because an earlier process may have ended in one. */
  get countsEvaluations(): boolean {
    return this.#watch !== null;
  }

  /** A turn of the run is over, and the process lives. */
  async settleEvaluations(): Promise<void> {
    if (this.#watch === null || !(await this.#watch.settle())) return;
    this.#watch = null;
    this.#memory.mayEndProcess = false;
  }

  /** True once nothing is left to do here: the run is done, removed, another replica's, or the process stops. */
  get isOver(): boolean {
    return this.#released || this.#run.phase === 'done';
  }

  /** Takes over a newer state that was written elsewhere in this process; null: the run was removed. */
  refresh(run: Run | null): void {
    if (run === null) this.#released = true;
    else if (run.version > this.#run.version) this.#replace(run);
    this.#sleeper.wake();
  }

  /** Gives up the run: nothing more is written unless a vendor call is under way. */
  release(): void {
    this.#released = true;
    this.#sleeper.wake();
  }

  wake(): void {
    this.#sleeper.wake();
  }

  /** Calls back after `delayMs` or when woken; false: it was woken before. */
  wakeAfter(delayMs: number, onWake: () => void): boolean {
    return this.#sleeper.wakeAfter(delayMs, onWake);
  }

  /** Resolves after `delayMs` or when woken. */
  sleep(delayMs: number): Promise<void> {
    return this.#sleeper.sleep(delayMs);
  }

  /** Sleeps through wakes by watchers; ends early only when the run's phase has changed, or the vendor has named its run. */
  async sleepThrough(delayMs: number): Promise<void> {
    const { clock } = this.#deps;
    const untilMs = clock.monotonicMs() + delayMs;
    const { phase, named } = this.#run;
    while (!this.isOver && this.#run.phase === phase && this.#run.named?.runId === named?.runId) {
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) return;
      await this.#sleeper.sleep(leftMs);
    }
  }

  /** Writes a transition, however long the store is unavailable: what a vendor did must not be forgotten. */
  async record(transition: RunTransition): Promise<RecordResult> {
    const { writer, replica, clock } = this.#deps;
    for (let failures = 0; ; ) {
      try {
        const written = await writer.write(withNotes(this.#run, this.#memory), transition, replica, this.guard);
        if (written.kind === 'written') {
          if (written.run.version > this.#run.version) this.#run = written.run;
          return 'recorded';
        }
        if (written.kind === 'refused') return 'overtaken';
        if (written.kind === 'taken') return 'taken';
        if (await this.#catchUp(transition)) return 'recorded';
        if (this.isOver) return 'overtaken';
      } catch (error) {
        if (!(error instanceof StorageFault)) throw error;
        writer.noteRetry(this.#log, transition, error);
        if (this.#released && !this.#isInCall) return 'unsaved';
        await delay(clock, backoffMs(storageBackoff, failures, clock.random()));
        failures += 1;
      }
    }
  }

  /** Writes a transition that may as well be left out: once, and only if nothing came between. Never rejects. */
  async tryRecord(transition: RunTransition): Promise<void> {
    const { writer, replica } = this.#deps;
    if (this.isOver) return;
    try {
      const written = await writer.write(withNotes(this.#run, this.#memory), transition, replica);
      if (written.kind === 'written' && written.run.version > this.#run.version) this.#run = written.run;
    } catch (error) {
      this.#log.debug(
        { err: error, transition: transition.kind },
        'a transition that may be left out was not recorded',
      );
    }
  }

  /** Only this process knows the result of a call that must not be repeated, so it is worth the whole drain time. */
  get #isInCall(): boolean {
    return this.#run.phase === 'starting' || this.#run.phase === 'delivering';
  }

  /** Reads what overtook a transition. True: it was the transition itself, committed although the answer was lost. */
  async #catchUp(transition: RunTransition): Promise<boolean> {
    const current = await this.#deps.store.find({ tenant: this.#run.tenant, runId: this.#run.runId });
    if (current === null) {
      this.#released = true;
      return false;
    }
    this.#replace(current);
    return !this.#released && reflects(current, transition);
  }

  /** A run that another replica claimed while this one was silent is that replica's to drive. */
  #replace(run: Run): void {
    this.#run = run;
    if (run.owner === this.#deps.replica || run.phase === 'done' || this.#released) return;
    this.#released = true;
    this.#log.info({ owner: run.owner }, 'run claimed by another replica');
  }
}

function reflects(run: Run, transition: RunTransition): boolean {
  switch (transition.kind) {
    case 'begin':
      return run.phase === 'starting';
    case 'deliver':
      return run.phase === 'delivering';
    case 'delivered':
      return run.phase === 'running' && run.upstream?.runId === (transition.upstream ?? run.upstream)?.runId;
    case 'scheduled':
      return run.phase === 'queued';
    case 'started':
      return run.phase === 'running' && run.upstream?.runId === transition.upstream.runId;
    default:
      return false;
  }
}
