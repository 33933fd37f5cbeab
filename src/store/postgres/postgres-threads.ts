import { v7 as uuidV7 } from 'uuid';
import { z } from 'zod';
import { readLarge } from '../../compute/turns.ts';
import type { ThreadEvent } from '../../contract/domain/event.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type {
  Checkpoint,
  CheckpointCounts,
  HistoryQuery,
  Thread,
  ThreadEventQuery,
  ThreadFilter,
  ThreadKey,
  ThreadQuery,
  ThreadStore,
} from '../../contract/domain/thread.ts';
import type { Rows } from '../../contract/store/rows.ts';
import { decodeThreadEvents } from '../event-rows.ts';
import { listEntries } from '../search-entries.ts';
import {
  decodeCheckpoint,
  decodeCounts,
  decodeLarge,
  decodeThread,
  encodeMetadata,
  mergeMetadata,
} from '../thread-rows.ts';
import type { Announcer } from './announcer.ts';
import { bindStatements, type StorePool, transact } from './connections.ts';
import { findSecret } from './deployment-secrets.ts';
import { eventPayloads, isWithheld, readPieces } from './large-rows.ts';
import { translateRows, withStorageFaults } from './postgres-faults.ts';
import { listCheckpoints } from './postgres-search.ts';
import { countThreads, searchThreads } from './postgres-thread-search.ts';
import {
  copyThread,
  insertThreads,
  listPositions,
  piecedLookups,
  statePayloads,
  threadLookups,
  updateThreads,
  wholeThread,
} from './postgres-thread-statements.ts';
import { acquireThreads, lockThreads, removeThread } from './thread-run-statements.ts';
import {
  encodeAcquire,
  encodeInsertThread,
  encodeUpdateThread,
  type NotedMetadata,
  type ThreadWrite,
  threadLock,
} from './thread-write-encoding.ts';
import { type EncodedWrite, makeWrites, type Writes } from './write-statement.ts';

const runIdRow = z.object({ run_id: z.string() });
const threadIdRow = z.object({ thread_id: z.string() });
const positionRow = z.object({ position: z.number() });
const metadataRow = z.object({ metadata: z.string() });
const firstRow = z.object({ first: z.number().nullable() });
const removalRow = z.object({ removal: z.enum(['removed', 'missing', 'busy']) });

export type PostgresThreadsDeps = {
  readonly pool: StorePool;
  /** Names this store in its notifications. */
  readonly origin: string;
  readonly announcer: Announcer;
};

/** Threads and checkpoints in PostgreSQL. `PostgresStore` writes what a run does to its thread, with the run. */
export class PostgresThreads implements ThreadStore {
  readonly #pool: StorePool;
  readonly #origin: string;
  readonly #announcer: Announcer;
  readonly #query: ReturnType<typeof bindStatements<typeof threadLookups>>;
  readonly #inserts: Writes<EncodedWrite, boolean>;
  readonly #updates: Writes<ThreadWrite, boolean>;
  readonly #acquisitions: Writes<ThreadWrite, boolean>;

