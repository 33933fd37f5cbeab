import { z } from 'zod';
import { Pacer } from '../../compute/turns.ts';
import type { Statements } from './sqlite-statements.ts';

/** Rows that are examined at once: about a millisecond. */
const sliceSize = 500;

const examinedRow = z.object({ id: z.number(), created_at_ms: z.number(), ended_at_ms: z.number().nullable() });

/**
 * Finds runs that ended before an instant, without an index of ends, which would cost each end a page. Runs are examined in the
 * order in which they were written, from where the last search stopped, up to those that were not even created by then.
 */
export class RunExpiry {
  readonly #statements: Pick<Statements, 'runsInOrder'>;
  #after = 0;

  constructor(statements: Pick<Statements, 'runsInOrder'>) {
    this.#statements = statements;
  }

  /** Row ids of at most `limit` runs, fewer only when there are no more. Rejects with SQLite's errors. */
  async find(endedBeforeMs: number, limit: number): Promise<readonly number[]> {
    const pacer = new Pacer();
    const found: number[] = [];
    // Runs before the place where the search begins may have ended since, so it comes round to there.
    const start = this.#after;
    for (let isRound = start === 0; ; ) {
      const rows = this.#statements.runsInOrder.all(this.#after, sliceSize).map((row) => examinedRow.parse(row));
      for (const { id, ended_at_ms: endedAtMs } of rows) {
        if (endedAtMs !== null && endedAtMs < endedBeforeMs) found.push(id);
        this.#after = id;
        if (found.length === limit) return found;
      }
      // A step of the clock may put a young run among old ones, but not a whole slice of them.
      const isEnd = rows.length < sliceSize || rows.every((row) => row.created_at_ms >= endedBeforeMs);
      if (isEnd || (isRound && start > 0 && this.#after >= start)) {
        this.#after = 0;
        if (isRound) return found;
        isRound = true;
      }
      const pause = pacer.pause();
      if (pause !== undefined) await pause;
    }
  }
}
