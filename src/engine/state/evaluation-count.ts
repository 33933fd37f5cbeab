import type { EvaluationGuard } from '../../contract/domain/evaluation.ts';
import { MappingFault } from '../../contract/domain/mapping.ts';
import type { Run } from '../../contract/domain/run.ts';

/** A run ends instead of being evaluated again after this many processes have ended in its evaluation. */
const maxProcessEnds = 3;

/** Lets evaluations of runs that this process took over run one at a time, so that only one is to blame for its end. */
export class EvaluationTurns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when it is the caller's turn, with a function that ends the turn. */
  async begin(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#last;
    this.#last = promise;
    await before;
    return resolve;
  }
}

/** The part of a run handle that counting takes. */
type Recorder = {
  readonly run: Run;
  readonly isOver: boolean;
  record(transition: { readonly kind: 'evaluate' | 'evaluated' }): Promise<unknown>;
};

/**
 * Counts evaluations of a run that was taken over from another process, in the store and before they begin: one that
 * ends the process leaves its count behind, and the run does not go from replica to replica. The count is over with the next
 * step of the run, or with the turn.
 */
export class EvaluationWatch {
  readonly #handle: Recorder;
  readonly #turns: EvaluationTurns;
  #isCounted = false;

  constructor(handle: Recorder, turns: EvaluationTurns) {
    this.#handle = handle;
    this.#turns = turns;
  }

  readonly guard: EvaluationGuard = async (expression, work) => {
    const ends = this.#handle.run.evaluations ?? 0;
    if (!this.#isCounted && ends >= maxProcessEnds) {
      throw new MappingFault(expression, `its evaluation ended the gateway ${ends} times`);
    }
    const endTurn = await this.#turns.begin();
    try {
      if (!this.#isCounted) {
        this.#isCounted = true;
        await this.#handle.record({ kind: 'evaluate' });
      }
      return await work();
    } finally {
      endTurn();
    }
  };

  /** A turn of the run is over and the process lives. True: an evaluation was counted, so that no other need be. */
  async settle(): Promise<boolean> {
    const { run, isOver } = this.#handle;
    if (this.#isCounted && !isOver && run.evaluations !== undefined) await this.#handle.record({ kind: 'evaluated' });
    return this.#isCounted;
  }
}
