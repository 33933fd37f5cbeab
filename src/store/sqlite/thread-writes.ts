import { v7 as uuidV7 } from 'uuid';
import { z } from 'zod';
import type { Checkpoint, Thread, ThreadKey } from '../../contract/domain/thread.ts';
import { formatLines, listEntries } from '../search-entries.ts';
import { decodeThread, encodeMetadata, encodeSession, encodeThreadState } from '../thread-rows.ts';
import type { Statements } from './sqlite-statements.ts';
import { forgetThread, placeOf, prepareCheckpoint, prepareState } from './thread-effects.ts';

// Each function encodes its arguments now and returns the work to do inside a transaction, as in `run-writes.ts`.

const idRow = z.object({ id: z.number() });
const runRow = z.object({ run_id: z.string() });

export function prepareUpdateThread(
  statements: Statements,
  thread: Thread,
  expectedVersion: number,
  checkpoint: Checkpoint | null,
): () => boolean {
  const { threadId, tenant, status, updatedAtMs } = thread;
  const columns = [threadId, tenant, expectedVersion, status, encodeSession(thread.session), updatedAtMs] as const;
  const metadata = [formatLines(listEntries(thread.metadata)), encodeMetadata(thread.metadata)] as const;
  const steps = [prepareState(statements, encodeThreadState(thread))];
  if (checkpoint !== null) steps.push(prepareCheckpoint(statements, checkpoint, encodeThreadState(checkpoint)));
  return () => {
    const updated = statements.updateThread.get(...columns);
    if (updated === undefined) return false;
    const { id } = idRow.parse(updated);
    statements.updateMetadata.run(id, ...metadata);
    for (const step of steps) step(id);
    return true;
  };
}

export function prepareAcquire(statements: Statements, threadId: string, runId: string): () => boolean {
  return () =>
    statements.holdsThread.get(threadId, runId) !== undefined ||
    statements.acquireThread.run(threadId, runId).changes === 1;
}

export function prepareCopy(
  statements: Statements,
  source: ThreadKey,
  copy: { readonly threadId: string; readonly nowMs: number },
): () => Thread | null {
  const { threadId, nowMs } = copy;
  return () => {
    const from = placeOf(statements, source.threadId);
    if (from === null || from.tenant !== source.tenant) return null;
    const { id } = idRow.parse(statements.copyThread.get(from.id, threadId, nowMs));
    statements.copyState.run(from.id, id);
    for (const row of statements.checkpointsOf.all(from.id)) {
      statements.copyCheckpoint.run(idRow.parse(row).id, id, uuidV7());
    }
    return decodeThread(statements.findThread.get(threadId, source.tenant));
  };
}

export function prepareRemoveThread(
  statements: Statements,
  { tenant, threadId }: ThreadKey,
  keepRuns: boolean,
): () => 'removed' | 'missing' | 'busy' {
  return () => {
    const place = placeOf(statements, threadId);
    if (place === null || place.tenant !== tenant) return 'missing';
    if (statements.hasLiveRun.get(tenant, threadId) !== undefined) return 'busy';
    forgetThread(statements, place.id);
    if (keepRuns) return 'removed';
    for (const row of statements.runsOf.all(tenant, threadId)) statements.keepRun.run(runRow.parse(row).run_id);
    statements.removeEventsOf.run(tenant, threadId);
    statements.removeRequestsOf.run(tenant, threadId);
    statements.uncountRunsOf.run(tenant, threadId);
    statements.removeRunsOf.run(tenant, threadId);
    return 'removed';
  };
}
