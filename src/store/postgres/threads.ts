import type { Pool } from 'pg';
import { v7 as uuidV7 } from 'uuid';
import { z } from 'zod';
import type { ThreadEvent } from '../../contract/domain/event.ts';
import type {
  Checkpoint,
  Thread,
  ThreadEventQuery,
  ThreadKey,
  ThreadQuery,
  ThreadStore,
} from '../../contract/domain/thread.ts';
import { decodeThreadEvent } from '../rows.ts';
import { decodeCheckpoint, decodeThread } from '../thread-rows.ts';
import { toStorageFault } from './faults.ts';
import { acquireThreads, lockThreads, removeThread } from './thread-run-statements.ts';
import { searchThreads } from './thread-search.ts';
import { copyThread, insertThreads, listPositions, threadLookups, updateThreads } from './thread-statements.ts';
import {
  encodeAcquire,
  encodeInsertThread,
  encodeUpdateThread,
  type ThreadWrite,
  threadLock,
} from './thread-writes.ts';
import { transact } from './transaction.ts';
import { type EncodedWrite, makeWrites, type Writes } from './writes.ts';

const runIdRow = z.object({ run_id: z.string() });
const threadIdRow = z.object({ thread_id: z.string() });
const positionRow = z.object({ position: z.number() });
const firstRow = z.object({ first: z.number().nullable() });
const removalRow = z.object({ removal: z.enum(['removed', 'missing', 'busy']) });

/** Threads and checkpoints in PostgreSQL; what a run does to its thread is written with the run, by `PostgresStore`. */
export class PostgresThreads implements ThreadStore {
  readonly #pool: Pool;
  readonly #origin: string;
  readonly #inserts: Writes<EncodedWrite, boolean>;
  readonly #updates: Writes<EncodedWrite, boolean>;
  readonly #acquisitions: Writes<ThreadWrite, boolean>;

  constructor(pool: Pool, origin: string) {
    this.#pool = pool;
    this.#origin = origin;
    const decode = (row: unknown): readonly [string, boolean] => [threadIdRow.parse(row).thread_id, true];
    this.#inserts = makeWrites({ pool, origin, statement: insertThreads, decode, absent: false });
    this.#updates = makeWrites({ pool, origin, statement: updateThreads, decode, absent: false });
    this.#acquisitions = makeWrites<ThreadWrite, boolean>({
      ...{ pool, origin, statement: acquireThreads, lock: threadLock, absent: false },
      decode: (row) => [runIdRow.parse(row).run_id, true],
    });
  }

  async insertThread(thread: Thread): Promise<boolean> {
    return await this.#inserts.submit(encodeInsertThread(thread));
  }

  async findThread(key: ThreadKey): Promise<Thread | null> {
    const [row] = await this.#look('findThread', [key.threadId, key.tenant]);
    return row === undefined ? null : decodeThread(row);
  }

  async updateThread(thread: Thread, expectedVersion: number, checkpoint: Checkpoint | null): Promise<boolean> {
    return await this.#updates.submit(encodeUpdateThread(thread, expectedVersion, checkpoint));
  }

  async searchThreads(query: ThreadQuery): Promise<readonly Thread[]> {
    return await faulting(searchThreads(this.#pool, query));
  }

  async checkpoints(threadId: string, limit: number, beforeId: string | null): Promise<readonly Checkpoint[]> {
    const rows =
      beforeId === null
        ? await this.#look('history', [threadId, limit])
        : await this.#look('historyBefore', [threadId, limit, beforeId]);
    return rows.map((row) => decodeCheckpoint(threadId, row));
  }

  async findCheckpoint(
    threadId: string,
    by: { readonly checkpointId: string } | { readonly runId: string },
  ): Promise<Checkpoint | null> {
    const [row] =
      'checkpointId' in by
        ? await this.#look('checkpointById', [threadId, by.checkpointId])
        : await this.#look('checkpointByRun', [threadId, by.runId]);
    return row === undefined ? null : decodeCheckpoint(threadId, row);
  }

  async threadEvents(query: ThreadEventQuery): Promise<readonly ThreadEvent[]> {
    const { tenant, threadId, afterSeq, agentIds = null, limit } = query;
    const rows = await this.#look('threadEvents', [threadId, afterSeq, tenant, agentIds, limit]);
    return rows.map(decodeThreadEvent);
  }

  async firstLiveSeq({ tenant, threadId }: ThreadKey): Promise<number | null> {
    const [row] = await this.#look('firstLiveSeq', [tenant, threadId]);
    return firstRow.parse(row).first;
  }

  async copyThread(
    source: ThreadKey,
    copy: { readonly threadId: string; readonly nowMs: number },
  ): Promise<Thread | null> {
    const from = [source.threadId, source.tenant];
    // One snapshot, so that state and history are of the same moment.
    const copied = transact(this.#pool, 'BEGIN ISOLATION LEVEL REPEATABLE READ', async (client) => {
      const positions = (await client.query(listPositions, from)).rows.map((row) => positionRow.parse(row).position);
      const ids = positions.map(() => uuidV7());
      await client.query(copyThread, [...from, copy.threadId, copy.nowMs, positions, ids]);
      return (await client.query(threadLookups.findThread, [copy.threadId, source.tenant])).rows;
    });
    const [row] = await faulting(copied);
    return row === undefined ? null : decodeThread(row);
  }

  async removeThread({ tenant, threadId }: ThreadKey, keepRuns: boolean): Promise<'removed' | 'missing' | 'busy'> {
    const removed = transact(this.#pool, 'BEGIN', async (client) => {
      await client.query(lockThreads, [[threadId]]);
      return (await client.query(removeThread, [threadId, tenant, keepRuns, this.#origin])).rows;
    });
    const [row] = await faulting(removed);
    return removalRow.parse(row).removal;
  }

  async acquireThread(threadId: string, runId: string): Promise<boolean> {
    return await this.#acquisitions.submit(encodeAcquire(threadId, runId));
  }

  /** Settles everything that was submitted, and refuses more. */
  async close(): Promise<void> {
    await Promise.all([this.#inserts, this.#updates, this.#acquisitions].map((writes) => writes.close()));
  }

  async #look(name: keyof typeof threadLookups, values: unknown[]): Promise<readonly unknown[]> {
    return (await faulting(this.#pool.query({ name, text: threadLookups[name], values }))).rows;
  }
}

async function faulting<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toStorageFault(error);
  }
}
