import type { Pool } from 'pg';
import { z } from 'zod';
import type { RunEvent } from '../../contract/event.ts';
import type { Run, RunKey } from '../../contract/run.ts';
import {
  type Claim,
  type Idempotency,
  type Insertion,
  type RunQuery,
  type RunUpdate,
  StorageFault,
  type Store,
} from '../../contract/store.ts';
import { decodeEvent, decodeRun } from '../rows.ts';
import { Batches } from './batches.ts';
import type { ChangeListener, Listener } from './change-listener.ts';
import { toStorageFault } from './faults.ts';
import { searchRuns } from './run-search.ts';
import { type EncodedWrite, encodeInsert, encodeRemove, encodeUpdate, toColumns } from './run-writes.ts';
import { statements } from './statements.ts';

const runIdRow = z.object({ run_id: z.string() });
const keyRow = z.object({ fingerprint: z.string(), run_id: z.string() });
const ownerRow = z.object({ owner: z.string() });
const removedRow = z.object({ removed: z.number() });

const lookups: ReadonlySet<keyof typeof statements> = new Set(['find', 'events', 'findKey', 'beat']);

const eventColumns = 5;
const keyAttempts = 5;

type Writes = Batches<EncodedWrite, boolean>;

/** Runs and events in PostgreSQL, shared by any number of processes. Its clock is the server's. */
export class PostgresStore implements Store {
  readonly shared = true;
  readonly #pool: Pool;
  readonly #changes: ChangeListener;
  /** Names this store in its notifications. */
  readonly #origin: string;
  readonly #inserts: Writes;
  readonly #updates: Writes;
  readonly #removals: Writes;
  #closing: Promise<void> | null = null;

  constructor(options: { readonly pool: Pool; readonly changes: ChangeListener; readonly origin: string }) {
    this.#pool = options.pool;
    this.#changes = options.changes;
    this.#origin = options.origin;
    this.#inserts = this.#makeWrites('insert', 19, []);
    this.#updates = this.#makeWrites('update', 11, [this.#origin]);
    this.#removals = this.#makeWrites('remove', 3, [this.#origin]);
  }

  async insert(run: Run, events: readonly RunEvent[], idempotency?: Idempotency): Promise<Insertion> {
    const write = encodeInsert(run, events, idempotency);
    for (let attempt = 0; attempt < keyAttempts; attempt++) {
      if (await this.#inserts.submit(write)) return { kind: 'inserted' };
      if (idempotency === undefined) break;
      const [row] = await this.#query('findKey', [idempotency.tenant, idempotency.key]);
      // The key can expire between the two statements: then it is free.
      if (row === undefined) continue;
      const used = keyRow.parse(row);
      if (used.fingerprint !== idempotency.fingerprint) return { kind: 'mismatch' };
      return { kind: 'replayed', runId: used.run_id };
    }
    throw new StorageFault('the run was not inserted');
  }

  async update(update: RunUpdate): Promise<boolean> {
    return await this.#updates.submit(encodeUpdate(update));
  }

  async remove(key: RunKey, expectedVersion: number): Promise<boolean> {
    return await this.#removals.submit(encodeRemove(key, expectedVersion));
  }

  async find(key: RunKey): Promise<Run | null> {
    const [row] = await this.#query('find', [key.runId, key.tenant]);
    return row === undefined ? null : decodeRun(row);
  }

  async search(query: RunQuery): Promise<readonly Run[]> {
    try {
      return await searchRuns(this.#pool, query);
    } catch (error) {
      throw toStorageFault(error);
    }
  }

  async events(runId: string, afterSeq: number, limit: number): Promise<readonly RunEvent[]> {
    const rows = await this.#query('events', [runId, afterSeq, limit]);
    return rows.map((row) => decodeEvent(runId, row));
  }

  async beat(replica: string): Promise<void> {
    await this.#query('beat', [replica]);
  }

  async claim({ replica, deadAfterMs, limit }: Claim): Promise<readonly Run[]> {
    await this.beat(replica);
    const dead = (await this.#query('deadOwners', [replica, deadAfterMs])).map((row) => ownerRow.parse(row).owner);
    // An owner that wakes up between the two statements loses its runs like one that wakes up later.
    return (await this.#query('claim', [replica, dead, limit, this.#origin])).map(decodeRun);
  }

  async release(replica: string): Promise<void> {
    await this.#query('release', [replica]);
  }

  subscribe(listener: Listener): () => void {
    return this.#changes.subscribe(listener);
  }

  async expire(finishedBeforeMs: number, nowMs: number, limit: number): Promise<number> {
    const [row] = await this.#query('expire', [finishedBeforeMs, nowMs, limit, this.#origin]);
    return removedRow.parse(row).removed;
  }

  async ping(): Promise<void> {
    await this.#query('ping', []);
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all([this.#inserts.close(), this.#updates.close(), this.#removals.close()]);
      this.#changes.close();
      await this.#pool.end();
    })();
    return this.#closing;
  }

  #makeWrites(name: 'insert' | 'update' | 'remove', width: number, rest: readonly string[]): Writes {
    return new Batches<EncodedWrite, boolean>({
      keysOf: ({ runId, key }) => (key === null ? [runId] : [runId, key]),
      send: async (writes) => {
        const rows = toColumns(
          writes.map((write) => write.cells),
          width,
        );
        const events = writes.flatMap((write) => write.events);
        const columns = name === 'remove' ? [] : toColumns(events, eventColumns);
        const written = await this.#pool.query({
          name,
          text: statements[name],
          values: [...rows, ...columns, ...rest],
        });
        const ids = new Set(written.rows.map((row) => runIdRow.parse(row).run_id));
        return writes.map((write) => ids.has(write.runId));
      },
    });
  }

  async #query(name: keyof typeof statements, values: unknown[]): Promise<readonly unknown[]> {
    try {
      // Lookups by key are prepared once per connection; the others are planned anew, for the table as it is now.
      const prepared = lookups.has(name) ? { name } : {};
      return (await this.#pool.query({ ...prepared, text: statements[name], values })).rows;
    } catch (error) {
      throw toStorageFault(error);
    }
  }
}
