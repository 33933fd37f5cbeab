import type { RunEvent } from '../../contract/domain/event.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Admission, Checkpoint, Thread, ThreadEffect } from '../../contract/domain/thread.ts';
import type { Idempotency, RunUpdate } from '../../contract/store/store.ts';
import type { LargeTexts } from '../large-json.ts';
import { listEntries } from '../search-entries.ts';
import { encodeMetadata, encodeSession, encodeThreadState } from '../thread-rows.ts';
import { encodeInsert, encodeUpdate, formatEntries } from './run-statements.ts';
import { lockThreads } from './thread-run-statements.ts';
import type { EncodedWrite, Row } from './write-statement.ts';

/** A write under the lock of a thread. */
export type ThreadWrite = EncodedWrite & { readonly threadId: string };

export const threadLock = { text: lockThreads, keyOf: (write: ThreadWrite): string => write.threadId };

export function encodeInsertInThread(
  run: Run,
  events: readonly RunEvent[],
  { idempotency, admission, threadId, texts, noted }: ThreadJoin,
): ThreadWrite {
  const write = encodeInsert(run, events, { idempotency, texts });
  const creation = admission.create === undefined ? [] : [encodeRow(admission.create)];
  const metadata = noted === null ? [null, null, null] : [noted.base, noted.text, formatEntries(noted.entries)];
  return extend(write, threadId, [admission.refuseBusy, ...metadata], creation);
}

export type ThreadJoin = {
  readonly threadId: string;
  readonly admission: Admission;
  readonly idempotency: Idempotency | undefined;
  readonly texts: LargeTexts | null;
  readonly noted: NotedMetadata | null;
};

/** What the metadata of a thread becomes, if it still is `base`; null: if there is no such thread, which is made with its own. */
export type NotedMetadata = {
  readonly base: string | null;
  readonly text: string;
  readonly entries: readonly string[];
};

type ThreadChange = {
  readonly threadId: string;
  readonly effect: ThreadEffect;
  readonly texts: LargeTexts | null;
};

export function encodeUpdateInThread(update: RunUpdate, { threadId, effect, texts }: ThreadChange): ThreadWrite {
  const { status, release, remove = false, checkpoint, session } = effect;
  const setsSession = session !== undefined;
  const cells = [threadId, status, release, remove, setsSession, encodeSession(session ?? null)];
  const given = checkpoint === undefined ? [] : [encodeCheckpoint(threadId, checkpoint)];
  return extend(encodeUpdate(update, texts), threadId, cells, given);
}

/** A run's write with further cells and one further table. */
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
): ThreadWrite {
  const { threadId, tenant, status, session, updatedAtMs } = thread;
  const cells = [
    threadId,
    tenant,
    expectedVersion,
    status,
    encodeSession(session),
    updatedAtMs,
    ...encodeTexts(thread),
  ];
  const given = checkpoint === null ? [] : [encodeCheckpoint(threadId, checkpoint)];
  return { id: threadId, threadId, keys: [threadId], tables: [[cells], given] };
}

function encodeRow(thread: Thread): Row {
  const { threadId, tenant, name, agentId, status, activeRunId, session, version, createdAtMs, updatedAtMs } = thread;
  const named = [threadId, tenant, name, agentId, status, activeRunId, encodeSession(session)];
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
