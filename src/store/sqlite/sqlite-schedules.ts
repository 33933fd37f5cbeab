import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Fire } from '../../contract/domain/schedule.ts';
import type { ScheduleKey, ScheduleRow, ScheduleStore } from '../../contract/store/schedule-store.ts';
import { scheduleRows, selectSchedules } from '../schedule-rows.ts';
import { withStorageFaults } from './sqlite-faults.ts';
import type { WriteQueue } from './write-queue.ts';

/** How far schedules have come, in the SQLite file. */
export class SqliteSchedules implements ScheduleStore {
  readonly #writes: WriteQueue;
  readonly #select: StatementSync;
  readonly #insert: StatementSync;
  readonly #wait: StatementSync;
  readonly #decide: StatementSync;
  readonly #delete: StatementSync;

  constructor(database: DatabaseSync, writes: WriteQueue) {
    this.#writes = writes;
    this.#select = database.prepare(selectSchedules);
    this.#insert = database.prepare('INSERT OR IGNORE INTO schedules (name, times, decided_ms) VALUES (?, ?, ?)');
    this.#wait = database.prepare(`UPDATE schedules SET waiting_ms = ?3
      WHERE name = ?1 AND times = ?2 AND decided_ms < ?3 AND waiting_ms IS NULL`);
    this.#decide = database.prepare(`UPDATE schedules SET decided_ms = ?3, waiting_ms = NULL, last = ?4,
      last_run_id = coalesce(?5, last_run_id) WHERE name = ?1 AND times = ?2 AND decided_ms < ?3`);
    this.#delete = database.prepare('DELETE FROM schedules WHERE name = ? AND times = ?');
  }

  async list(): Promise<readonly ScheduleRow[]> {
    return await withStorageFaults(() => scheduleRows.parse(this.#select.all()));
  }

  async begin({ name, times }: ScheduleKey, fromMs: number): Promise<void> {
    await this.#writes.submit(() => this.#insert.run(name, times, fromMs));
  }

  async wait({ name, times }: ScheduleKey, atMs: number): Promise<void> {
    await this.#writes.submit(() => this.#wait.run(name, times, atMs));
  }

  async decide({ name, times }: ScheduleKey, fire: Fire): Promise<boolean> {
    const cells = [name, times, fire.atMs, JSON.stringify(fire), fire.runId];
    return await this.#writes.submit(() => this.#decide.run(...cells).changes > 0);
  }

  async forget(keys: readonly ScheduleKey[]): Promise<void> {
    await this.#writes.submit(() => {
      for (const { name, times } of keys) this.#delete.run(name, times);
    });
  }
}
