import { z } from 'zod';
import type { Api } from '../../contract/api/api.ts';
import type { ListAnswer, Operation } from '../../contract/api/protocol.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { ThreadKey } from '../../contract/domain/thread.ts';
import type { RowBatch, Rows } from '../../contract/store/rows.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { answersOf, success } from '../shared/answer-schemas.ts';
import { jsonAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing, threadParams } from '../shared/requests.ts';
import { hasMembers } from './assistant-operations.ts';
import { answers } from './schemas.ts';
import { encodePlace } from './state-entries.ts';
import { decodeValues } from './state-update.ts';
import { findState, listStates, readState } from './thread-history.ts';
import type { ThreadRequests } from './thread-requests.ts';
import { readOpenThread } from './thread-state.ts';

const stateParams = threadParams.extend({ checkpoint_id: z.string().min(1).max(256) });
const listedState = z.object({ checkpoint: z.object({ checkpoint_id: z.string() }) });

/** The states of threads: the newest, one by its checkpoint, all of them, and their update. */
export function createStateOperations(requests: ThreadRequests): readonly Operation[] {
  const { ErrorResponse: error, ThreadState: state } = answers;
  const ofThread = { params: threadParams, query: nothing } as const;
  const history = {
    ...ofThread,
    path: '/threads/:thread_id/history',
    summary: 'Get Thread History',
    answers: answersOf(error, success(z.array(state)), [404, 422]),
    countsAsStream: true,
  } as const;
  return [
    operation({
      id: 'get_latest_thread_state',
      method: 'GET',
      path: '/threads/:thread_id/state',
      summary: 'Get Thread State',
      params: threadParams,
      query: requests.state,
      body: noBody,
      answers: answersOf(error, success(state), [404, 422]),
      handle: async (api, { params, tenant }) =>
        jsonAnswer(await readState(api, await readOpenThread(api, { tenant, threadId: params.thread_id }))),
    }),
    operation({
      ...ofThread,
      id: 'update_thread_state',
      method: 'POST',
      path: '/threads/:thread_id/state',
      summary: 'Update Thread State',
      description:
        'Merges values into the newest state of the thread, or into that of a checkpoint, which makes a new checkpoint.',
      body: requests.stateUpdate,
      answers: answersOf(error, success(answers.StateUpdate), [404, 422]),
      handle: async (api, { params, body, tenant }) => {
        const key = { tenant, threadId: params.thread_id };
        const wanted = body.checkpoint?.checkpoint_id ?? body.checkpoint_id ?? undefined;
        const { run } = await readOpenThread(api, key);
        // The open run's own state is the newest one.
        const checkpointId = wanted === run?.runId ? undefined : wanted;
        await api.threads.patch(key, { values: {}, ...decodeValues(body.values), mode: 'merge', checkpointId });
        const checkpoint = encodePlace(key.threadId, await findNewest(api, key));
        return jsonAnswer({ checkpoint, configurable: checkpoint });
      },
    }),
    operation({
      id: 'get_thread_state',
      method: 'GET',
      path: '/threads/:thread_id/state/:checkpoint_id',
      summary: 'Get Thread State At Checkpoint',
      description:
        'Returns the state of the thread at a checkpoint, or the one that a run has left, by the id of the run.',
      params: stateParams,
      query: requests.state,
      body: noBody,
      answers: answersOf(error, success(state), [404, 422]),
      handle: async (api, { params, tenant }) =>
        await answerState(api, { tenant, threadId: params.thread_id }, params.checkpoint_id),
    }),
    operation({
      ...ofThread,
      id: 'post_thread_state',
      method: 'POST',
      path: '/threads/:thread_id/state/checkpoint',
      summary: 'Get Thread State At Checkpoint',
      description: 'Returns the state of the thread at the checkpoint that the body names, or the newest one.',
      body: requests.stateAt,
      answers: answersOf(error, success(state), [404, 422]),
      handle: async (api, { params, body, tenant }) =>
        await answerState(api, { tenant, threadId: params.thread_id }, body.checkpoint.checkpoint_id ?? null),
    }),
    operation({
      ...history,
      id: 'get_thread_history',
      method: 'GET',
      query: requests.historyQuery,
      body: noBody,
      handle: async (api, { params, query, tenant }) =>
        await answerHistory(api, { tenant, threadId: params.thread_id }, query),
    }),
    operation({
      ...history,
      id: 'get_thread_history_post',
      method: 'POST',
      description: 'Lists the states of the thread, newest first, by metadata. `before` continues after a page.',
      body: requests.history,
      handle: async (api, { params, body, tenant }) =>
        await answerHistory(api, { tenant, threadId: params.thread_id }, body),
    }),
  ];
}

async function answerState(api: Api, key: ThreadKey, checkpointId: string | null) {
  const open = await readOpenThread(api, key);
  const state = checkpointId === null ? await readState(api, open) : await findState(api, open, checkpointId);
  if (state === null) throw new GatewayError('checkpoint_not_found');
  return jsonAnswer(state);
}

type HistoryPage = {
  readonly limit: number;
  readonly before?: string | null | undefined;
  readonly metadata?: JsonObject | null | undefined;
};

async function answerHistory(
  api: Api,
  key: ThreadKey,
  { limit, before = null, metadata }: HistoryPage,
): Promise<ListAnswer> {
  const open = await readOpenThread(api, key);
  const wanted = metadata ?? {};
  const isFiltered = Object.keys(wanted).length > 0;
  const states = listStates(api, open, { limit: isFiltered ? maxExamined : limit, beforeId: before });
  return {
    kind: 'list',
    rows: isFiltered ? narrow(states, wanted, limit) : states,
    limit,
    next: (_count, last) => ({ name: 'before', value: listedState.parse(last).checkpoint.checkpoint_id }),
  };
}

/** States that a search by metadata looks at. */
const maxExamined = 1000;

async function* narrow(
  states: Rows<JsonObject>,
  wanted: JsonObject,
  limit: number,
): AsyncGenerator<RowBatch<JsonObject>, undefined> {
  let left = limit;
  for await (const { rows, size } of states) {
    const found = rows.filter(({ metadata = {} }) => isJsonObject(metadata) && hasMembers(metadata, wanted));
    yield { rows: found.slice(0, left), size };
    left -= found.length;
    if (left <= 0) return;
  }
}

async function findNewest(api: Api, key: ThreadKey): Promise<string | null> {
  for await (const { rows } of api.threads.history(key, { limit: 1, beforeId: null, omitState: true })) {
    for (const { checkpointId } of rows) return checkpointId;
  }
  return null;
}
