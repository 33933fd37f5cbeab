import type { Pool } from 'pg';
import { RateLimiterMemory, RateLimiterPostgres } from 'rate-limiter-flexible';
import type { RateUse, SharedUsage } from '../../contract/store/usage-store.ts';
import { toStorageFault } from './faults.ts';
import { lockName } from './name-lock.ts';
import { transact } from './transaction.ts';

const confirmMs = 20_000;
const session = `confirmed_at > clock_timestamp() - interval '1 minute'`;
const take = `INSERT INTO open_streams AS mine (name, process, open, confirmed_at)
  SELECT $1, $2, 1, clock_timestamp()
  WHERE (SELECT coalesce(sum(open), 0) FROM open_streams WHERE name = $1 AND ${session}) < $3
  ON CONFLICT (name, process) DO UPDATE SET open = mine.open + 1, confirmed_at = excluded.confirmed_at`;
const leave = 'UPDATE open_streams SET open = open - 1 WHERE name = $1 AND process = $2 AND open > 0';
const confirm = 'UPDATE open_streams SET confirmed_at = clock_timestamp() WHERE process = $1 AND open > 0';
const bury = `DELETE FROM open_streams WHERE NOT ${session} OR (process = $1 AND open = 0)`;

/** Requests a second and open streams of names that have a limit, counted by all replicas together. */
export class PostgresSharedUsage implements SharedUsage {
  readonly #pool: Pool;
  /** Names this process among the replicas. */
  readonly #process: string;
  readonly #windows: RateLimiterPostgres;
  /** Streams of this process that are counted. */
  #open = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(pool: Pool, process: string) {
    this.#pool = pool;
    this.#process = process;
    // It only counts: how many are too many differs from name to name.
    const window = { points: Number.MAX_SAFE_INTEGER, duration: 1 };
    this.#windows = new RateLimiterPostgres({
      ...window,
      storeClient: pool,
      storeType: 'pool',
      tableName: 'request_windows',
      // A migration made it.
      tableCreated: true,
      // A database that is away must neither stop nor open the door.
      insuranceLimiter: new RateLimiterMemory(window),
    });
  }

  async countRequest(name: string): Promise<RateUse> {
    const { consumedPoints, msBeforeNext } = await this.#windows.consume(name);
    return { used: consumedPoints, resetMs: msBeforeNext };
  }

  async reserveStream(name: string, max: number): Promise<boolean> {
    try {
      const isTaken = await transact(this.#pool, 'BEGIN', async (client) => {
        await lockName(client, name);
        return (await client.query(take, [name, this.#process, max])).rowCount === 1;
      });
      if (isTaken) {
        this.#open += 1;
        this.#timer ??= setInterval(() => void this.#confirm(), confirmMs).unref();
      }
      return isTaken;
    } catch (error) {
      throw toStorageFault(error);
    }
  }

  async releaseStream(name: string): Promise<void> {
    this.#open -= 1;
    if (this.#open === 0 && this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
    await this.#try(leave, [name, this.#process]);
    if (this.#open === 0) await this.#try(bury, [this.#process]);
  }

  async #confirm(): Promise<void> {
    await this.#try(confirm, [this.#process]);
    await this.#try(bury, [this.#process]);
  }

  /** What is not written now is forgotten with the process's count: it is late by a minute, not wrong for ever. */
  async #try(statement: string, values: readonly string[]): Promise<void> {
    await this.#pool.query(statement, [...values]).catch(() => {});
  }
}
