import type { Pool } from 'pg';
import { z } from 'zod';
import type { PacingStore, QuotaLeases } from '../../contract/store/pacing-store.ts';
import { type ChangeListener, wakeChannel } from './change-listener.ts';
import { toStorageFault } from './faults.ts';
import { PostgresQuotaLeases } from './quota-leases.ts';

const durationRow = z.object({ took_ms: z.number() });

const newest = 'SELECT took_ms FROM durations WHERE agent_id = $1 ORDER BY id DESC LIMIT $2';
const insert = 'INSERT INTO durations (agent_id, took_ms) SELECT $1, unnest($2::bigint[])';
const trim = `DELETE FROM durations WHERE agent_id = $1 AND id <=
  (SELECT id FROM durations WHERE agent_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)`;

/** Durations, nudges and budgets that replicas share through PostgreSQL. */
export class PostgresPacing implements PacingStore {
  readonly quotaLeases: QuotaLeases;
  readonly #pool: Pool;
  readonly #changes: ChangeListener;
  readonly #origin: string;

  constructor(pool: Pool, changes: ChangeListener, origin: string) {
    this.#pool = pool;
    this.#changes = changes;
    this.#origin = origin;
    this.quotaLeases = new PostgresQuotaLeases(pool);
  }

  async durations(agentId: string, max: number): Promise<readonly number[]> {
    const rows = await this.#query(newest, [agentId, max]);
    return rows.map((row) => durationRow.parse(row).took_ms).reverse();
  }

  async keepDurations(agentId: string, durationsMs: readonly number[], max: number): Promise<readonly number[]> {
    await this.#query(insert, [agentId, durationsMs.map(Math.round)]);
    await this.#query(trim, [agentId, max]);
    return await this.durations(agentId, max);
  }

  async wakeRun(runId: string): Promise<void> {
    await this.#query('SELECT pg_notify($1, $2)', [wakeChannel, `${this.#origin} ${runId}`]);
  }

  onWakeRun(listener: (runId: string) => void): () => void {
    return this.#changes.onWakeRun(listener);
  }

  async #query(text: string, values: unknown[]): Promise<readonly unknown[]> {
    try {
      return (await this.#pool.query({ text, values })).rows;
    } catch (error) {
      throw toStorageFault(error);
    }
  }
}
