import { v4 as uuidv4, v7 as uuidv7 } from 'uuid';
import type { Run } from '../../src/contract/domain/run.ts';
import type { Checkpoint, Thread, ThreadEffect } from '../../src/contract/domain/thread.ts';
import type { Store } from '../../src/contract/store/store.ts';
import { makeDone, makeEvent, makeRun, nextVersion } from './runs.ts';

/** A thread as a client would make it, with what a test wants to differ. */
export function makeThread(difference: Partial<Thread> = {}): Thread {
  const nowMs = Date.now();
  return {
    threadId: uuidv4(),
    tenant: 'main',
    name: null,
    agentId: null,
    metadata: {},
    status: 'idle',
    values: null,
    messages: [],
    activeRunId: null,
    session: null,
    version: 1,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    ...difference,
  };
}

export function makeCheckpoint(threadId: string, difference: Partial<Checkpoint> = {}): Checkpoint {
  return {
    checkpointId: uuidv7(),
    threadId,
    values: null,
    messages: [],
    metadata: {},
    runId: null,
    atMs: Date.now(),
    ...difference,
  };
}

/** A live run of a thread, as `createRun` would write it. */
export async function insertRun(store: Store, threadId: string, difference: Partial<Run> = {}): Promise<Run> {
  const run = makeRun({ threadId, ...difference });
  const insertion = await store.insert(run, [makeEvent(run)], undefined, { refuseBusy: false });
  if (insertion.kind !== 'inserted') throw new Error(`the run was not inserted: ${insertion.kind}`);
  return run;
}

/** Ends a run as a driver would, and gives it as it is then. */
export async function endRun(store: Store, run: Run, effect: Partial<ThreadEffect> = {}): Promise<Run> {
  const ended = makeDone(run, run.updatedAtMs + 1000);
  const thread: ThreadEffect = { status: 'idle', release: true, ...effect };
  const held = await store.update({ run: ended, expectedVersion: run.version, events: [makeEvent(ended)], thread });
  if (!held) throw new Error('the run was changed meanwhile');
  return ended;
}

/** Writes a step that does not end the run. */
export async function stepRun(store: Store, run: Run, thread: ThreadEffect, difference: Partial<Run>): Promise<Run> {
  const next = nextVersion(run, difference);
  const held = await store.update({ run: next, expectedVersion: run.version, events: [makeEvent(next)], thread });
  if (!held) throw new Error('the run was changed meanwhile');
  return next;
}
