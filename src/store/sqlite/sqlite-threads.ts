import type { DatabaseSync } from 'node:sqlite';
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
import { decodeThreadEvent } from '../event-rows.ts';
import { decodeCheckpoint, decodeThread } from '../thread-rows.ts';
import { withStorageFaults } from './sqlite-faults.ts';
import type { Statements } from './sqlite-statements.ts';
import { prepareThread } from './thread-effects.ts';
import { ThreadSearch } from './thread-search.ts';
import { prepareAcquire, prepareCopy, prepareRemoveThread, prepareUpdateThread } from './thread-writes.ts';
import type { WriteQueue } from './write-queue.ts';

const firstRow = z.object({ first: z.number().nullable() });

/** Threads and checkpoints in the SQLite file of the runs, over its statements and its write queue. */
export class SqliteThreads implements ThreadStore {
  readonly #statements: Statements;
  readonly #search: ThreadSearch;
  readonly #writes: WriteQueue;
  readonly #onRunsRemoved: () => void;

  constructor(database: DatabaseSync, statements: Statements, writes: WriteQueue, onRunsRemoved: () => void) {
    this.#statements = statements;
    this.#search = new ThreadSearch(database, statements);
    this.#writes = writes;
    this.#onRunsRemoved = onRunsRemoved;
  }

  async insertThread(thread: Thread): Promise<boolean> {
    return await this.#writes.submit(prepareThread(this.#statements, thread));
  }

  async findThread(key: ThreadKey): Promise<Thread | null> {
    return await withStorageFaults(() => {
      const row = this.#statements.findThread.get(key.threadId, key.tenant);
      return row === undefined ? null : decodeThread(row);
    });
  }

  async updateThread(thread: Thread, expectedVersion: number, checkpoint: Checkpoint | null): Promise<boolean> {
    return await this.#writes.submit(prepareUpdateThread(this.#statements, thread, expectedVersion, checkpoint));
  }

  async searchThreads(query: ThreadQuery): Promise<readonly Thread[]> {
    return await withStorageFaults(() => this.#search.find(query));
  }

  async checkpoints(threadId: string, limit: number, beforeId: string | null): Promise<readonly Checkpoint[]> {
    const { history, historyBefore } = this.#statements;
    return await withStorageFaults(() => {
      const rows = beforeId === null ? history.all(threadId, limit) : historyBefore.all(threadId, limit, beforeId);
      return rows.map((row) => decodeCheckpoint(threadId, row));
    });
  }

  async findCheckpoint(
    threadId: string,
    by: { readonly checkpointId: string } | { readonly runId: string },
  ): Promise<Checkpoint | null> {
    const { checkpointById, checkpointByRun } = this.#statements;
    return await withStorageFaults(() => {
      const row =
        'checkpointId' in by ? checkpointById.get(threadId, by.checkpointId) : checkpointByRun.get(threadId, by.runId);
      return row === undefined ? null : decodeCheckpoint(threadId, row);
    });
  }

  async threadEvents({ tenant, threadId, ...query }: ThreadEventQuery): Promise<readonly ThreadEvent[]> {
    const agentIds = query.agentIds === undefined ? null : JSON.stringify(query.agentIds);
    return await withStorageFaults(() => {
      const rows = this.#statements.threadEvents.all(threadId, query.afterSeq, tenant, agentIds, query.limit);
      return rows.map(decodeThreadEvent);
    });
  }

  async firstLiveSeq({ tenant, threadId }: ThreadKey): Promise<number | null> {
    return await withStorageFaults(() => firstRow.parse(this.#statements.firstLiveSeq.get(tenant, threadId)).first);
  }

  async copyThread(
    source: ThreadKey,
    copy: { readonly threadId: string; readonly nowMs: number },
  ): Promise<Thread | null> {
    return await this.#writes.submit(prepareCopy(this.#statements, source, copy));
  }

  async removeThread(key: ThreadKey, keepRuns: boolean): Promise<'removed' | 'missing' | 'busy'> {
    const removal = await this.#writes.submit(prepareRemoveThread(this.#statements, key, keepRuns));
    if (removal === 'removed' && !keepRuns) this.#onRunsRemoved();
    return removal;
  }

  async acquireThread(threadId: string, runId: string): Promise<boolean> {
    return await this.#writes.submit(prepareAcquire(this.#statements, threadId, runId));
  }
}
