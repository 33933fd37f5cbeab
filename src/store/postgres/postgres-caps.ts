import type { PoolClient } from 'pg';
import { z } from 'zod';
import type { Cap, CapSettlement, CapUse, ReachedCap } from '../../contract/domain/cap.ts';
import type { CapStore } from '../../contract/store/cap-store.ts';
import { capWindows, findReached, openBucket, readCapRows, toStoredCost, useOf } from '../cap-windows.ts';
import { lockName, type StorePool, transact } from './connections.ts';
import { withStorageFaults } from './postgres-faults.ts';
import { type EncodedWrite, nowMs, type Writes } from './write-statement.ts';

const nowRow = z.object({ now_ms: z.number() });
const { hour, day } = capWindows;
/** Every span with the length of its buckets. */
const spans = `(VALUES ('hour', ${hour.bucketMs}::bigint), ('day', ${day.bucketMs}::bigint)) AS spans (span, size)`;

const selectNow = `SELECT ${nowMs} AS now_ms`;
const selectUses = 'SELECT name, span, bucket_ms, runs, cost FROM cap_uses WHERE name = ANY ($1::text[])';

/** In the order of the names, so that two transactions cannot wait for each other. */
const addUses = `INSERT INTO cap_uses (name, span, bucket_ms, runs, cost)
  SELECT name, span, bucket_ms, sum(runs), sum(cost) FROM (
    SELECT name, span, ${nowMs} / size * size AS bucket_ms, runs, cost
    FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS used (name, runs, cost) CROSS JOIN ${spans}
    WHERE runs <> 0 OR cost <> 0
    UNION ALL
    SELECT name, '${openBucket.span}', ${openBucket.bucketMs}, 0, reserve
    FROM unnest($1::text[], $4::bigint[]) AS held (name, reserve) WHERE reserve <> 0
  ) AS added GROUP BY name, span, bucket_ms ORDER BY name, span, bucket_ms
  ON CONFLICT (name, span, bucket_ms) DO UPDATE
    SET runs = cap_uses.runs + excluded.runs, cost = cap_uses.cost + excluded.cost`;

const pruneUses = `DELETE FROM cap_uses USING ${spans} WHERE name = ANY ($1::text[]) AND cap_uses.span = spans.span
  AND (bucket_ms > $2::bigint OR bucket_ms <= $2::bigint - spans.size
    - CASE spans.span WHEN 'hour' THEN ${hour.lengthMs} ELSE ${day.lengthMs} END)`;

/** Thrown within a transaction that is to write nothing. */
class Undone extends Error {}

/** What runs under caps have used, over all replicas, by the clock of the server. */
export class PostgresCaps implements CapStore {
  readonly #pool: StorePool;
  /** The last run under caps that is being written. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(pool: StorePool) {
    this.#pool = pool;
  }

  async uses(caps: readonly Cap[]): Promise<readonly CapUse[]> {
    const names = caps.map(({ name }) => name);
    const [uses, now] = await withStorageFaults(
      Promise.all([this.#pool.query(selectUses, [names]), this.#pool.query(selectNow)]),
    );
    const rows = readCapRows(uses.rows);
    return caps.map((cap) => useOf(cap, rows, nowRow.parse(now.rows[0]).now_ms));
  }

  /**
   * Writes a run: under caps in a transaction of its own, one at a time for each cap over all replicas. What the write gives is
   * kept only where it is `inserted`. Rejects with `StorageFault`.
   */
  async insert<Write extends EncodedWrite, Result>(
    writes: Writes<Write, Result>,
    write: Write,
    { caps, inserted }: { readonly caps: readonly Cap[]; readonly inserted: NoInfer<Result> },
  ): Promise<Result | ReachedCap> {
    if (caps.length === 0) return await writes.submit(write);
    const names = caps.map(({ name }) => name).toSorted();
    let outcome: Result | ReachedCap | undefined;
    const count = async (client: PoolClient) => {
      for (const name of names) await lockName(client, `cap ${name}`);
      // After the locks, so that it sees what those before have written.
      const rows = readCapRows((await client.query(selectUses, [names])).rows);
      const { now_ms: atMs } = nowRow.parse((await client.query(selectNow)).rows[0]);
      outcome = findReached(caps, rows, atMs) ?? (await writes.within(client, write));
      if (outcome !== inserted) throw new Undone();
      await client.query(pruneUses, [names, atMs]);
      const reserves = caps.map(({ reserve }) => toStoredCost(reserve));
      await client.query(addUses, [caps.map(({ name }) => name), caps.map(() => 1), caps.map(() => 0), reserves]);
      return outcome;
    };
    // One after the other: those that wait for a lock would keep the connections from all other work.
    const written = this.#last.then(() => transact(this.#pool, 'BEGIN', count));
    this.#last = written.catch(() => {});
    return await withStorageFaults(
      written.catch((error: unknown) => {
        if (error instanceof Undone && outcome !== undefined) return outcome;
        throw error;
      }),
    );
  }

  /** Writes a change of a run, with what it does to the caps of the run. Rejects with `StorageFault`. */
  async update<Write extends EncodedWrite>(
    writes: Writes<Write, boolean>,
    write: Write,
    settlements: readonly CapSettlement[] = [],
  ): Promise<boolean> {
    if (settlements.length === 0) return await writes.submit(write);
    const written = transact(this.#pool, 'BEGIN', async (client) => {
      if (!(await writes.within(client, write))) return false;
      const names = settlements.map(({ name }) => name);
      const costs = settlements.map(({ cost }) => toStoredCost(cost));
      const released = settlements.map((each) => -toStoredCost(each.released));
      await client.query(addUses, [names, names.map(() => 0), costs, released]);
      return true;
    });
    return await withStorageFaults(written);
  }
}
