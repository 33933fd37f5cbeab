import type { Pool } from 'pg';
import type { IdempotencyName, RunQuota, UsageStore } from '../../contract/store/usage-store.ts';
import { toStorageFault } from './faults.ts';
import { lockName } from './name-lock.ts';
import { PostgresSharedUsage } from './shared-usage.ts';
import { nowMs } from './statements.ts';
import { transact } from './transaction.ts';

const findKey = `SELECT 1 FROM idempotency WHERE tenant = $1 AND key = $2 AND expires_at_ms > ${nowMs}`;
const count = `INSERT INTO counted_runs (run_id, name, counted_at) SELECT $1, $2, clock_timestamp()
  WHERE (SELECT count(*) FROM counted_runs WHERE name = $2) < $3`;
/** A run that was counted and is not there yet may still come for ten seconds. */
const prune = `DELETE FROM counted_runs WHERE name = $1
  AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = counted_runs.run_id AND ended_at_ms IS NULL)
  AND (counted_at < clock_timestamp() - interval '10 seconds'
    OR EXISTS (SELECT 1 FROM runs WHERE runs.run_id = counted_runs.run_id))`;

/** What keys use of the replicas on one database together. */
export class PostgresUsage implements UsageStore {
  readonly shared: PostgresSharedUsage;
  readonly #pool: Pool;

  constructor(pool: Pool, process: string) {
    this.#pool = pool;
    this.shared = new PostgresSharedUsage(pool, process);
  }

  async reserveRun({ name, maxLive }: RunQuota, runId: string, used: IdempotencyName | undefined): Promise<boolean> {
    try {
      return await transact(this.#pool, 'BEGIN', async (client) => {
        await lockName(client, name);
        if (used !== undefined && (await client.query(findKey, [used.tenant, used.key])).rowCount === 1) return true;
        const tryCount = async () => (await client.query(count, [runId, name, maxLive])).rowCount === 1;
        if (await tryCount()) return true;
        // Ended runs are looked for only when they would make a difference.
        await client.query(prune, [name]);
        return await tryCount();
      });
    } catch (error) {
      throw toStorageFault(error);
    }
  }

  async releaseRun(runId: string): Promise<void> {
    try {
      await this.#pool.query('DELETE FROM counted_runs WHERE run_id = $1', [runId]);
    } catch (error) {
      throw toStorageFault(error);
    }
  }
}
