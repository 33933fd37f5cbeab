import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { prepareAll } from './database.ts';
import type { WriteQueue } from './write-queue.ts';

/** So many keys are sorted in together: they share pages of the index. In memory they are a megabyte. */
const enough = 16_384;
/** Keys that one transaction sorts in: some tenths of a millisecond. */
const sliceSize = 128;

const forget = `BEGIN
    DELETE FROM newest_upstreams WHERE key = old.upstream_key AND run = old.id;
    DELETE FROM upstreams WHERE key = old.upstream_key AND run = old.id;
    DELETE FROM unsorted_upstreams WHERE run = old.id;
  END`;

// The temporary tables of SQLite are in memory, and are rolled back with the transaction like all others.
const memory = `CREATE TEMP TABLE newest_upstreams (key TEXT PRIMARY KEY, run INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT OR REPLACE INTO newest_upstreams
    SELECT upstream_key, id FROM unsorted_upstreams JOIN runs ON id = run WHERE upstream_key IS NOT NULL;
  CREATE TEMP TRIGGER forget_removed AFTER DELETE ON main.runs WHEN old.upstream_key IS NOT NULL ${forget};
  CREATE TEMP TRIGGER forget_replaced AFTER UPDATE OF upstream_key ON main.runs
    WHEN old.upstream_key IS NOT NULL AND old.upstream_key IS NOT new.upstream_key ${forget}`;

const texts = {
  count: 'SELECT count(*) AS keys FROM newest_upstreams',
  // A run may have had another key before.
  findNewest: 'SELECT run_id FROM newest_upstreams JOIN runs ON id = run WHERE key = ?1 AND upstream_key = ?1',
  findSorted: 'SELECT run_id FROM upstreams JOIN runs ON id = run WHERE key = ?1 AND upstream_key = ?1',
  noteRun: 'INSERT OR REPLACE INTO unsorted_upstreams SELECT id FROM runs WHERE run_id = ?',
  noteKey: 'INSERT OR REPLACE INTO newest_upstreams VALUES (?, ?)',
  next: 'SELECT key, run FROM newest_upstreams WHERE key > ? ORDER BY key LIMIT ?',
  sortIn: 'INSERT OR REPLACE INTO upstreams VALUES (?, ?)',
  forgetKey: 'DELETE FROM newest_upstreams WHERE key = ?',
  // A run may have got another key while its first one was sorted in, and another run its number.
  forgetRun: `DELETE FROM unsorted_upstreams WHERE run = ?1
    AND NOT EXISTS (SELECT 1 FROM runs JOIN newest_upstreams ON key = upstream_key WHERE id = ?1)`,
} as const;

const countRow = z.object({ keys: z.number() });
const foundRow = z.object({ run_id: z.string() });
const keyRow = z.object({ key: z.string(), run: z.number() });

/**
 * Which run has which id at its vendor. The newest keys are in memory, and their runs in a small table from which a process
 * that starts reads them; when there are many, they are sorted into the index of all of them.
 */
export class UpstreamKeys {
  readonly #statements: ReturnType<typeof prepareAll<typeof texts>>;
  readonly #writes: WriteQueue;
  /** At least how many are in memory: some may have been rolled back, or removed with their runs. */
  #newest: number;
  #isSorting = false;

  constructor(database: DatabaseSync, writes: WriteQueue) {
    database.exec(memory);
    this.#statements = prepareAll(database, texts);
    this.#writes = writes;
    this.#newest = this.#count();
  }

  /** The id of the run that has the key. */
  find(key: string): string | null {
    const row = this.#statements.findNewest.get(key) ?? this.#statements.findSorted.get(key);
    return row === undefined ? null : foundRow.parse(row).run_id;
  }

  /** Gives the key to a run, whose row has it already. Runs inside a transaction. */
  note(key: string, runId: string): void {
    const { lastInsertRowid: run } = this.#statements.noteRun.run(runId);
    this.#statements.noteKey.run(key, run);
    this.#newest += 1;
  }

  /** Begins to sort keys in if there are enough of them; called after a transaction. */
  sortWhenMany(): void {
    if (this.#newest < enough || this.#isSorting) return;
    this.#isSorting = true;
    // What fails is still in memory and in the small table, and the next time comes with the next start.
    const end = (): void => {
      this.#isSorting = false;
    };
    this.#sort().then(end, end);
  }

  async #sort(): Promise<void> {
    const { next, sortIn, forgetKey, forgetRun } = this.#statements;
    const runs: number[] = [];
    for (let last = ''; ; ) {
      const slice = next.all(last, sliceSize).map((row) => keyRow.parse(row));
      const newest = slice.at(-1);
      if (newest === undefined) break;
      await this.#writes.submit(() => {
        for (const { key, run } of slice) {
          // Removed with its run in the meantime where nothing changes.
          if (forgetKey.run(key).changes === 1) sortIn.run(key, run);
        }
      });
      for (const { run } of slice) runs.push(run);
      last = newest.key;
    }
    runs.sort((a, b) => a - b);
    for (let at = 0; at < runs.length; at += sliceSize) {
      const slice = runs.slice(at, at + sliceSize);
      await this.#writes.submit(() => {
        for (const run of slice) forgetRun.run(run);
      });
    }
    this.#newest = this.#count();
  }

  #count(): number {
    return countRow.parse(this.#statements.count.get()).keys;
  }
}
