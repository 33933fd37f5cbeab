import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { z } from 'zod';
import type { IdempotencyName, RunQuota, UsageStore } from '../../contract/store/usage-store.ts';
import type { WriteQueue } from './write-queue.ts';

const countRow = z.object({ counted: z.number() });

/** How long after it was counted a run may still be inserted. */
const insertGraceMs = 10_000;

/** Counts the live runs of keys that have a limit. The file has one process, so nothing else needs to be shared. */
export class SqliteUsage implements UsageStore {
  readonly shared = null;
  readonly #writes: WriteQueue;
  readonly #findKey: StatementSync;
  readonly #count: StatementSync;
  readonly #prune: StatementSync;
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;

  constructor(database: DatabaseSync, writes: WriteQueue) {
    this.#writes = writes;
    this.#findKey = database.prepare('SELECT 1 FROM idempotency WHERE tenant = ? AND key = ? AND expires_at_ms > ?');
    this.#count = database.prepare('SELECT count(*) AS counted FROM counted_runs WHERE name = ?');
    this.#prune = database.prepare(`DELETE FROM counted_runs WHERE name = ?1
      AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = counted_runs.run_id AND ended_at_ms IS NULL)
      AND (counted_at_ms < ?2 OR EXISTS (SELECT 1 FROM runs WHERE runs.run_id = counted_runs.run_id))`);
    this.#insert = database.prepare('INSERT INTO counted_runs (run_id, name, counted_at_ms) VALUES (?, ?, ?)');
    this.#remove = database.prepare('DELETE FROM counted_runs WHERE run_id = ?');
  }

  async reserveRun({ name, maxLive }: RunQuota, runId: string, used: IdempotencyName | undefined): Promise<boolean> {
    return await this.#writes.submit(() => {
      const nowMs = Date.now();
      // A step of the wall clock must not take a run for one whose insert failed.
      const steadyMs = Math.round(performance.timeOrigin + performance.now());
      if (used !== undefined && this.#findKey.get(used.tenant, used.key, nowMs) !== undefined) return true;
      // Ended runs are looked for only when they would make a difference.
      if (this.#counted(name) >= maxLive) this.#prune.run(name, steadyMs - insertGraceMs);
      if (this.#counted(name) >= maxLive) return false;
      this.#insert.run(runId, name, steadyMs);
      return true;
    });
  }

  async releaseRun(runId: string): Promise<void> {
    await this.#writes.submit(() => this.#remove.run(runId));
  }

  #counted(name: string): number {
    return countRow.parse(this.#count.get(name)).counted;
  }
}
