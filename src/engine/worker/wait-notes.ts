import type { Clock } from '../../contract/domain/clock.ts';

/**
 * `news`: what the run waits for has changed since the last look, and is not recorded. `due`: it has not, and is to be
 * recorded. `waits`: it is recorded. `rests`: the run waits for nothing.
 */
export type WaitLook = 'news' | 'due' | 'waits' | 'rests';

/** A live run, as far as its waits are concerned. */
export type WaitingRun = {
  lookAtWait(): WaitLook;
  /** Records it. Never rejects. */
  recordWait(): Promise<void>;
};

export type WaitNotesDeps = { readonly clock: Clock; readonly runs: () => Iterable<WaitingRun> };

/** A wait that is over within two looks leaves no trace. */
const briskMs = 1000;
const maxMs = 64_000;
/** Waits that are recorded after one look, so that a thousand queued runs are no burst of writes. */
const maxNotes = 100;

/**
 * Records what runs wait for, as an event and for the readers of other replicas. Looks at all live runs now and then while
 * one waits, so that nothing has to be done where a wait begins, however short it is.
 */
export class WaitNotes {
  readonly #deps: WaitNotesDeps;
  #delayMs = 0;
  #cancel: (() => void) | null = null;
  #isStopped = false;

  constructor(deps: WaitNotesDeps) {
    this.#deps = deps;
  }

  /** A run waits. */
  expect(): void {
    if (this.#cancel !== null && this.#delayMs === briskMs) return;
    this.#arm(briskMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  #arm(delayMs: number): void {
    if (this.#isStopped) return;
    this.#cancel?.();
    this.#delayMs = delayMs;
    this.#cancel = this.#deps.clock.schedule(delayMs, () => {
      this.#cancel = null;
      this.#look();
    });
  }

  /** The looks get rarer while there is nothing to record. */
  #look(): void {
    let isWaiting = false;
    let isBrisk = false;
    const due: WaitingRun[] = [];
    for (const run of this.#deps.runs()) {
      const look = run.lookAtWait();
      isWaiting ||= look !== 'rests';
      isBrisk ||= look === 'news' || look === 'due';
      if (look === 'due' && due.push(run) === maxNotes) break;
    }
    for (const run of due) void run.recordWait();
    if (isBrisk) this.#arm(briskMs);
    else if (isWaiting) this.#arm(Math.min(this.#delayMs * 2, maxMs));
  }
}
