import type { RunEvent } from '../../contract/domain/event.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Idempotency, RunUpdate } from '../../contract/store/store.ts';
import type { Admission, Checkpoint, Thread, ThreadEffect } from '../../contract/domain/thread.ts';
import { listEntries } from '../metadata.ts';
import { encodeLiving, encodeMetadata, encodeThreadState } from '../thread-rows.ts';
import { encodeInsert, encodeUpdate, formatEntries } from './run-writes.ts';
import { lockThreads } from './thread-run-statements.ts';
import type { Row } from './write-statement.ts';
import type { EncodedWrite } from './writes.ts';

/** A write that is made under the lock of a thread. */
export type ThreadWrite = EncodedWrite & { readonly threadId: string };

export const threadLock = { text: lockThreads, keyOf: (write: ThreadWrite): string => write.threadId };

export function encodeInsertInThread(
  run: Run,
  events: readonly RunEvent[],
  { idempotency, admission, threadId }: ThreadJoin,
): ThreadWrite {
  const write = encodeInsert(run, events, idempotency);
  const creation = admission.create === undefined ? [] : [encodeRow(admission.create)];
  return extend(write, threadId, [admission.refuseBusy], creation);
}

export type ThreadJoin = {
  readonly threadId: string;
  readonly admission: Admission;
  readonly idempotency: Idempotency | undefined;
};

export function encodeUpdateInThread(update: RunUpdate, threadId: string, effect: ThreadEffect): ThreadWrite {
  const { status, release, remove = false, checkpoint, living } = effect;
  const setsLiving = living !== undefined;
  const cells = [threadId, status, release, remove, setsLiving, encodeLiving(living ?? null)];
  const given = checkpoint === undefined ? [] : [encodeCheckpoint(threadId, checkpoint)];
  return extend(encodeUpdate(update), threadId, cells, given);
}

/** A run's write, with more cells and a table more. */
function extend({ id, keys, tables }: EncodedWrite, threadId: string, cells: Row, last: readonly Row[]): ThreadWrite {
  const [first = [], ...others] = tables;
  return {
    id,
    threadId,
    keys: [...keys, `thread ${threadId}`],
    tables: [first.map((row) => [...row, ...cells]), ...others, last],
  };
}

export function encodeAcquire(threadId: string, runId: string): ThreadWrite {
  return { id: runId, threadId, keys: [threadId], tables: [[[threadId, runId]]] };
}

export function encodeInsertThread(thread: Thread): EncodedWrite {
  return { id: thread.threadId, keys: [thread.threadId], tables: [[encodeRow(thread)]] };
}

export function encodeUpdateThread(
  thread: Thread,
  expectedVersion: number,
  checkpoint: Checkpoint | null,
): EncodedWrite {
  const { threadId, tenant, status, living, updatedAtMs } = thread;
  const cells = [threadId, tenant, expectedVersion, status, encodeLiving(living), updatedAtMs, ...encodeTexts(thread)];
  const given = checkpoint === null ? [] : [encodeCheckpoint(threadId, checkpoint)];
  return { id: threadId, keys: [threadId], tables: [[cells], given] };
}

function encodeRow(thread: Thread): Row {
  const { threadId, tenant, agentId, status, activeRunId, living, version, createdAtMs, updatedAtMs } = thread;
  const named = [threadId, tenant, agentId, status, activeRunId, encodeLiving(living)];
  return [...named, version, createdAtMs, updatedAtMs, ...encodeTexts(thread)];
}

function encodeTexts(thread: Thread): Row {
  const { values, valueEntries, messages } = encodeThreadState(thread);
  const entries = [formatEntries(listEntries(thread.metadata)), formatEntries(valueEntries)];
  return [...entries, encodeMetadata(thread.metadata), values, messages];
}

function encodeCheckpoint(threadId: string, checkpoint: Checkpoint): Row {
  const { checkpointId, runId, atMs, metadata } = checkpoint;
  const { values, valueEntries, messages } = encodeThreadState(checkpoint);
  return [threadId, checkpointId, runId, atMs, encodeMetadata(metadata), values, formatEntries(valueEntries), messages];
}
