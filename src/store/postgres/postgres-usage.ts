import { RateLimiterMemory } from 'rate-limiter-flexible';
import { z } from 'zod';
import type { IdempotencyName, RateUse, RunQuota, SharedUsage, UsageStore } from '../../contract/store/usage-store.ts';
import { lockName, type StorePool, transact } from './connections.ts';
import { withStorageFaults } from './postgres-faults.ts';
import { nowMs } from './write-statement.ts';

const findKey = `SELECT 1 FROM idempotency WHERE tenant = $1 AND key = $2 AND expires_at_ms > ${nowMs}`;
const count = `INSERT INTO counted_runs (run_id, name, counted_at) SELECT $1, $2, clock_timestamp()
  WHERE (SELECT count(*) FROM counted_runs WHERE name = $2) < $3`;
/** A counted run that is not in the table may still be inserted within ten seconds. */
const prune = `DELETE FROM counted_runs WHERE name = $1
  AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = counted_runs.run_id AND ended_at_ms IS NULL)
  AND (counted_at < clock_timestamp() - interval '10 seconds'
    OR EXISTS (SELECT 1 FROM runs WHERE runs.run_id = counted_runs.run_id))`;

/** What keys use of all replicas on one database. */
export class PostgresUsage implements UsageStore {
  readonly shared: PostgresSharedUsage;
  readonly #pool: StorePool;

  constructor(pool: StorePool, process: string) {
    this.#pool = pool;
    this.shared = new PostgresSharedUsage(pool, process);
  }

  async reserveRun({ name, maxLive }: RunQuota, runId: string, used: IdempotencyName | undefined): Promise<boolean> {
    const reserved = transact(this.#pool, 'BEGIN', async (client) => {
      await lockName(client, name);
      if (used !== undefined && (await client.query(findKey, [used.tenant, used.key])).rowCount === 1) return true;
      const tryCount = async () => (await client.query(count, [runId, name, maxLive])).rowCount === 1;
      if (await tryCount()) return true;
      // Ended runs are looked for only when they would make a difference.
      await client.query(prune, [name]);
      return await tryCount();
    });
    return await withStorageFaults(reserved);
  }

  async releaseRun(runId: string): Promise<void> {
    await withStorageFaults(this.#pool.query('DELETE FROM counted_runs WHERE run_id = $1', [runId]));
  }
}

const confirmMs = 20_000;
const isConfirmed = `confirmed_at > clock_timestamp() - interval '1 minute'`;
const reserve = `INSERT INTO open_streams AS mine (name, process, open, confirmed_at)
  SELECT $1, $2, 1, clock_timestamp()
  WHERE (SELECT coalesce(sum(open), 0) FROM open_streams WHERE name = $1 AND ${isConfirmed}) < $3
  ON CONFLICT (name, process) DO UPDATE SET open = mine.open + 1, confirmed_at = excluded.confirmed_at`;
const release = 'UPDATE open_streams SET open = open - 1 WHERE name = $1 AND process = $2 AND open > 0';
const confirm = 'UPDATE open_streams SET confirmed_at = clock_timestamp() WHERE process = $1 AND open > 0';
const removeUnconfirmed = `DELETE FROM open_streams WHERE NOT ${isConfirmed} OR (process = $1 AND open = 0)`;

const windowMs = 1000;
/** By the clock of the database, so that neither a step of a process's clock nor its drift makes a window longer. */
const isOver = `NOT (mine.expire > ${nowMs} AND mine.expire <= ${nowMs} + ${windowMs})`;
const countInWindow = `INSERT INTO request_windows AS mine (key, points, expire) VALUES ($1, 1, ${nowMs} + ${windowMs})
  ON CONFLICT (key) DO UPDATE SET
    points = CASE WHEN ${isOver} THEN 1 ELSE mine.points + 1 END,
    expire = CASE WHEN ${isOver} THEN excluded.expire ELSE mine.expire END
  RETURNING points AS used, expire - ${nowMs} AS reset_ms`;
const removeWindows = `DELETE FROM request_windows WHERE expire < ${nowMs} - 60000`;
const removeWindowsMs = 300_000;
const countedRow = z.object({ used: z.coerce.number(), reset_ms: z.coerce.number() });

/** Requests per second and open streams of names that have a limit, counted over all replicas. */
export class PostgresSharedUsage implements SharedUsage {
  readonly #pool: StorePool;
  /** Names this process among the replicas. */
  readonly #process: string;
  /** While the database is away, each process counts its own requests. It only counts: limits differ from name to name. */
  readonly #own = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: windowMs / 1000 });
  #removedWindowsMs = performance.now();
  /** Streams of this process that are counted. */
  #open = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(pool: StorePool, process: string) {
    this.#pool = pool;
    this.#process = process;
  }

  async countRequest(name: string): Promise<RateUse> {
    try {
      const { rows } = await this.#pool.query({
        ...this.#pool.prepared('count-request'),
        text: countInWindow,
        values: [name],
      });
      const { used, reset_ms } = countedRow.parse(rows[0]);
      this.#removeOldWindows();
      return { used, resetMs: Math.min(windowMs, Math.max(1, reset_ms)) };
    } catch {
      const { consumedPoints, msBeforeNext } = await this.#own.consume(name);
      return { used: consumedPoints, resetMs: Math.min(windowMs, msBeforeNext) };
    }
  }

  #removeOldWindows(): void {
    const atMs = performance.now();
    if (atMs - this.#removedWindowsMs < removeWindowsMs) return;
    this.#removedWindowsMs = atMs;
    void this.#try(removeWindows, []);
  }

  async reserveStream(name: string, max: number): Promise<boolean> {
    const reserved = transact(this.#pool, 'BEGIN', async (client) => {
      await lockName(client, name);
      return (await client.query(reserve, [name, this.#process, max])).rowCount === 1;
    });
    const isReserved = await withStorageFaults(reserved);
    if (isReserved) {
      this.#open += 1;
      this.#timer ??= setInterval(() => void this.#confirm(), confirmMs).unref();
    }
    return isReserved;
  }

  async releaseStream(name: string): Promise<void> {
    this.#open -= 1;
    if (this.#open === 0 && this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
    await this.#try(release, [name, this.#process]);
    if (this.#open === 0) await this.#try(removeUnconfirmed, [this.#process]);
  }

  async #confirm(): Promise<void> {
    await this.#try(confirm, [this.#process]);
    await this.#try(removeUnconfirmed, [this.#process]);
  }

  /** A write that fails is dropped: the count of the process expires after a minute, so it is late and not wrong for ever. */
  async #try(statement: string, values: readonly string[]): Promise<void> {
    await this.#pool.query(statement, [...values]).catch(() => {});
  }
}
