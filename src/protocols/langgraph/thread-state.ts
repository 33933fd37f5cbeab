import type { Api } from '../../contract/api/api.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Checkpoint, Thread, ThreadKey } from '../../contract/domain/thread.ts';
import type { RowBatch } from '../../contract/store/rows.ts';
import { instantOf } from '../shared/answers.ts';
import { interruptId } from '../shared/interrupt-ids.ts';
import { encodeState, type State, stateBefore } from './state.ts';

/** A thread and the run in it that has not left its state: one that is live, asks, or failed last. */
export type OpenThread = { readonly thread: Thread; readonly run: Run | null };

/** What an interrupted run asks, in a list; empty for any other. */
export function interruptsOf({ runId, lastSeq, status, outcome }: Run): readonly JsonObject[] {
  if (status !== 'interrupted' || outcome?.kind !== 'interrupt') return [];
  return [{ id: interruptId({ runId, seq: lastSeq }), value: outcome.payload }];
}

export async function readOpenThread(api: Api, key: ThreadKey): Promise<OpenThread> {
  const thread = await api.threads.get(key);
  return { thread, run: await findOpenRun(api, thread) };
}

/** The run whose state is not the thread's; null where the last one has left its state, or was cancelled. */
export async function findOpenRun(
  api: Api,
  { tenant, threadId, status, activeRunId }: Pick<Thread, 'tenant' | 'threadId' | 'status' | 'activeRunId'>,
): Promise<Run | null> {
  if (status === 'idle') return null;
  const runId = activeRunId ?? (await findNewestRun(api, { tenant, threadId }));
  if (runId === null) return null;
  try {
    const run = await api.runs.get({ tenant, runId });
    return run.status === 'success' ? null : run;
  } catch (error) {
    // It may have been removed since, or be of an agent that the caller may not see.
    if (error instanceof GatewayError && error.code === 'run_not_found') return null;
    throw error;
  }
}

async function findNewestRun(api: Api, { tenant, threadId }: ThreadKey): Promise<string | null> {
  for await (const { rows } of api.runs.search({ tenant, threadId, omitInput: true, limit: 1, offset: 0 })) {
    for (const { runId } of rows) return runId;
  }
  return null;
}

/** The states of a thread, newest first. An open run's comes first, under the id of the run: no checkpoint has it yet. */
export async function* listStates(
  api: Api,
  { thread, run }: OpenThread,
  { limit, beforeId }: { readonly limit: number; readonly beforeId: string | null },
): AsyncGenerator<RowBatch<JsonObject>, undefined> {
  const key = { tenant: thread.tenant, threadId: thread.threadId };
  const isAfterHead = run !== null && beforeId === run.runId;
  const hasHead = run !== null && beforeId === null;
  // Each state names the one before it, so one more is read.
  const rows = api.threads.history(key, { limit: limit + 1, beforeId: isAfterHead ? null : beforeId });
  let left = limit;
  let held: Checkpoint | null = null;
  let isFirst = true;
  for await (const batch of rows) {
    const encoded: JsonObject[] = [];
    for (const checkpoint of batch.rows) {
      if (isFirst && hasHead) {
        encoded.push(encodeOpen(api, { thread, run }, checkpoint.checkpointId));
        left -= 1;
      } else if (held !== null && left > 0) {
        encoded.push(encodeCheckpoint(api, thread, { checkpoint: held, parentId: checkpoint.checkpointId }));
        left -= 1;
      }
      held = checkpoint;
      isFirst = false;
    }
    yield { rows: encoded, size: batch.size };
    if (left === 0) return;
  }
  if (isFirst && hasHead) yield { rows: [encodeOpen(api, { thread, run }, null)], size: 0 };
  if (held !== null && left > 0)
    yield { rows: [encodeCheckpoint(api, thread, { checkpoint: held, parentId: null })], size: 0 };
}

/** The newest state; empty before the first run. */
export async function readState(api: Api, open: OpenThread): Promise<JsonObject> {
  for await (const { rows } of listStates(api, open, { limit: 1, beforeId: null }))
    for (const state of rows) return state;
  const { thread } = open;
  return { ...encodeAny(api, thread, { id: null, parentId: null, atMs: thread.createdAtMs }), values: {} };
}

