import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Cap, CapSettlement, CapUse, ReachedCap } from '../../contract/domain/cap.ts';
import type { CapStore } from '../../contract/store/cap-store.ts';
import {
  bucketOf,
  bucketsIn,
  type CapRow,
  type CapWindow,
  capWindows,
  findReached,
  openBucket,
  readCapRows,
  toStoredCost,
  useOf,
} from '../cap-windows.ts';
import { withStorageFaults } from './sqlite-faults.ts';

const windows = Object.keys(capWindows) as CapWindow[];

/** What a new run does to its caps, for the transaction that writes it. */
export type CapCount = {
  /** The cap that leaves no room for the run. */
  refuse(): ReachedCap | null;
  count(): void;
};

/** What runs under caps have used, in the SQLite file of the runs. */
export class SqliteCaps implements CapStore {
  readonly #rows: StatementSync;
  readonly #add: StatementSync;
  readonly #prune: StatementSync;

  constructor(database: DatabaseSync) {
    this.#rows = database.prepare('SELECT name, span, bucket_ms, runs, cost FROM cap_uses WHERE name = ?');
    this.#add = database.prepare(`INSERT INTO cap_uses (name, span, bucket_ms, runs, cost) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (name, span, bucket_ms) DO UPDATE SET runs = runs + excluded.runs, cost = cost + excluded.cost`);
    this.#prune = database.prepare(`DELETE FROM cap_uses
      WHERE name = ? AND span = ? AND (bucket_ms <= ? OR bucket_ms > ?)`);
  }

  async uses(caps: readonly Cap[]): Promise<readonly CapUse[]> {
    return await withStorageFaults(() => {
      const nowMs = steadyNowMs();
      return caps.map((cap) => useOf(cap, this.#read([cap]), nowMs));
    });
  }

  prepareCount(caps: readonly Cap[]): CapCount {
    return {
      refuse: () => findReached(caps, this.#read(caps), steadyNowMs()),
      count: () => {
        const nowMs = steadyNowMs();
        for (const { name, reserve } of caps) {
          for (const window of windows) {
            const { afterMs, untilMs } = bucketsIn(window, nowMs);
            this.#prune.run(name, window, afterMs, untilMs);
            this.#add.run(name, window, bucketOf(window, nowMs), 1, 0);
          }
          if (reserve > 0) this.#add.run(name, openBucket.span, openBucket.bucketMs, 0, toStoredCost(reserve));
        }
      },
    };
  }

  /** Returns the work that frees the reserves of a run and adds its cost. */
  prepareSettle(settlements: readonly CapSettlement[]): () => void {
    return () => {
      const nowMs = steadyNowMs();
      for (const { name, released, cost } of settlements) {
        if (released > 0) this.#add.run(name, openBucket.span, openBucket.bucketMs, 0, -toStoredCost(released));
        if (cost === 0) continue;
        for (const window of windows) this.#add.run(name, window, bucketOf(window, nowMs), 0, toStoredCost(cost));
      }
    };
  }

  #read(caps: readonly Cap[]): readonly CapRow[] {
    return caps.flatMap(({ name }) => readCapRows(this.#rows.all(name)));
  }
}

/** A step of the wall clock must neither free what was used nor count it for longer. */
function steadyNowMs(): number {
  return Math.round(performance.timeOrigin + performance.now());
}
