import type { Api } from '../../contract/api/api.ts';
import type { Answer, Decoded, Operation } from '../../contract/api/protocol.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import { answersOf, eventStream, success } from '../shared/answer-schemas.ts';
import { operation } from '../shared/operation.ts';
import { noBody } from '../shared/requests.ts';
import { taskPath } from './agent-card.ts';
import { A2aRefusal, describeError, encodeHttpError } from './errors.ts';
import { type MethodName, type MethodOptions, methods } from './methods.ts';
import {
  agentParams,
  answers,
  listQuery,
  methodParams,
  pushConfigBody,
  pushConfigParams,
  taskParams,
  taskQuery,
  versionQuery,
} from './schemas.ts';
import { readVersion, requireCurrent, versionHeader, versionParameter } from './versions.ts';

type Request = Decoded<{ readonly agent: string }, { readonly [versionParameter]?: string | undefined }, unknown>;

const error = answers.Status;

/** The methods of 1.0 as paths of their own, under the same address as JSON-RPC. */
export function createHttpOperations(options: MethodOptions): readonly Operation[] {
  const path = '/:agent/tasks/:run_id';
  const pushPath = `${path}/pushNotificationConfigs`;
  const call = async (api: Api, request: Request, name: MethodName, params: unknown): Promise<Answer> =>
    await answerHttp(api, request, { name, params, options });
  const send = { method: 'POST', params: agentParams, query: versionQuery, body: methodParams.send } as const;
  const onConfig = { params: pushConfigParams, query: versionQuery, body: noBody } as const;
  const onTask = { params: taskParams, query: versionQuery, body: noBody } as const;
  const subscribe = {
    ...onTask,
    path: `${path}:subscribe`,
    summary: 'Subscribe to a task',
    description:
      'Streams a task that is not over: first as it is now, then what changes. It ends with the task, and with the next question of the agent.',
    answers: answersOf(error, eventStream(answers.StreamResponse), [400, 404]),
    handle: async (api: Api, request: Request & { readonly params: { readonly run_id: string } }) =>
      await call(api, request, 'SubscribeToTask', { id: request.params.run_id }),
  };
  return [
    operation({
      ...send,
      id: 'send_message',
      path: '/:agent/message:send',
      summary: 'Send a message',
      description:
        'Begins a task, or answers the question of the one that it names. It is answered once the task is over or asks, or at once with `returnImmediately`.',
      answers: answersOf(error, success(answers.SendMessageResponse), [400, 404, 409, 415]),
      takes: ['Idempotency-Key'],
      countsAsStream: true,
      handle: async (api, request) => await call(api, request, 'SendMessage', request.body),
    }),
    operation({
      ...send,
      id: 'send_streaming_message',
      path: '/:agent/message:stream',
      summary: 'Send a message and stream its task',
      description: 'The same, and streams the task: first as it is now, then what changes.',
      answers: answersOf(error, eventStream(answers.StreamResponse), [400, 404, 409, 415]),
      takes: ['Idempotency-Key'],
      handle: async (api, request) => await call(api, request, 'SendStreamingMessage', request.body),
    }),
    operation({
      id: 'list_tasks',
      method: 'GET',
      path: '/:agent/tasks',
      summary: 'List tasks',
      description: 'Returns the tasks of the agent, the ones that changed last first, a page at a time.',
      params: agentParams,
      query: listQuery,
      body: noBody,
      answers: answersOf(error, success(answers.ListTasksResponse), [400, 404]),
      handle: async (api, request) => {
        const { [versionParameter]: _, ...params } = request.query;
        return await call(api, request, 'ListTasks', params);
      },
    }),
    // Before the task itself, whose path matches this one too.
    operation({ ...subscribe, id: 'subscribe_to_task_by_get', method: 'GET' }),
    operation({
      id: 'get_task',
      method: 'GET',
      path,
      summary: 'Get a task',
      description: 'Returns the task as it is now. The vendor is asked more often for a task that is asked for.',
      params: taskParams,
      query: taskQuery,
      body: noBody,
      answers: answersOf(error, success(answers.Task), [400, 404]),
      handle: async (api, request) => {
        const { params, query } = request;
        return await call(api, request, 'GetTask', { id: params.run_id, historyLength: query.historyLength });
      },
    }),
    operation({
      ...onTask,
      id: 'cancel_task',
      method: 'POST',
      path: `${path}:cancel`,
      summary: 'Cancel a task',
      description: 'Ends a task that is not over as canceled.',
      answers: answersOf(error, success(answers.Task), [400, 404, 409]),
      handle: async (api, request) => await call(api, request, 'CancelTask', { id: request.params.run_id }),
    }),
    operation({ ...subscribe, id: 'subscribe_to_task', method: 'POST' }),
    operation({
      ...onTask,
      id: 'create_push_notification_config',
      method: 'POST',
      path: pushPath,
      summary: 'Create a push notification config',
      description: 'Adds a receiver that is called with the task whenever its state changes.',
      body: pushConfigBody,
      answers: answersOf(error, success(answers.TaskPushNotificationConfig), [400, 404]),
      handle: async (api, request) => {
        const params = { ...request.body, taskId: request.params.run_id };
        return await call(api, request, 'CreateTaskPushNotificationConfig', params);
      },
    }),
    operation({
      ...onTask,
      id: 'list_push_notification_configs',
      method: 'GET',
      path: pushPath,
      summary: 'List push notification configs',
      description: 'Returns the receivers of the task.',
      answers: answersOf(error, success(answers.ListTaskPushNotificationConfigsResponse), [400, 404]),
      handle: async (api, request) =>
        await call(api, request, 'ListTaskPushNotificationConfigs', { taskId: request.params.run_id }),
    }),
    operation({
      ...onConfig,
      id: 'get_push_notification_config',
      method: 'GET',
      path: `${pushPath}/:config_id`,
      summary: 'Get a push notification config',
      description: 'Returns one receiver of the task.',
      answers: answersOf(error, success(answers.TaskPushNotificationConfig), [400, 404]),
      handle: async (api, request) => {
        const { run_id: taskId, config_id: id } = request.params;
        return await call(api, request, 'GetTaskPushNotificationConfig', { taskId, id });
      },
    }),
    operation({
      ...onConfig,
      id: 'delete_push_notification_config',
      method: 'DELETE',
      path: `${pushPath}/:config_id`,
      summary: 'Delete a push notification config',
      description: 'Removes a receiver of the task, which gets nothing more. One that is gone already stays so.',
      answers: answersOf(error, success(answers.Empty), [400, 404]),
      handle: async (api, request) => {
        const { run_id: taskId, config_id: id } = request.params;
        return await call(api, request, 'DeleteTaskPushNotificationConfig', { taskId, id });
      },
    }),
    operation({
      id: 'get_extended_agent_card',
      method: 'GET',
      path: '/:agent/extendedAgentCard',
      summary: 'Get the extended agent card',
      description: 'Is refused: agents have one card.',
      params: agentParams,
      query: versionQuery,
      body: noBody,
      answers: { 400: { description: 'There is none', schema: error } },
      handle: async (api, request) => await call(api, request, 'GetExtendedAgentCard', undefined),
    }),
  ];
}

type Called = { readonly name: MethodName; readonly params: unknown; readonly options: MethodOptions };

/** Calls a method with params that its route has checked. Errors of the gateway are answered where all are. */
async function answerHttp(api: Api, request: Request, { name, params, options }: Called): Promise<Answer> {
  const { query, tenant } = request;
  try {
    const agent = api.agents.get(request.params.agent);
    const version = readVersion(request.header(versionHeader), query[versionParameter]);
    requireCurrent(version);
    const result = await methods[name].call({ api, agent, tenant, client: request, version, options }, params);
    const { run, replayed = false } = result;
    const waiting = run?.waiting;
    const headers = run === undefined ? undefined : { 'Content-Location': taskPath(agent, run.runId) };
    return result.kind === 'value'
      ? { kind: 'json', status: 200, body: result.value, replayed, waiting, headers }
      : { kind: 'events', events: await result.open(asIs), replayed, waiting, headers };
  } catch (thrown) {
    const described = thrown instanceof A2aRefusal ? describeError(thrown) : null;
    if (described === null) throw thrown;
    return { kind: 'json', status: described.http, body: encodeHttpError(described) };
  }
}

function asIs(response: JsonObject): JsonObject {
  return response;
}
