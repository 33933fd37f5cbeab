import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { z } from 'zod';
import type { PaceStore } from '../../contract/store/pacing-store.ts';
import { read } from './faults.ts';
import type { WriteQueue } from './write-queue.ts';

const durationRow = z.object({ took_ms: z.number() });

/** Durations of runs in the SQLite file. It has one process, so there is nobody to wake and nothing to share. */
export class SqlitePace implements PaceStore {
  readonly shares = null;
  readonly #writes: WriteQueue;
  readonly #insert: StatementSync;
  readonly #trim: StatementSync;
  readonly #newest: StatementSync;

  constructor(database: DatabaseSync, writes: WriteQueue) {
    this.#writes = writes;
    this.#insert = database.prepare('INSERT INTO durations (agent_id, took_ms) VALUES (?, ?)');
    this.#trim = database.prepare(`DELETE FROM durations WHERE agent_id = ?1 AND id <=
      (SELECT id FROM durations WHERE agent_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`);
    this.#newest = database.prepare('SELECT took_ms FROM durations WHERE agent_id = ? ORDER BY id DESC LIMIT ?');
  }

  async durations(agentId: string, most: number): Promise<readonly number[]> {
    return read(() => this.#read(agentId, most));
  }

  async keepDurations(agentId: string, durationsMs: readonly number[], most: number): Promise<readonly number[]> {
    return await this.#writes.submit(() => {
      for (const durationMs of durationsMs) this.#insert.run(agentId, Math.round(durationMs));
      this.#trim.run(agentId, most);
      return this.#read(agentId, most);
    });
  }

  async nudge(): Promise<void> {}

  onNudge(): () => void {
    return () => {};
  }

  #read(agentId: string, most: number): readonly number[] {
    const rows = this.#newest.all(agentId, most).map((row) => durationRow.parse(row).took_ms);
    return rows.reverse();
  }
}
