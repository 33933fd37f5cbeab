import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { z } from 'zod';
import type { DurationStore } from '../../contract/store/duration-store.ts';
import { withStorageFaults } from './sqlite-faults.ts';
import type { WriteQueue } from './write-queue.ts';

const durationRow = z.object({ took_ms: z.number() });

/** Durations of runs in the SQLite file. */
export class SqliteDurations implements DurationStore {
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

  async newest(agentId: string, max: number): Promise<readonly number[]> {
    return await withStorageFaults(() => this.#read(agentId, max));
  }

  async add(agentId: string, durationsMs: readonly number[], max: number): Promise<readonly number[]> {
    return await this.#writes.submit(() => {
      for (const durationMs of durationsMs) this.#insert.run(agentId, Math.round(durationMs));
      this.#trim.run(agentId, max);
      return this.#read(agentId, max);
    });
  }

  #read(agentId: string, max: number): readonly number[] {
    const rows = this.#newest.all(agentId, max).map((row) => durationRow.parse(row).took_ms);
    return rows.reverse();
  }
}
