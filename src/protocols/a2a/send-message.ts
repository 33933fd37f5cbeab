import { toInput } from '../../agents/chat.ts';
import { findTextPlace } from '../../agents/text-property.ts';
import type { Decoded } from '../../contract/api/protocol.ts';
import type { CreatedRun, CreateRun } from '../../contract/api/runs.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { awaitEnd, keyOf } from '../shared/wait-and-stream.ts';
import { A2aRefusal } from './errors.ts';
import { type Content, keepMessage, keptMember, present, readContent } from './messages.ts';
import { newWebhookOf } from './push-configs.ts';
import type { Message, SendParams } from './schemas.ts';
import { contextIdOf, findTask, type TaskScope } from './task-lookup.ts';

/** The protocol's name, kept as the origin of its runs. */
export const a2a = 'a2a';

export type SendOptions = {
  /** A message that comes again under its id is the same one. */
  readonly uniqueMessageIds: boolean;
  readonly pushes: boolean;
};

export type Client = Pick<Decoded<unknown, unknown, unknown>, 'signal' | 'clientLeft' | 'idempotencyKey'>;

/** Begins a task with a message, or goes on with the one that it names. Durable when it resolves. */
export async function deliver(
  scope: TaskScope,
  { message, configuration, metadata }: SendParams,
  client: Client,
  { uniqueMessageIds, pushes }: SendOptions,
): Promise<CreatedRun> {
  const content = readContent(message);
  const push = configuration?.taskPushNotificationConfig;
  if (push !== undefined && !pushes) throw new A2aRefusal('PUSH_NOTIFICATION_NOT_SUPPORTED');
  const webhooks = push === undefined ? undefined : [newWebhookOf(push)];
  if (isNamed(message.taskId)) {
    const mark = client.idempotencyKey ?? (uniqueMessageIds ? `${a2a} ${message.messageId}` : undefined);
    return await answerTask(scope, { message, content, webhooks, mark });
  }
  const { api, agent, tenant } = scope;
  const { contextId, messageId } = message;
  const command: CreateRun = {
    tenant,
    agent: agent.agentId,
    request: {
      input: await inputOf(agent, message, content),
      metadata,
      // Its context outlives the task.
      ...(isNamed(contextId) ? {} : { onCompletion: 'keep' }),
      origin: { protocol: a2a, extra: extraOf(message, configuration?.acceptedOutputModes) },
    },
    thread: isNamed(contextId)
      ? { name: contextId, agentId: agent.agentId, ifNotExists: 'create', whenBusy: 'enqueue' }
      : undefined,
    // A space stands in no key that a client sends as a header.
    idempotencyKey: client.idempotencyKey ?? (uniqueMessageIds ? `a2a ${agent.agentId} ${messageId}` : undefined),
    webhooks,
  };
  return await namingPush(() => api.runs.create(command));
}

/** Calls with a push notification config; an error that names its URL names the place of it in the message's request. */
async function namingPush<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'invalid_request' || error.path !== 'url') throw error;
    const detail = error.detail?.slice('url '.length);
    throw new GatewayError(error.code, { path: `configuration/taskPushNotificationConfig/${error.path}`, detail });
  }
}

/** The task once it is over or asks, unless the client wants it at once. */
export async function settle(
  { api }: TaskScope,
  run: Run,
  configuration: SendParams['configuration'],
  client: Client,
): Promise<Run> {
  return configuration?.returnImmediately === true ? run : await awaitEnd(api, keyOf(run), client);
}

function extraOf(message: Message, acceptedOutputModes: readonly string[] | undefined): JsonObject {
  return present({ [keptMember]: keepMessage(message), a2a_accepted_output_modes: acceptedOutputModes });
}

/** Clients of Protocol Buffers send empty texts for what is not there. */
export function isNamed(id: string | undefined): id is string {
  return id !== undefined && id !== '';
}

async function inputOf(agent: Agent, message: Message, { text, data }: Content): Promise<Json> {
  if (data !== undefined && !isJsonObject(data)) {
    if (text === undefined) return data;
    throw new A2aRefusal('INVALID_PARAMS', 'has a text, and data that is no object', 'message.parts');
  }
  const { messageId: id, metadata } = message;
  const said = present({ id, role: 'user', content: text ?? '', metadata });
  return await toInput(agent, { text: text ?? '', messages: [said], data });
}

type TaskAnswer = {
  readonly message: Message;
  readonly content: Content;
  readonly webhooks: CreateRun['webhooks'];
  /** Names the answer; undefined: it is known by nothing but its task. */
  readonly mark: string | undefined;
};

async function answerTask(scope: TaskScope, { message, content, webhooks, mark }: TaskAnswer): Promise<CreatedRun> {
  const { api, agent } = scope;
  const run = await findTask(scope, message.taskId ?? '');
  const { contextId } = message;
  if (isNamed(contextId) && contextId !== contextIdOf(run) && contextId !== run.threadId)
    throw new A2aRefusal('INVALID_PARAMS', 'is not the context of the task', 'message.contextId');
  const isOver = run.phase === 'done';
  for (const webhook of isOver ? [] : (webhooks ?? []))
    await namingPush(() => api.runs.putWebhook(keyOf(run), webhook));
  try {
    return await api.runs.resume(keyOf(run), payloadOf(agent, run, content), {
      mark,
      // The payload depends on what is asked, which is over when the message comes again.
      identity: present(content),
      extra: { [keptMember]: keepMessage(message) },
    });
  } catch (error) {
    if (isOver && error instanceof GatewayError && error.code === 'run_not_interrupted')
      throw new A2aRefusal('UNSUPPORTED_OPERATION', 'the task is over');
    throw error;
  }
}

/** What an interrupted agent gets of a message: its data, else its text where the schema of the answer has a place for one. */
function payloadOf({ schemas }: Agent, { outcome }: Run, { text, data }: Content): Json {
  if (data !== undefined) return text !== undefined && isJsonObject(data) ? { text, ...data } : data;
  const answer = text ?? '';
  const asked = outcome?.kind === 'interrupt' ? outcome.payload : null;
  const type = isJsonObject(asked) ? asked.interrupt_type : undefined;
  const schema = schemas.interrupts.find((each) => each.type === type)?.resumePayload;
  if (schema === undefined) return answer;
  const { isWhole, property, missing } = findTextPlace(schema);
  return isWhole || property === undefined || missing.length > 0 ? answer : { [property]: answer };
}
