import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { readLarge } from '../../compute/turns.ts';
import type { ThreadEvent } from '../../contract/domain/event.ts';
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
import { decodeCheckpoint, decodeCounts, decodeLarge, decodeThread } from '../thread-rows.ts';
import type { DeploymentSecrets } from './deployment-secrets.ts';
import { countFitting, isLarge, loadRow, sliceOf, walkSlices } from './slices.ts';
import { translateRows, withStorageFaults } from './sqlite-faults.ts';
import type { Statements } from './sqlite-statements.ts';
import { prepareThread } from './thread-effects.ts';
import { sizeOf, ThreadSearch } from './thread-search.ts';
import { prepareAcquire, prepareCopy, prepareRemoveThread, prepareUpdateThread } from './thread-writes.ts';
import type { WriteQueue } from './write-queue.ts';

const placeRow = z.object({ id: z.number(), matched: z.number() });
const firstRow = z.object({ first: z.number().nullable() });

export type SqliteThreadsDeps = {
  readonly database: DatabaseSync;
  readonly statements: Statements;
  readonly writes: WriteQueue;
  readonly secrets: DeploymentSecrets;
  readonly onRunsRemoved: () => void;
};

/** Threads and checkpoints in the SQLite file of the runs, over its statements and its write queue. */
export class SqliteThreads implements ThreadStore {
  readonly #statements: Statements;
  readonly #search: ThreadSearch;
  readonly #writes: WriteQueue;
  readonly #onRunsRemoved: () => void;

  readonly #secrets: DeploymentSecrets;

  constructor({ database, statements, writes, secrets, onRunsRemoved }: SqliteThreadsDeps) {
    this.#statements = statements;
    this.#secrets = secrets;
    this.#search = new ThreadSearch(database, statements);
    this.#writes = writes;
    this.#onRunsRemoved = onRunsRemoved;
  }

  async nameKey(): Promise<Buffer> {
    return await this.#secrets.get('thread-names');
  }

  async insertThread(thread: Thread): Promise<boolean> {
    return await this.#writes.submit(prepareThread(this.#statements, thread));
  }

  async findThread(key: ThreadKey, { omitState } = { omitState: false }): Promise<Thread | null> {
    return await withStorageFaults(() => {
      const { findThread, findThreadHead, weighThread } = this.#statements;
      const find = omitState ? findThreadHead : findThread;
      const read = () => {
        const row = find.get(key.threadId, key.tenant);
        return row === undefined ? null : decodeLarge(row, decodeThread);
      };
      return !omitState && isLarge(weighThread.get(key.threadId))
        ? readLarge(`thread ${key.tenant} ${key.threadId}`, async () => await read())
        : read();
    });
  }

  async updateThread(thread: Thread, expectedVersion: number, checkpoint: Checkpoint | null): Promise<boolean> {
    return await this.#writes.submit(prepareUpdateThread(this.#statements, thread, expectedVersion, checkpoint));
  }

  searchThreads(query: ThreadQuery): Rows<Thread> {
    return translateRows(this.#search.find(query));
  }

  async countThreads(filter: ThreadFilter): Promise<number> {
    return await withStorageFaults(() => this.#search.count(filter));
  }

  checkpoints(threadId: string, { limit, beforeId, omitState }: HistoryQuery): Rows<Checkpoint> {
    const { history, placeOfCheckpoint, checkpointAt, checkpointHeadAt, weighCheckpoint } = this.#statements;
    const find = omitState === true ? checkpointHeadAt : checkpointAt;
    const start = (): number => {
      if (beforeId === null) return Number.MAX_SAFE_INTEGER;
      const before = placeOfCheckpoint.get(threadId, beforeId);
      return before === undefined ? 0 : placeRow.parse({ ...before, matched: 1 }).id;
    };
    const rows = walkSlices({
      readSlice: (after: z.output<typeof placeRow> | undefined, size) =>
        sliceOf(
          history.all(threadId, after?.id ?? start(), size).map((row) => placeRow.parse(row)),
          size,
        ),
      load: ({ id }) =>
        loadRow<Checkpoint>({
          weight: omitState === true ? undefined : weighCheckpoint.get(id),
          find: () => find.get(threadId, id),
          decode: (row) => decodeLarge(row, (whole) => decodeCheckpoint(threadId, whole)),
          sizeOf,
        }),
      ...{ limit, offset: 0, isIndexed: true },
    });
    return translateRows(rows);
  }

  async countCheckpoints(threadId: string, beforeId: string | null): Promise<CheckpointCounts> {
    return await withStorageFaults(() => decodeCounts(this.#statements.countCheckpoints.get(threadId, beforeId)));
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
    const { threadEvents, weighThreadEvents } = this.#statements;
    const chosen = [threadId, query.afterSeq, tenant, agentIds] as const;
    const read = (limit: number) => decodeThreadEvents(threadEvents.all(...chosen, limit));
    return await withStorageFaults(() => {
      const weights = weighThreadEvents.all(...chosen, query.limit);
      if (!isLarge(weights[0])) return read(countFitting(weights));
      return readLarge(`thread events ${JSON.stringify(chosen)}`, async () => await read(1));
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