/** The state with an id: of the open run, of a checkpoint, or the one that a run has left. Null: there is none. */
export async function findState(api: Api, open: OpenThread, id: string): Promise<JsonObject | null> {
  const { thread, run } = open;
  if (run?.runId === id) return await readState(api, open);
  const key = { tenant: thread.tenant, threadId: thread.threadId };
  const checkpoint = (await api.threads.findCheckpoint(key, id)) ?? (await findLeftState(api, thread, id));
  if (checkpoint === null) return null;
  const older = { limit: 1, beforeId: checkpoint.checkpointId, omitState: true };
  let parentId: string | null = null;
  for await (const { rows } of api.threads.history(key, older)) parentId = rows[0]?.checkpointId ?? parentId;
  return encodeCheckpoint(api, thread, { checkpoint, parentId });
}

async function findLeftState(api: Api, { tenant, threadId }: Thread, runId: string): Promise<Checkpoint | null> {
  try {
    const left = await api.threads.stateAfterRun({ tenant, runId });
    return left?.threadId === threadId ? left : null;
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'run_not_found') return null;
    throw error;
  }
}

type Place = { readonly id: string | null; readonly parentId: string | null; readonly atMs: number };

/** The state that the open run began with, and what it waits for. */
function encodeOpen(
  api: Api,
  { thread, run }: { readonly thread: Thread; readonly run: Run },
  parentId: string | null,
): JsonObject {
  const { runId, agentId, outcome, updatedAtMs: atMs, request } = run;
  const name = nameOf(api, agentId) ?? run.agentName;
  const interrupts = interruptsOf(run);
  const error = outcome?.kind === 'error' ? outcome.description : null;
  const path = ['__pregel_pull', name];
  const task = { id: runId, name, error, interrupts, path, checkpoint: null, state: null, result: null };
  return {
    ...encodeAny(api, thread, { id: runId, parentId, atMs }, { run_id: runId, source: 'input' }),
    values: valuesOf(stateBefore(thread, request), thread.threadId),
    next: [name],
    tasks: [task],
    interrupts,
  };
}

function encodeCheckpoint(
  api: Api,
  thread: Thread,
  { checkpoint, parentId }: { readonly checkpoint: Checkpoint; readonly parentId: string | null },
): JsonObject {
  const { checkpointId: id, atMs, runId, metadata } = checkpoint;
  const source: JsonObject = runId === null ? { source: 'update' } : { source: 'loop', run_id: runId };
  return {
    ...encodeAny(api, thread, { id, parentId, atMs }, { ...metadata, ...source }),
    values: valuesOf(checkpoint, thread.threadId),
  };
}

function encodeAny(
  api: Api,
  { threadId, agentId }: Thread,
  { id, parentId, atMs }: Place,
  metadata: JsonObject = {},
): JsonObject {
  const ofAgent: JsonObject =
    agentId === null ? {} : { graph_id: nameOf(api, agentId) ?? agentId, assistant_id: agentId };
  return {
    next: [],
    tasks: [],
    metadata: { ...metadata, ...ofAgent, thread_id: threadId, step: parentId === null ? 0 : 1 },
    created_at: instantOf(atMs),
    checkpoint: encodePlace(threadId, id),
    parent_checkpoint: parentId === null ? null : encodePlace(threadId, parentId),
    interrupts: [],
  };
}

/** A checkpoint as states name it. */
export function encodePlace(threadId: string, id: string | null): JsonObject {
  return { thread_id: threadId, checkpoint_ns: '', checkpoint_id: id, checkpoint_map: null };
}

/** Null where the config no longer has the agent, or it is none of the caller's. */
function nameOf(api: Api, agentId: string): string | null {
  return (
    api.agents.search({ limit: Number.MAX_SAFE_INTEGER, offset: 0 }).find((each) => each.agentId === agentId)?.name ??
    null
  );
}

function valuesOf(state: State, threadId: string): Json {
  return encodeState(state, threadId);
}
