import { z } from 'zod';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Admission, Checkpoint, Thread, ThreadEffect } from '../../contract/domain/thread.ts';
import { formatLines, listEntries } from '../search-entries.ts';
import { type EncodedState, encodeMetadata, encodeSession, encodeThreadState, mergeMetadata } from '../thread-rows.ts';
import type { Statements } from './sqlite-statements.ts';

// What a run does to its thread, for the transaction that writes the run. Arguments are encoded now, as in `run-writes.ts`.

const idRow = z.object({ id: z.number() });
const affectedRow = idRow.extend({ version: z.number() });
const joinedRow = idRow.extend({ version: z.number() });
const metadataRow = z.object({ metadata: z.string() });
const placeRow = z.object({ id: z.number(), tenant: z.string() });

/** A thread's row id and tenant; null when there is no thread of that id. */
export function placeOf(statements: Statements, threadId: string): z.infer<typeof placeRow> | null {
  const row = statements.placeOfThread.get(threadId);
  return row === undefined ? null : placeRow.parse(row);
}

/** Returns the work that stores a new thread; it gives false when the id is taken. */
export function prepareThread(statements: Statements, thread: Thread): () => boolean {
  const { threadId, tenant, name, agentId, status, activeRunId, session, version, createdAtMs, updatedAtMs } = thread;
  const named = [threadId, tenant, name, agentId, status, activeRunId, encodeSession(session)] as const;
  const state = encodeThreadState(thread);
  const texts = [encodeMetadata(thread.metadata), state.values, state.messages] as const;
  const entries = [formatLines(listEntries(thread.metadata)), formatLines(state.valueEntries)] as const;
  return () => {
    const inserted = statements.insertThread.get(...named, version, createdAtMs, updatedAtMs);
    if (inserted === undefined) return false;
    statements.insertState.run(idRow.parse(inserted).id, ...entries, ...texts);
    return true;
  };
}

/** Returns the work in two parts: the refusal, before anything is written, and the joining. */
export function prepareAdmission(
  statements: Statements,
  run: Run,
  joining: { readonly threadId: string; readonly admission: Admission; readonly eventCount: number },
) {
  const { threadId, eventCount } = joining;
  const { create, metadata, refuseBusy } = joining.admission;
  const createThread = create === undefined ? null : prepareThread(statements, create);
  const { tenant, agentId, updatedAtMs } = run;
  return {
    refuse(): 'thread-missing' | 'thread-busy' | null {
      const place = placeOf(statements, threadId);
      if (place === null ? createThread === null : place.tenant !== tenant) return 'thread-missing';
      return refuseBusy && statements.hasLiveRun.get(tenant, threadId) !== undefined ? 'thread-busy' : null;
    },
    /** Gives the number of the run's last event in the thread. */
    join(): number {
      createThread?.();
      const joined = joinedRow.parse(statements.joinThread.get(threadId, agentId, updatedAtMs, eventCount));
      if (metadata !== undefined) noteMetadata(statements, joined.id, metadata);
      return joined.version;
    },
  };
}

function noteMetadata(statements: Statements, thread: number, more: JsonObject): void {
  const { metadata } = metadataRow.parse(statements.findMetadata.get(thread));
  const merged = mergeMetadata(metadata, more);
  if (merged !== null) statements.updateMetadata.run(thread, formatLines(merged.entries), merged.text);
}

/** Returns the work that stores an encoded state as that of a thread, given by its row id. */
export function prepareState(statements: Statements, state: EncodedState): (thread: number) => void {
  const entries = formatLines(state.valueEntries);
  return (thread) => statements.updateState.run(thread, entries, state.values, state.messages);
}

/** Returns the work that adds a checkpoint to the history of a thread, given by its row id. */
export function prepareCheckpoint(
  statements: Statements,
  checkpoint: Checkpoint,
  state: EncodedState,
): (thread: number) => void {
  const { checkpointId, runId, atMs } = checkpoint;
  const columns = [checkpointId, runId, atMs, encodeMetadata(checkpoint.metadata), state.values, state.messages];
  return (thread) => statements.insertCheckpoint.run(thread, ...columns);
}

/**
 * Returns the work that a run's update does to its thread. It gives the number of the last of `eventCount` events in
 * the thread, or null when the thread is gone.
 */
export function prepareEffect(
  statements: Statements,
  run: Run,
  change: { readonly threadId: string; readonly effect: ThreadEffect; readonly eventCount: number },
): () => number | null {
  const { threadId, effect, eventCount } = change;
  const steps: ((thread: number) => void)[] = [];
  if (effect.checkpoint !== undefined) {
    const state = encodeThreadState(effect.checkpoint);
    steps.push(prepareState(statements, state), prepareCheckpoint(statements, effect.checkpoint, state));
  }
  const session = effect.session === undefined ? [0, null] : [1, encodeSession(effect.session)];
  const isStep = !effect.release && effect.checkpoint === undefined && effect.session === undefined;
  const cells = [Number(effect.release), effect.status, ...session, run.updatedAtMs, eventCount];
  return () => {
    const passed = isStep ? statements.passThread.get(threadId, run.tenant, effect.status, eventCount) : undefined;
    const affected = passed ?? statements.affectThread.get(threadId, run.tenant, run.runId, ...cells);
    if (affected === undefined) return null;
    const { id, version } = affectedRow.parse(affected);
    if (effect.remove === true && statements.hasLiveRun.get(run.tenant, threadId) === undefined) {
      forgetThread(statements, id);
    } else for (const step of steps) step(id);
    return version;
  };
}

/** Removes a thread with its state and history; its runs stay. */
export function forgetThread(statements: Statements, id: number): void {
  statements.removeCheckpoints.run(id);
  statements.removeState.run(id);
  statements.removeThread.run(id);
}
