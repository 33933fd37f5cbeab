import { v7 as uuidV7 } from 'uuid';
import type { Operation } from '../../contract/api/protocol.ts';
import type { JoinThread } from '../../contract/api/runs.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { answersOf, anyValue, success } from '../shared/answer-schemas.ts';
import { jsonAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing } from '../shared/requests.ts';
import { encodeRun, encodeStarted, type Kind } from './encode.ts';
import { findAgent, findRun } from './found-agents.ts';
import { answers, namedParams, ownedParams, type Requests, runParams } from './schemas.ts';
import { sendEvent } from './send-event.ts';

const error = answers.Error;

/** The operations of agents and of workflows, which are alike but for their names, and the health of the engine. */
export function createOperations(requests: Requests): readonly Operation[] {
  return [
    ...createKindOperations('agent', requests),
    ...createKindOperations('workflow', requests),
    ...['/health', '/api/engine/health'].map((path, index) =>
      operation({
        id: index === 0 ? 'get_health' : 'get_engine_health',
        method: 'GET',
        path,
        summary: 'Say that the gateway answers',
        description: 'Says that the gateway answers. It says nothing of the vendors behind it.',
        params: nothing,
        query: nothing,
        body: noBody,
        answers: answersOf(error, success(answers.Health), []),
        handle: async () => jsonAnswer({ status: 'ok' }),
      }),
    ),
  ];
}

function createKindOperations(kind: Kind, requests: Requests): readonly Operation[] {
  const path = `/api/${kind}s/:name`;
  const read = {
    method: 'GET',
    query: nothing,
    body: noBody,
    answers: answersOf(error, success(answers.Run), [404]),
    summary: `Get a run of ${articleOf(kind)}`,
    description:
      'Returns the run as it is now. The vendor is asked more often for a run that was asked for within the last seconds.',
  } as const;
  return [
    operation({
      id: `start_${kind}`,
      method: 'POST',
      path,
      summary: `Start ${articleOf(kind)}`,
      description:
        'Starts a run and answers once it is stored. A request that is sent again with the same `Idempotency-Key` gets the run of the first one.',
      params: namedParams,
      query: nothing,
      body: requests.start,
      takes: ['Idempotency-Key'],
      answers: answersOf(error, success(answers.RunStarted), [404, 409, 422]),
      handle: async (api, { params: { name }, body, tenant, idempotencyKey }) => {
        const agent = findAgent(api, { tenant, kind, name });
        const request = { input: body.input };
        const thread = ownThread(agent);
        const created = await api.runs.create({ tenant, agent: agent.agentId, request, thread, idempotencyKey });
        const { run, replayed } = created;
        return { kind: 'json', status: 200, body: encodeStarted(run, kind), replayed, waiting: run.waiting };
      },
    }),
    operation({
      ...read,
      id: `get_${kind}_run`,
      path: `${path}/:run_id`,
      params: runParams,
      handle: async (api, { params: { name, run_id: runId }, tenant }) => {
        const { run } = await findRun(api, { tenant, kind, name, runId }, 'poll');
        return jsonAnswer(encodeRun(run, kind, name));
      },
    }),
    operation({
      ...read,
      id: `get_owned_${kind}_run`,
      path: `${path}/:ownerId/:run_id`,
      params: ownedParams,
      handle: async (api, { params: { name, ownerId, run_id: runId }, tenant }) => {
        const { run } = await findRun(api, { tenant, kind, name, ownerId, runId }, 'poll');
        return jsonAnswer(encodeRun(run, kind, name));
      },
    }),
    operation({
      id: `send_${kind}_event`,
      method: 'PUT',
      path: `${path}/:ownerId/:run_id`,
      summary: `Send an event to ${articleOf(kind)}`,
      description:
        'Resumes a run that waits for an event. An agent that lives as long as its thread gets a message, and its answer is the answer. The event `end` cancels the run, and ends such an agent.',
      params: ownedParams,
      query: nothing,
      body: requests.event,
      answers: answersOf(error, success(anyValue), [404, 409, 422]),
      countsAsStream: true,
      handle: async (api, request) => {
        const { name, ownerId, run_id: runId } = request.params;
        const { tenant, body } = request;
        const found = await findRun(api, { tenant, kind, name, ownerId, runId }, 'get');
        return await sendEvent(api, found, body, request);
      },
    }),
  ];
}

function articleOf(kind: Kind): string {
  return kind === 'agent' ? 'an agent' : 'a workflow';
}

/** An agent that lives as long as its thread is known by that, and a thread that the run made for itself would go with it. */
function ownThread({ capabilities }: Agent): JoinThread | undefined {
  return capabilities.session ? { threadId: uuidV7(), ifNotExists: 'create', whenBusy: 'enqueue' } : undefined;
}
