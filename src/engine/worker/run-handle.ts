import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import { StorageFault, type Store } from '../../contract/store/store.ts';
import { Sleeper } from '../sleeper.ts';
import type { RunWriter } from '../state/run-writer.ts';
import type { RunTransition } from '../state/state-machine.ts';

/**
 * What became of a step that a driver wanted to record.
 *
 * - `recorded`: it is part of the run's life.
 * - `overtaken`: the run was ended, removed or taken away first; `run` shows what is so now.
 * - `unsaved`: the store was away when the process had to stop; the next owner can find out for itself.
 */
export type Recording = 'recorded' | 'overtaken' | 'unsaved';

const storageRetryMs = 500;

/** One replica's hold on one live run: the newest state it knows, and the right to write the next. */
export class RunHandle {
  readonly #replica: string;
  readonly #store: Store;
  readonly #writer: RunWriter;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #sleeper: Sleeper;
  #run: Run;
  #over = false;

  constructor(
    deps: { readonly replica: string; readonly store: Store; readonly writer: RunWriter; readonly clock: Clock },
    log: Log,
    run: Run,
  ) {
    this.#replica = deps.replica;
    this.#store = deps.store;
    this.#writer = deps.writer;
    this.#clock = deps.clock;
    this.#log = log;
    this.#sleeper = new Sleeper(deps.clock);
    this.#run = run;
  }

  get run(): Run {
    return this.#run;
  }

  /** True once nothing is left to do here: the run is done, gone, another's, or the process stops. */
  get over(): boolean {
    return this.#over || this.#run.phase === 'done';
  }

  /** Takes over a newer state that this process wrote elsewhere, and wakes the driver; null: the run was removed. */
  refresh(run: Run | null): void {
    if (run === null) this.#over = true;
    else if (run.version > this.#run.version) this.#take(run);
    this.#sleeper.wake();
  }

  leave(): void {
    this.#over = true;
    this.#sleeper.wake();
  }

  wake(): void {
    this.#sleeper.wake();
  }

  /** Calls back after `delayMs` or when woken; false: it was woken before. */
  doze(delayMs: number, onWake: () => void): boolean {
    return this.#sleeper.doze(delayMs, onWake);
  }

  /** Resolves after `delayMs` or when woken. */
  sleep(delayMs: number): Promise<void> {
    return this.#sleeper.sleep(delayMs);
  }

  /** Sleeps although watchers come and go; ends early only when the run has changed. */
  async sleepThrough(delayMs: number): Promise<void> {
    const untilMs = this.#clock.nowMs() + delayMs;
    const { version } = this.#run;
    while (!this.over && this.#run.version === version) {
      const leftMs = untilMs - this.#clock.nowMs();
      if (leftMs <= 0) return;
      await this.#sleeper.sleep(leftMs);
    }
  }

  /** Writes a step, however long the store is away: what a vendor did must not be forgotten. */
  async record(transition: RunTransition): Promise<Recording> {
    for (;;) {
      try {
        const written = await this.#writer.write(this.#run, transition, this.#replica);
        if (written.kind === 'written') {
          if (written.run.version > this.#run.version) this.#run = written.run;
          return 'recorded';
        }
        if (written.kind === 'refused') return 'overtaken';
        if (await this.#catchUp(transition)) return 'recorded';
        if (this.over) return 'overtaken';
      } catch (error) {
        if (!(error instanceof StorageFault)) throw error;
        this.#log.warn(
          { err: error, transition: transition.kind },
          'the store does not answer; the step is kept and tried again',
        );
        if (this.#over && !this.#isInCall) return 'unsaved';
        await new Promise<void>((resolve) => void this.#clock.schedule(storageRetryMs, resolve));
      }
    }
  }

  /** What came of a call that must not be made twice is known here alone: it is worth all the time that a drain has. */
  get #isInCall(): boolean {
    return this.#run.phase === 'starting' || this.#run.phase === 'delivering';
  }

  /** Reads what overtook a step. True: it was the step itself, committed although the store did not live to say so. */
  async #catchUp(transition: RunTransition): Promise<boolean> {
    const current = await this.#store.find({ tenant: this.#run.tenant, runId: this.#run.runId });
    if (current === null) this.#over = true;
    if (current === null) return false;
    this.#take(current);
    return !this.#over && shows(current, transition);
  }

  /** A run that was claimed by another replica while this one was silent is that one's to drive. */
  #take(run: Run): void {
    this.#run = run;
    if (run.owner === this.#replica || run.phase === 'done' || this.#over) return;
    this.#over = true;
    this.#log.info({ owner: run.owner }, 'another replica drives the run now');
  }
}

function shows(run: Run, transition: RunTransition): boolean {
  switch (transition.kind) {
    case 'begin':
      return run.phase === 'starting';
    case 'deliver':
      return run.phase === 'delivering';
    case 'scheduled':
      return run.phase === 'queued';
    case 'started':
      return run.phase === 'running' && run.upstream?.runId === transition.upstream.runId;
    default:
      return false;
  }
}
