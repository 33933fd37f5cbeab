import { z } from 'zod';
import type { Operation } from '../../contract/api/protocol.ts';
import type { JoinThread } from '../../contract/api/runs.ts';
import type { RunRequest } from '../../contract/domain/run.ts';
import type { RunQuery } from '../../contract/store/store.ts';
import { findAgentId } from '../shared/agent-reference.ts';
import { answersOf, eventStream, streamOver, success } from '../shared/answer-schemas.ts';
import { creationAnswer, emptyAnswer, jsonAnswer, listAnswer, runAnswerer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing, omitsInput, runParams } from '../shared/requests.ts';
import { originOf } from '../shared/run-create.ts';
import { hasWholeStream } from '../shared/wait-and-stream.ts';
import { encodeEvent, encodeOutput, encodeRun } from './encode.ts';
import { answers, type Requests, type RunCreate } from './schemas.ts';

/** The protocol's name, kept as the origin of its runs. */
export const acpV01 = 'acp-v0.1';

/** The operations on runs of ACP 0.1. */
export function createRunOperations(requests: Requests): readonly Operation[] {
  const { ErrorResponse: error, Run: run } = answers;
  const runAnswer = runAnswerer(encodeRun);
  const outputAnswer = runAnswerer(encodeOutput);
  return [
    operation({
      id: 'search_runs',
      method: 'POST',
      path: '/runs/search',
      summary: 'Search Runs',
      params: nothing,
      query: nothing,
      body: requests.runSearch,
      answers: answersOf(error, success(z.array(run)), [422]),
      countsAsStream: true,
      handle: async (api, { body: { agent_id, select, ...filter }, tenant }) => {
        const agentId = findAgentId(api, agent_id);
        // No agent has this name, so no run matches.
        if (agentId === null) return jsonAnswer([]);
        const query: RunQuery = { ...filter, tenant, agentId, omitInput: omitsInput(select) };
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
      body: requests.runCreate,
      takes: ['Idempotency-Key'],
      answers: answersOf(error, success(run), [404, 409, 422]),
      handle: async (api, { body, tenant, idempotencyKey }) => {
        const thread = joinThread(body);
        const command = { tenant, agent: body.agent_id, request: decodeRequest(body), thread, idempotencyKey };
        const creation = await api.runs.create(command);
        return creationAnswer(creation, encodeRun(creation.run));
      },
    }),
    operation({
      id: 'get_run',
      method: 'GET',
      path: '/runs/:run_id',
      summary: 'Get a previously created Run',
      params: runParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(run), [404, 409, 422]),
      handle: async (api, { params, tenant }) => runAnswer(await api.runs.get({ tenant, runId: params.run_id })),
    }),
    operation({
      id: 'get_run_output',
      method: 'GET',
      path: '/runs/:run_id/output',
      summary: 'Retrieve last output of a run if available',
      params: runParams,
      query: requests.output,
      body: noBody,
      answers: answersOf(
        error,
        { ...success(answers.RunOutput), 204: { description: 'No output yet' } },
        [404, 409, 422],
      ),
      countsAsStream: true,
      handle: async (api, request) => {
        const key = { tenant: request.tenant, runId: request.params.run_id };
        const blockMs = (request.query.block_timeout ?? 0) * 1000;
        // The signal has a cost, which a call that does not wait can save.
        const run = blockMs === 0 ? await api.runs.get(key) : await api.runs.wait(key, blockMs, request.signal);
        if (run.status === 'pending') return { kind: 'empty', status: 204, runId: run.runId, waiting: run.waiting };
        return outputAnswer(run, { runId: run.runId });
      },
    }),
    operation({
      id: 'get_run_stream',
      method: 'GET',
      path: '/runs/:run_id/stream',
      summary: 'Stream the run output',
      params: runParams,
      query: nothing,
      body: noBody,
      takes: ['Last-Event-ID'],
      answers: answersOf(error, { ...eventStream(answers.StreamEvent), ...streamOver }, [404, 409, 422]),
      handle: async (api, { params, tenant, afterSeq }) => {
        const runId = params.run_id;
        if (afterSeq > 0 && hasWholeStream(await api.runs.get({ tenant, runId }), afterSeq)) return emptyAnswer;
        return {
          kind: 'stream',
          events: await api.runs.watch({ tenant, runId }, afterSeq),
          runId,
          encode: encodeEvent,
        };
      },
    }),
    operation({
      id: 'resume_run',
      method: 'POST',
      path: '/runs/:run_id',
      summary: 'Resume an interrupted Run',
      params: runParams,
      query: nothing,
      body: requests.resumePayload,
      takes: ['Idempotency-Key'],
      answers: answersOf(error, success(run), [404, 409, 422]),
      handle: async (api, { params, body, tenant, idempotencyKey: mark }) => {
        const resumed = await api.runs.resume({ tenant, runId: params.run_id }, body, { mark });
        return runAnswer(resumed.run, { replayed: resumed.replayed });
      },
    }),
    operation({
      id: 'delete_run',
      method: 'DELETE',
      path: '/runs/:run_id',
      summary: 'Delete a run. If running, cancel and then delete.',
      params: runParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(run), [404, 409, 422]),
      handle: async (api, { params, tenant }) =>
        jsonAnswer(encodeRun(await api.runs.delete({ tenant, runId: params.run_id }))),
    }),
  ];
}

function decodeRequest({ input, metadata, config, webhook, streaming }: RunCreate): RunRequest {
  // The later protocols call this mode `values`, so that is how it is kept.
  const mode = streaming === 'result' ? 'values' : streaming;
  const origin = originOf(acpV01, webhook, mode === undefined ? {} : { stream_mode: mode });
  return { input, metadata, config, webhook, origin };
}

/** The protocol admits a run to a thread that exists and has no pending run. */
function joinThread({ thread_id: threadId }: RunCreate): JoinThread | undefined {
  return threadId === undefined || threadId === null
    ? undefined
    : { threadId, ifNotExists: 'reject', whenBusy: 'reject' };
}