  constructor({ pool, origin, announcer }: PostgresThreadsDeps) {
    this.#pool = pool;
    this.#origin = origin;
    this.#announcer = announcer;
    this.#query = bindStatements(pool, threadLookups, { prefix: 'thread', prepared: 'all' });
    const decode = (row: unknown): readonly [string, boolean] => [threadIdRow.parse(row).thread_id, true];
    this.#inserts = makeWrites({ pool, origin, statement: insertThreads, decode, absent: false });
    // Under the lock, so that an insert that reads the metadata and merges its own is not in the middle of it.
    this.#updates = makeWrites({ pool, origin, statement: updateThreads, lock: threadLock, decode, absent: false });
    this.#acquisitions = makeWrites<ThreadWrite, boolean>({
      ...{ pool, origin, statement: acquireThreads, lock: threadLock, absent: false },
      decode: (row) => [runIdRow.parse(row).run_id, true],
    });
  }

  async nameKey(): Promise<Buffer> {
    return await findSecret(this.#pool, 'thread-names');
  }

  async insertThread(thread: Thread): Promise<boolean> {
    return await this.#inserts.submit(encodeInsertThread(thread));
  }

  async findThread(key: ThreadKey, { omitState } = { omitState: false }): Promise<Thread | null> {
    const name = omitState ? 'findThreadHead' : 'findThread';
    const values = [key.threadId, key.tenant];
    const [row] = (await this.#query(name, values)).rows;
    if (omitState || !isWithheld(row)) return row === undefined ? null : await decodeLarge(row, decodeThread);
    return await readLarge(`thread ${key.tenant} ${key.threadId}`, async () => {
      const [whole] = await this.#readPieces('findThread', values, statePayloads);
      return whole === undefined ? null : await decodeLarge(whole, decodeThread);
    });
  }

  async updateThread(thread: Thread, expectedVersion: number, checkpoint: Checkpoint | null): Promise<boolean> {
    const isWritten = await this.#updates.submit(encodeUpdateThread(thread, expectedVersion, checkpoint));
    if (isWritten) this.#announcer.announceThread(thread.threadId);
    return isWritten;
  }

  searchThreads(query: ThreadQuery): Rows<Thread> {
    return translateRows(searchThreads(this.#pool, query));
  }

  async countThreads(filter: ThreadFilter): Promise<number> {
    return await withStorageFaults(countThreads(this.#pool, filter));
  }

  checkpoints(threadId: string, query: HistoryQuery): Rows<Checkpoint> {
    return translateRows(listCheckpoints(this.#pool, threadId, query));
  }

  async countCheckpoints(threadId: string, beforeId: string | null): Promise<CheckpointCounts> {
    return decodeCounts((await this.#query('countCheckpoints', [threadId, beforeId])).rows[0]);
  }

  async findCheckpoint(
    threadId: string,
    by: { readonly checkpointId: string } | { readonly runId: string },
  ): Promise<Checkpoint | null> {
    const [name, value] =
      'checkpointId' in by ? (['checkpointById', by.checkpointId] as const) : (['checkpointByRun', by.runId] as const);
    const decode = (row: unknown): Checkpoint => decodeCheckpoint(threadId, row);
    const [row] = (await this.#query(name, [threadId, value])).rows;
    if (!isWithheld(row)) return row === undefined ? null : await decodeLarge(row, decode);
    return await readLarge(`checkpoint ${threadId} ${value}`, async () => {
      const [whole] = await this.#readPieces(name, [threadId, value], statePayloads);
      return whole === undefined ? null : await decodeLarge(whole, decode);
    });
  }

  /** What a thread's metadata becomes with further members; null: it stays. */
  async mergeMetadata(key: ThreadKey, more: JsonObject): Promise<NotedMetadata | null> {
    const [row] = (await this.#query('findMetadata', [key.threadId, key.tenant])).rows;
    if (row === undefined) return { base: null, text: encodeMetadata(more), entries: listEntries(more) };
    const { metadata: base } = metadataRow.parse(row);
    const merged = mergeMetadata(base, more);
    return merged === null ? null : { base, ...merged };
  }

  async threadEvents(query: ThreadEventQuery): Promise<readonly ThreadEvent[]> {
    const { tenant, threadId, afterSeq, agentIds = null, limit } = query;
    const place = [threadId, afterSeq, tenant, agentIds];
    const { rows } = await this.#query('threadEvents', [...place, limit]);
    if (!isWithheld(rows[0])) return await decodeThreadEvents(rows);
    return await readLarge(`thread events ${JSON.stringify(place)}`, async () =>
      decodeThreadEvents(await this.#readPieces('threadEvents', [...place, 1], eventPayloads)),
    );
  }

  async firstLiveSeq({ tenant, threadId }: ThreadKey): Promise<number | null> {
    const [row] = (await this.#query('firstLiveSeq', [tenant, threadId])).rows;
    return firstRow.parse(row).first;
  }

  async copyThread(
    source: ThreadKey,
    copy: { readonly threadId: string; readonly nowMs: number },
  ): Promise<Thread | null> {
    const from = [source.threadId, source.tenant];
    // One snapshot, so that state and history belong to the same moment.
    const copied = transact(this.#pool, 'BEGIN ISOLATION LEVEL REPEATABLE READ', async (client) => {
      const positions = (await client.query(listPositions, from)).rows.map((row) => positionRow.parse(row).position);
      const ids = positions.map(() => uuidV7());
      await client.query(copyThread, [...from, copy.threadId, copy.nowMs, positions, ids]);
      return (await client.query(wholeThread, [copy.threadId, source.tenant])).rows;
    });
    const [row] = await withStorageFaults(copied);
    return row === undefined ? null : decodeThread(row);
  }

  async removeThread({ tenant, threadId }: ThreadKey, keepRuns: boolean): Promise<'removed' | 'missing' | 'busy'> {
    const removed = transact(this.#pool, 'BEGIN', async (client) => {
      await client.query(lockThreads, [[threadId]]);
      return (await client.query(removeThread, [threadId, tenant, keepRuns, this.#origin])).rows;
    });
    const [row] = await withStorageFaults(removed);
    return removalRow.parse(row).removal;
  }

  async acquireThread(threadId: string, runId: string): Promise<boolean> {
    return await this.#acquisitions.submit(encodeAcquire(threadId, runId));
  }

  async #readPieces(
    name: keyof typeof piecedLookups,
    values: readonly unknown[],
    payloads: readonly string[],
  ): Promise<readonly object[]> {
    return await withStorageFaults(readPieces(this.#pool, piecedLookups[name], { values, payloads }));
  }

  /** Settles everything that was submitted and refuses more. */
  async close(): Promise<void> {
    await Promise.all([this.#inserts, this.#updates, this.#acquisitions].map((writes) => writes.close()));
  }
}
