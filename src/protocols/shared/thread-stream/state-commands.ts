import type { z } from 'zod';
import type { Api } from '../../../contract/api/api.ts';
import type { Json, JsonObject } from '../../../contract/domain/json.ts';
import type { Checkpoint, Thread, ThreadKey } from '../../../contract/domain/thread.ts';
import type { Rows } from '../../../contract/store/rows.ts';
import { instantOf } from '../answers.ts';
import { decodeCreation } from '../run-create.ts';
import { asObject } from '../values.ts';
import { CommandFault, type CommandParams } from './streaming-requests.ts';

/** `state.get`: the newest checkpoint, with its messages among the values. */
export async function getState(
  api: Api,
  { tenant, threadId }: ThreadKey,
  { keys }: z.output<CommandParams['get']>,
): Promise<JsonObject> {
  const thread = await api.threads.get({ tenant, threadId });
  const query = { limit: 1, beforeId: null, omitState: true };
  const { rows } = await takeRows(api.threads.history({ tenant, threadId }, query), encodeSummary, query.limit);
  const [newest] = rows;
  const state = stateOf(thread);
  const values = keys === undefined ? state : pick(state, keys);
  return { values, ...(newest === undefined ? {} : { checkpoint: { id: newest.id } }) };
}

/**
 * `state.listCheckpoints`, newest first: as many as a list may hold, and at least one. `next_before` is the `before` of the
 * next page, where there are more than fit.
 */
export async function listCheckpoints(
  api: Api,
  { tenant, threadId }: ThreadKey,
  { limit, before, maxBytes }: z.output<CommandParams['list']> & { readonly maxBytes: number },
): Promise<JsonObject> {
  const found = api.threads.history({ tenant, threadId }, { limit, beforeId: before ?? null, omitState: true });
  const { rows, isCut } = await takeRows(found, encodeSummary, maxBytes);
  const last = isCut ? rows.at(-1) : undefined;
  return { checkpoints: rows, ...(last === undefined ? {} : { next_before: last.id }) };
}

/** The rows of a list that fit into so many bytes as JSON, at least one. */
async function takeRows<Row, Encoded extends object>(
  rows: Rows<Row>,
  encode: (row: Row) => Encoded,
  maxBytes: number,
): Promise<{ readonly rows: readonly Encoded[]; readonly isCut: boolean }> {
  const taken: Encoded[] = [];
  let bytes = 0;
  for await (const batch of rows) {
    for (const row of batch.rows) {
      const encoded = encode(row);
      bytes += Buffer.byteLength(JSON.stringify(encoded));
      if (taken.length > 0 && bytes > maxBytes) return { rows: taken, isCut: true };
      taken.push(encoded);
    }
  }
  return { rows: taken, isCut: false };
}

/** `state.fork`: a new thread that starts with the checkpoint's state, and a run in it. */
export async function forkState(
  api: Api,
  { tenant, threadId }: ThreadKey,
  { checkpoint_id: checkpointId, ...body }: z.output<CommandParams['fork']>,
  protocol: string,
): Promise<JsonObject> {
  const source = await api.threads.get({ tenant, threadId });
  const from = await api.threads.findCheckpoint({ tenant, threadId }, checkpointId);
  if (from === null) throw new CommandFault('no_such_checkpoint', 'the thread has no such checkpoint');
  const agent = source.agentId ?? undefined;
  const fork = await api.threads.create({ tenant, agent, metadata: source.metadata, ifExists: 'raise' });
  const key = { tenant, threadId: fork.threadId };
  try {
    await api.threads.patch(key, { values: from.values, messages: from.messages, mode: 'replace' });
    const request = decodeCreation(body, protocol);
    const thread = { threadId: fork.threadId, ifNotExists: 'reject', whenBusy: 'reject' } as const;
    const { run } = await api.runs.create({ tenant, agent, request, thread });
    return { run_id: run.runId, thread_id: fork.threadId };
  } catch (refusal) {
    // Delete the fork if its run was refused. If that fails too, report the refusal: it is what the client can act on.
    await api.threads.delete(key).catch(() => {});
    throw refusal;
  }
}

/** Without step and node: vendors report neither. */
function encodeSummary({ checkpointId, atMs, metadata, runId }: Checkpoint) {
  return {
    id: checkpointId,
    timestamp: instantOf(atMs),
    metadata,
    ...(runId === null ? {} : { run_id: runId }),
  };
}

function stateOf({ values, messages }: Pick<Thread, 'values' | 'messages'>): JsonObject {
  const state = asObject(values);
  return messages.length === 0 || Object.hasOwn(state, 'messages') ? state : { ...state, messages };
}

function pick(state: JsonObject, keys: readonly string[]): JsonObject {
  const own = keys.filter((key) => Object.hasOwn(state, key));
  return Object.fromEntries(own.map((key): [string, Json] => [key, state[key] ?? null]));
}
