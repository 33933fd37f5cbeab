import { z } from 'zod';
import type { Operation, Protocol } from '../../contract/api/protocol.ts';
import type { RunQuery } from '../../contract/store/store.ts';
import { createAgentOperations, type Features } from '../shared/acp-agent-operations.ts';
import { findAgentId } from '../shared/agent-reference.ts';
import { answersOf, success } from '../shared/answer-schemas.ts';
import { jsonAnswer, listAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import {
  noBody,
  nothing,
  omitsInput,
  type RequestOptions,
  runParams,
  threadParams,
  threadRunParams,
} from '../shared/requests.ts';
import { createThreadOperations } from '../shared/thread-operations.ts';
import { asValue } from '../shared/values.ts';
import { encodeEither, encodeStateful, encodeStateless } from './encode.ts';
import { acpV02, createRunOperations } from './run-operations.ts';
import { answers, createRequests, type Requests, value } from './schemas.ts';

export type AcpV02Options = RequestOptions & Partial<Features>;

/** The Agent Connect Protocol 0.2.3. */
export function createAcpV02({ unknownFields, callbacks = false }: AcpV02Options): Protocol {
  const requests = createRequests({ unknownFields });
  const error = answers.ErrorResponse;
  const stateless = {
    path: '/runs',
    noun: 'stateless_run',
    title: 'stateless Run',
    baseParams: nothing,
    runParams,
    body: requests.stateless,
    run: answers.RunStateless,
    waited: answers.RunWaitResponseStateless,
    encode: encodeStateless,
    join: () => undefined,
    // A thread's runs are found here too: `Content-Location` names every run by this path.
    holds: () => true,
  };
  const stateful = {
    path: '/threads/:thread_id/runs',
    noun: 'thread_run',
    title: 'Run of a thread',
    baseParams: threadParams,
    runParams: threadRunParams,
    body: requests.stateful,
    run: answers.RunStateful,
    waited: answers.RunWaitResponseStateful,
    encode: encodeStateful,
  };
  return {
    name: acpV02,
    prefix: '/acp/v0.2',
    operations: [
      ...createAgentOperations({
        unknownFields,
        error,
        features: { callbacks },
        resultStreaming: 'values',
        getAgentId: 'get_agent_by_id',
      }),
      ...createThreadOperations({
        unknownFields,
        error,
        values: value,
        schemas: answers,
        encodeValues: asValue,
        patchMode: 'replace',
      }),
      listThreadRuns(requests),
      ...createRunOperations(
        {
          ...stateful,
          join: ({ thread_id: threadId }, { if_not_exists: ifNotExists, multitask_strategy: whenBusy }) => ({
            threadId,
            ifNotExists: ifNotExists ?? 'reject',
            whenBusy: whenBusy ?? 'reject',
          }),
          holds: ({ thread_id: threadId }, run) => run.threadId === threadId,
        },
        requests,
      ),
      searchStatelessRuns(requests),
      ...createRunOperations(stateless, requests),
    ],
    about: {
      title: 'Agent Connect Protocol',
      version: '0.2.3',
      description: 'ACP 0.2.3 as rungate serves it.',
      error,
      schemas: { ...answers, RunCreateStateless: requests.stateless, RunCreateStateful: requests.stateful },
    },
    // Both versions' `ErrorResponse` is a bare string.
    encodeError: (error) => error.message,
    encodeRun: encodeEither,
  };
}

function listThreadRuns(requests: Requests): Operation {
  return operation({
    id: 'list_thread_runs',
    method: 'GET',
    path: '/threads/:thread_id/runs',
    summary: 'List Runs for a thread',
    params: threadParams,
    query: requests.list,
    body: noBody,
    answers: answersOf(answers.ErrorResponse, success(z.array(answers.RunStateful)), [404, 422]),
    countsAsStream: true,
    handle: async (api, { params, query, tenant }) => {
      const { threadId } = await api.threads.get({ tenant, threadId: params.thread_id });
      return listAnswer(api.runs.search({ ...query, tenant, threadId }), encodeStateful, query);
    },
  });
}

function searchStatelessRuns(requests: Requests): Operation {
  return operation({
    id: 'search_stateless_runs',
    method: 'POST',
    path: '/runs/search',
    summary: 'Search Stateless Runs',
    params: nothing,
    query: nothing,
    body: requests.search,
    answers: answersOf(answers.ErrorResponse, success(z.array(answers.RunStateless)), [422]),
    countsAsStream: true,
    handle: async (api, { body: { agent_id, select, ...filter }, tenant }) => {
      const agentId = findAgentId(api, agent_id);
      // No agent has this name, so no run matches.
      if (agentId === null) return jsonAnswer([]);
      const query: RunQuery = { ...filter, tenant, agentId, threadId: null, omitInput: omitsInput(select) };
      return listAnswer(api.runs.search(query), encodeStateless, filter);
    },
  });
}
