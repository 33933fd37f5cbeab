import { z } from 'zod';
import type { Operation } from '../../contract/api/protocol.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Thread } from '../../contract/domain/thread.ts';
import { findAgentId } from '../shared/agent-reference.ts';
import { answersOf, success } from '../shared/answer-schemas.ts';
import { jsonAnswer, listAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing, runParams, threadParams } from '../shared/requests.ts';
import { asValue } from '../shared/values.ts';
import { encodeRun } from './encode.ts';
import { answers, type Requests } from './schemas.ts';

/** The protocol has no pages here; this is the most that one answer holds. `offset` skips the newest. */
const maxRuns = 1000;

/** The operations on threads of ACP 0.1. A state that is not an object passes unchanged, as results do. */
export function createThreadOperations(requests: Requests): readonly Operation[] {
  const { ErrorResponse: error, Thread: thread, ThreadState: state, Run: run } = answers;
  return [
    operation({
      id: 'create_thread',
      method: 'POST',
      path: '/threads',
      summary: 'Create an empty Thread',
      params: nothing,
      query: nothing,
      body: requests.threadCreate,
      answers: answersOf(error, success(thread), [404, 409, 422]),
      handle: async (api, { body, tenant }) => {
        const { agent_id: agent, metadata = {} } = body;
        return jsonAnswer(encodeThread(await api.threads.create({ tenant, agent, metadata, ifExists: 'raise' })));
      },
    }),
    operation({
      id: 'search_threads',
      method: 'POST',
      path: '/threads/search',
      summary: 'Search Threads',
      params: nothing,
      query: nothing,
      body: requests.threadSearch,
      answers: answersOf(error, success(z.array(thread)), [422]),
      countsAsStream: true,
      handle: async (api, { body: { agent_id, ...filter }, tenant }) => {
        const agentId = findAgentId(api, agent_id);
        if (agentId === null) return jsonAnswer([]);
        return listAnswer(api.threads.search({ ...filter, tenant, agentId, omitState: true }), encodeThread, filter);
      },
    }),
    operation({
      id: 'delete_thread',
      method: 'DELETE',
      path: '/threads/:thread_id',
      summary: 'Delete a thread. If the thread contains any pending run, deletion fails.',
      params: threadParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(thread), [404, 409, 422]),
      handle: async (api, { params, tenant }) => {
        const key = { tenant, threadId: params.thread_id };
        const removed = await api.threads.get(key);
        await api.threads.delete(key);
        return jsonAnswer(encodeThread(removed));
      },
    }),
    operation({
      id: 'get_thread',
      method: 'GET',
      path: '/threads/:thread_id',
      summary: 'Get a previously created Thread',
      params: threadParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(thread), [404, 409, 422]),
      handle: async (api, { params, tenant }) =>
        jsonAnswer(encodeThread(await api.threads.get({ tenant, threadId: params.thread_id }))),
    }),
    operation({
      id: 'get_thread_state',
      method: 'GET',
      path: '/threads/:thread_id/state',
      summary: 'Retrieve the current state associated with the thread',
      params: threadParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(state), [404, 409, 422]),
      handle: async (api, { params, tenant }) => {
        const { values } = await api.threads.get({ tenant, threadId: params.thread_id });
        return jsonAnswer(asValue(values));
      },
    }),
    operation({
      id: 'get_thread_history',
      method: 'GET',
      path: '/threads/:thread_id/history',
      summary: 'Retrieve the runs of a thread in chronological order, the newest thousand of them.',
      params: threadParams,
      query: requests.history,
      body: noBody,
      answers: answersOf(error, success(z.array(run)), [404, 409, 422]),
      countsAsStream: true,
      handle: async (api, { params, query: { offset }, tenant }) => {
        const { threadId } = await api.threads.get({ tenant, threadId: params.thread_id });
        const page = { limit: maxRuns, offset };
        return listAnswer(api.runs.search({ tenant, threadId, ...page }), encodeRun, page, { isReversed: true });
      },
    }),
    operation({
      id: 'get_run_threadstate',
      method: 'GET',
      path: '/runs/:run_id/threadstate',
      summary: 'Retrieve the thread state at the end of the run',
      params: runParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(state), [404, 409, 422]),
      handle: async (api, { params, tenant }) => {
        const left = await api.threads.stateAfterRun({ tenant, runId: params.run_id });
        // No thread, or no success: the protocol has this call for runs that succeeded in a thread.
        if (left === null) throw new GatewayError('thread_state_missing');
        return jsonAnswer(asValue(left.values));
      },
    }),
  ];
}

/** ACP 0.1 `Thread`. */
function encodeThread({ threadId, agentId, metadata }: Thread): JsonObject {
  return { thread_id: threadId, agent_id: agentId ?? '', metadata };
}
