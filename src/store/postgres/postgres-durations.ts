import type { Pool } from 'pg';
import { z } from 'zod';
import type { DurationStore } from '../../contract/store/duration-store.ts';
import { withStorageFaults } from './postgres-faults.ts';

const durationRow = z.object({ took_ms: z.number() });

const newest = 'SELECT took_ms FROM durations WHERE agent_id = $1 ORDER BY id DESC LIMIT $2';
const insert = 'INSERT INTO durations (agent_id, took_ms) SELECT $1, unnest($2::bigint[])';
const trim = `DELETE FROM durations WHERE agent_id = $1 AND id <=
  (SELECT id FROM durations WHERE agent_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)`;

/** Durations of runs, as all replicas saw them. */
export class PostgresDurations implements DurationStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async newest(agentId: string, max: number): Promise<readonly number[]> {
    const { rows } = await withStorageFaults(this.#pool.query(newest, [agentId, max]));
    return rows.map((row) => durationRow.parse(row).took_ms).reverse();
  }

  async add(agentId: string, durationsMs: readonly number[], max: number): Promise<readonly number[]> {
    await withStorageFaults(this.#pool.query(insert, [agentId, durationsMs.map(Math.round)]));
    await withStorageFaults(this.#pool.query(trim, [agentId, max]));
    return await this.newest(agentId, max);
  }
}
