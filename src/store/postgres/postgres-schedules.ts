import type { Pool, QueryResult } from 'pg';
import type { Fire } from '../../contract/domain/schedule.ts';
import type { ScheduleKey, ScheduleRow, ScheduleStore } from '../../contract/store/schedule-store.ts';
import { scheduleRows, selectSchedules } from '../schedule-rows.ts';
import { withStorageFaults } from './postgres-faults.ts';

const insert = 'INSERT INTO schedules (name, times, decided_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING';
const setWaiting = `UPDATE schedules SET waiting_ms = $3
  WHERE name = $1 AND times = $2 AND decided_ms < $3 AND waiting_ms IS NULL`;
const setDecided = `UPDATE schedules SET decided_ms = $3, waiting_ms = NULL, last = $4,
  last_run_id = coalesce($5, last_run_id) WHERE name = $1 AND times = $2 AND decided_ms < $3`;
const remove = 'DELETE FROM schedules WHERE (name, times) IN (SELECT * FROM unnest($1::text[], $2::text[]))';

/** How far schedules have come, for all replicas on a PostgreSQL database. */
export class PostgresSchedules implements ScheduleStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async list(): Promise<readonly ScheduleRow[]> {
    return scheduleRows.parse((await this.#ask(selectSchedules, [])).rows);
  }

  async begin({ name, times }: ScheduleKey, fromMs: number): Promise<void> {
    await this.#ask(insert, [name, times, fromMs]);
  }

  async wait({ name, times }: ScheduleKey, atMs: number): Promise<void> {
    await this.#ask(setWaiting, [name, times, atMs]);
  }

  async decide({ name, times }: ScheduleKey, fire: Fire): Promise<boolean> {
    const { rowCount } = await this.#ask(setDecided, [name, times, fire.atMs, JSON.stringify(fire), fire.runId]);
    return rowCount === 1;
  }

  async forget(keys: readonly ScheduleKey[]): Promise<void> {
    await this.#ask(remove, [keys.map(({ name }) => name), keys.map(({ times }) => times)]);
  }

  async #ask(text: string, values: readonly unknown[]): Promise<QueryResult> {
    return await withStorageFaults(this.#pool.query(text, [...values]));
  }
}
