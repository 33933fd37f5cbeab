import type { PoolClient } from 'pg';
import { z } from 'zod';
import type { Cap, CapSettlement, CapUse, ReachedCap } from '../../contract/domain/cap.ts';
import type { CapStore } from '../../contract/store/cap-store.ts';
import {
  bucketOf,
  type CapRow,
  capWindows,
  findReached,
  openBucket,
  readCapRows,
  toStoredCost,
  useOf,
} from '../cap-windows.ts';
import { Batches } from './batches.ts';
import { lockNames, type StorePool, transact } from './connections.ts';
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

/** A run that is to be written where its caps have room. What a write gives is `inserted`, or it has written nothing. */
type Insert = {
  readonly writes: Pick<Writes<EncodedWrite, unknown>, 'within'>;
  readonly write: EncodedWrite;
  readonly caps: readonly Cap[];
  readonly inserted: unknown;
};

/** What runs under caps have used, over all replicas, by the clock of the server. */
export class PostgresCaps implements CapStore {
  readonly #pool: StorePool;
  /** One transaction at a time: those that wait for a lock would keep the connections from all other work. */
  readonly #inserts: Batches<Insert, unknown>;

  constructor(pool: StorePool) {
    this.#pool = pool;
    this.#inserts = new Batches<Insert, unknown>({
      keysOf: ({ write }) => write.keys,
      maxInFlight: 1,
      send: async (inserts) => {
        const sinceMs = performance.now();
        const outcomes = await transact(pool, 'BEGIN', (client) => insertAll(client, inserts));
        pool.onCommitted?.((performance.now() - sinceMs) / 1000);
        return outcomes;
      },
    });
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
   * Writes a run. Those under caps that arrive while others are written share a transaction, which has the locks of all of
   * their caps. Rejects with `StorageFault`.
   */
  async insert<Write extends EncodedWrite, Result>(
    writes: Writes<Write, Result>,
    write: Write,
    { caps, inserted }: { readonly caps: readonly Cap[]; readonly inserted: NoInfer<Result> },
  ): Promise<Result | ReachedCap> {
    if (caps.length === 0) return await writes.submit(write);
    return (await this.#inserts.submit({ writes, write, caps, inserted })) as Result | ReachedCap;
  }

  /** Writes a change of a run, with what it does to the caps of the run. Rejects with `StorageFault`. */
  async update<Write extends EncodedWrite>(
    writes: Writes<Write, boolean>,
    write: Write,
    settlements: readonly CapSettlement[] = [],
  ): Promise<boolean> {
    const due = settlements.filter(({ cost, released }) => toStoredCost(cost) !== 0 || toStoredCost(released) !== 0);
    if (due.length === 0) return await writes.submit(write);
    const written = transact(this.#pool, 'BEGIN', async (client) => {
      const [isWritten] = await writes.within(client, [write]);
      if (isWritten !== true) return false;
      const names = due.map(({ name }) => name);
      const costs = due.map(({ cost }) => toStoredCost(cost));
      const released = due.map((each) => -toStoredCost(each.released));
      await client.query(addUses, [names, names.map(() => 0), costs, released]);
      return true;
    });
    return await withStorageFaults(written);
  }

  /** Settles everything that was submitted and refuses more. */
  async close(): Promise<void> {
    await this.#inserts.close();
  }
}

/** Inserts runs as if one came after the other. Gives in their order what became of each. Throws node-postgres' errors. */
async function insertAll(client: PoolClient, inserts: readonly Insert[]): Promise<readonly unknown[]> {
  const names = [...new Set(inserts.flatMap(({ caps }) => caps.map(({ name }) => name)))].toSorted();
  await lockNames(
    client,
    names.map((name) => `cap ${name}`),
  );
  // After the locks, so that it sees what those before have written.
  const stored = readCapRows((await client.query(selectUses, [names])).rows);
  const { now_ms: atMs } = nowRow.parse((await client.query(selectNow)).rows[0]);
  const taken: Insert[] = [];
  const outcomes = new Map<Insert, unknown>();
  // Room that was kept for a run whose key turns out to be used is given to those that found none.
  for (let asking = inserts; asking.length > 0; ) {
    const tally = new Tally(stored, taken, atMs);
    const admitted: Insert[] = [];
    for (const insert of asking) {
      const reached = tally.admit(insert);
      outcomes.set(insert, reached);
      if (reached === null) admitted.push(insert);
    }
    const written = await writeAll(client, admitted, outcomes);
    taken.push(...written);
    if (written.length === admitted.length) break;
    asking = asking.filter((insert) => !admitted.includes(insert));
  }
  if (taken.length > 0) {
    await client.query(pruneUses, [names, atMs]);
    const held = taken.flatMap(({ caps }) => caps);
    const reserves = held.map(({ reserve }) => toStoredCost(reserve));
    await client.query(addUses, [held.map(({ name }) => name), held.map(() => 1), held.map(() => 0), reserves]);
  }
  return inserts.map((insert) => outcomes.get(insert));
}

/** Writes with one statement for each kind of insert, notes what became of each, and gives those that were inserted. */
async function writeAll(client: PoolClient, admitted: readonly Insert[], outcomes: Map<Insert, unknown>) {
  const inserted: Insert[] = [];
  for (const [writes, same] of Map.groupBy(admitted, (insert) => insert.writes)) {
    const results = await writes.within(
      client,
      same.map(({ write }) => write),
    );
    for (const [at, insert] of same.entries()) {
      outcomes.set(insert, results[at]);
      if (results[at] === insert.inserted) inserted.push(insert);
    }
  }
  return inserted;
}

/** What caps have used with runs that are not written yet. */
class Tally {
  readonly #atMs: number;
  readonly #rows: CapRow[];

  constructor(stored: readonly CapRow[], taken: readonly Insert[], atMs: number) {
    this.#atMs = atMs;
    this.#rows = [...stored];
    for (const { caps } of taken) this.#count(caps);
  }

  /** Null: there is room, which is kept for it. */
  admit({ caps }: Insert): ReachedCap | null {
    const reached = findReached(caps, this.#rows, this.#atMs);
    if (reached === null) this.#count(caps);
    return reached;
  }

  #count(caps: readonly Cap[]): void {
    for (const { name, reserve } of caps) {
      this.#add({ name, span: 'hour', bucket_ms: bucketOf('hour', this.#atMs), runs: 1, cost: 0 });
      this.#add({ name, span: 'day', bucket_ms: bucketOf('day', this.#atMs), runs: 1, cost: 0 });
      this.#add({ name, ...openRow, runs: 0, cost: toStoredCost(reserve) });
    }
  }

  #add(more: CapRow): void {
    const at = this.#rows.findIndex(
      ({ name, span, bucket_ms: bucketMs }) => name === more.name && span === more.span && bucketMs === more.bucket_ms,
    );
    const row = this.#rows[at];
    if (row === undefined) this.#rows.push(more);
    else this.#rows[at] = { ...row, runs: row.runs + more.runs, cost: row.cost + more.cost };
  }
}

const openRow = { span: openBucket.span, bucket_ms: openBucket.bucketMs };
