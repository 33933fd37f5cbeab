import { z } from 'zod';
import type { Decoded, Operation } from '../../contract/api/protocol.ts';
import type { CreateRun, JoinThread } from '../../contract/api/runs.ts';
import type { RunQuery } from '../../contract/store/store.ts';
import { findAgentId } from '../shared/agent-reference.ts';
import { answersOf, done, eventStream, streamOver, success } from '../shared/answer-schemas.ts';
import { creationAnswer, emptyAnswer, jsonAnswer, listAnswer, runAnswerer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing, omitsInput, runParams } from '../shared/requests.ts';
import { decodeCreation } from '../shared/run-create.ts';
import { awaitEnd, createAndFollow, createAndWait, followRun, hasWholeStream } from '../shared/wait-and-stream.ts';
import { encodeRun, encodeWaited, encodingFor } from './encode.ts';
import { answers, type Requests } from './schemas.ts';

/** The protocol's name, kept as the origin of its runs. */
export const agentProtocol = 'agent-protocol';

type Body = z.output<Requests['runStream']>;

/** The operations on runs of the Agent Protocol: in the background, awaited, streamed. */
export function createRunOperations(requests: Requests): readonly Operation[] {
  const { ErrorResponse: error, Run: run, RunWaitResponse: waited, StreamEventData: event } = answers;
  const runAnswer = runAnswerer(encodeRun);
  const waitAnswer = runAnswerer(encodeWaited);
  return [
    operation({
      id: 'search_runs',
      method: 'POST',
      path: '/runs/search',
      summary: 'Search Runs',
      params: nothing,
      query: nothing,
      body: requests.runSearch,
      answers: answersOf(error, success(z.array(run)), [404, 422]),
      countsAsStream: true,
      handle: async (api, { body: { agent_id, thread_id: threadId, select, ...filter }, tenant }) => {
        const agentId = findAgentId(api, agent_id);
        // No agent has this name, so no run matches.
        if (agentId === null) return jsonAnswer([]);
        const query: RunQuery = { ...filter, tenant, agentId, threadId, omitInput: omitsInput(select) };
        return listAnswer(api.runs.search(query), encodeRun, filter);
      },
    }),
    operation({
      id: 'create_run',
      method: 'POST',
      path: '/runs',
      summary: 'Create Background Run',
      params: nothing,
      query: nothing,
      body: requests.runStream,
      takes: ['Idempotency-Key'],
      answers: answersOf(error, success(run), [404, 409, 422]),
      handle: async (api, request) => {
        const creation = await api.runs.create(decodeCommand(request));
        return creationAnswer(creation, encodeRun(creation.run));
      },
    }),
    operation({
      id: 'create_and_stream_run',
      method: 'POST',
      path: '/runs/stream',
      summary: 'Create Run, Stream Output',
      params: nothing,
      query: nothing,
      body: requests.runStream,
      takes: ['Idempotency-Key'],
      answers: answersOf(error, eventStream(event), [404, 409, 422]),
      handle: (api, request) =>
        createAndFollow(api, decodeCommand(request), request.body.on_disconnect ?? 'cancel', encodingFor),
    }),
    operation({
      id: 'create_and_wait_run',
      method: 'POST',
      path: '/runs/wait',
      summary: 'Create Run, Wait for Output',
      params: nothing,
      query: nothing,
      body: requests.runCreate,
      takes: ['Idempotency-Key'],
      answers: answersOf(error, success(waited), [404, 409, 422]),
      countsAsStream: true,
      handle: async (api, request) => {
        const leaving = request.body.on_disconnect ?? 'cancel';
        const { run: made, replayed } = await createAndWait(api, decodeCommand(request), leaving, request);
        return waitAnswer(made, { runId: made.runId, replayed });
      },
    }),
    operation({
      id: 'get_run',
      method: 'GET',
      path: '/runs/:run_id',
      summary: 'Get Run',
      params: runParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(run), [404, 422]),
      handle: async (api, { params, tenant }) => runAnswer(await api.runs.get({ tenant, runId: params.run_id })),
    }),
    operation({
      id: 'delete_run',
      method: 'DELETE',
      path: '/runs/:run_id',
      summary: 'Delete Run; one that is live is cancelled first',
      params: runParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, done, [404, 422]),
      handle: async (api, { params, tenant }) => {
        await api.runs.delete({ tenant, runId: params.run_id });
        return emptyAnswer;
      },
    }),
    operation({
      id: 'wait_run',
      method: 'GET',
      path: '/runs/:run_id/wait',
      summary: 'Wait for Run output',
      params: runParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(waited), [404, 422]),
      countsAsStream: true,
      handle: async (api, request) => {
        const key = { tenant: request.tenant, runId: request.params.run_id };
        return waitAnswer(await awaitEnd(api, key, request), { runId: key.runId });
      },
    }),
    operation({
      id: 'stream_run',
      method: 'GET',
      path: '/runs/:run_id/stream',
      summary: 'Stream output from Run',
      params: runParams,
      query: nothing,
      body: noBody,
      takes: ['Last-Event-ID'],
      answers: answersOf(error, { ...eventStream(event), ...streamOver }, [404, 422]),
      handle: async (api, { params, tenant, afterSeq }) => {
        const found = await api.runs.get({ tenant, runId: params.run_id });
        if (hasWholeStream(found, afterSeq)) return emptyAnswer;
        return await followRun(api, found, afterSeq, encodingFor(found));
      },
    }),
    operation({
      id: 'cancel_run',
      method: 'POST',
      path: '/runs/:run_id/cancel',
      summary: 'Cancel Run',
      params: runParams,
      query: requests.cancel,
      body: noBody,
      answers: answersOf(error, done, [404, 422]),
      handle: async (api, { params, query, tenant }) => {
        await api.runs.cancel({ tenant, runId: params.run_id }, query);
        return emptyAnswer;
      },
    }),
  ];
}

function decodeCommand({ body, tenant, idempotencyKey }: Decoded<unknown, unknown, Body>): CreateRun {
  const request = decodeCreation(body, agentProtocol);
  return { tenant, agent: body.agent_id, request, thread: joinThread(body), idempotencyKey };
}

/** The protocol has no strategy for busy threads; its rule is one run at a time, so a second run is refused. */
function joinThread({ thread_id: threadId, if_not_exists: ifNotExists = 'reject' }: Body): JoinThread | undefined {
  return threadId === undefined ? undefined : { threadId, ifNotExists, whenBusy: 'reject' };
}
