import { z } from 'zod';
import { agentReference } from '../shared/agent-reference.ts';
import { anyObject, anyValue, instant } from '../shared/answer-schemas.ts';
import { flag, json, jsonObject, wholeNumber } from '../shared/requests.ts';
import { versionParameter } from './versions.ts';

/** Unknown members are ignored, as the protocol asks: it grows within a version. */
const text = z.string().max(65_536);
const name = z.string().min(1).max(256);

const part = z
  .object({
    text: z.string().optional(),
    raw: z.string().optional(),
    url: z.string().optional(),
    data: json.optional(),
    filename: z.string().optional(),
    mediaType: z.string().optional(),
    metadata: jsonObject.optional(),
  })
  .meta({ id: 'Part', description: 'Exactly one of text, raw, url and data.' });

const message = z
  .object({
    messageId: name.meta({ description: "The sender's id of the message: one that comes again makes no second task." }),
    contextId: z.string().max(255).optional(),
    taskId: z.string().max(256).optional(),
    role: z.enum(['ROLE_USER', 'ROLE_AGENT']),
    parts: z.array(part).min(1),
    metadata: jsonObject.optional(),
    extensions: z.array(text).optional(),
    referenceTaskIds: z.array(text).optional(),
  })
  .meta({ id: 'Message' });

const authentication = z.object({ scheme: name, credentials: text.optional() });

const pushConfig = z
  .object({
    id: z.string().max(256).optional(),
    taskId: z.string().max(256).optional(),
    url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(65_536),
    token: z.string().max(4096).optional(),
    authentication: authentication.optional(),
  })
  .meta({ id: 'TaskPushNotificationConfig' });

const historyLength = z.int().min(0).max(1000);

const sendConfiguration = z.object({
  acceptedOutputModes: z.array(text).optional(),
  taskPushNotificationConfig: pushConfig.optional(),
  historyLength: historyLength.optional(),
  returnImmediately: z.boolean().optional(),
});

const state = z
  .enum([
    'TASK_STATE_UNSPECIFIED',
    'TASK_STATE_SUBMITTED',
    'TASK_STATE_WORKING',
    'TASK_STATE_COMPLETED',
    'TASK_STATE_FAILED',
    'TASK_STATE_CANCELED',
    'TASK_STATE_INPUT_REQUIRED',
    'TASK_STATE_REJECTED',
    'TASK_STATE_AUTH_REQUIRED',
  ])
  .meta({ id: 'TaskState' });

const taskId = z.string().min(1).max(256);
const pageSize = z.int().min(1).max(100);
const pageToken = z.string().max(512);
const timestamp = z.iso.datetime({ offset: true });

/** What each method takes. Over HTTP the same members stand in the path, the query and the body. */
export const methodParams = {
  send: z.object({ message, configuration: sendConfiguration.optional(), metadata: jsonObject.optional() }),
  get: z.object({ id: taskId, historyLength: historyLength.optional() }),
  list: z.object({
    contextId: z.string().max(255).optional(),
    status: state.optional(),
    pageSize: pageSize.optional(),
    pageToken: pageToken.optional(),
    historyLength: historyLength.optional(),
    statusTimestampAfter: timestamp.optional(),
    includeArtifacts: z.boolean().optional(),
  }),
  task: z.object({ id: taskId }),
  createPushConfig: pushConfig.extend({ taskId }),
  pushConfig: z.object({ taskId, id: z.string().min(1).max(256) }),
  listPushConfigs: z.object({ taskId }),
  nothing: z.object({}).optional(),
} as const;

export type SendParams = z.output<typeof methodParams.send>;
export type ListParams = z.output<typeof methodParams.list>;
export type Message = SendParams['message'];
export type Part = Message['parts'][number];
export type PushConfig = z.output<typeof pushConfig>;

/** The body of a config, whose task stands in the path. */
export const pushConfigBody = pushConfig;

const agent = { agent: agentReference };
const task = { ...agent, run_id: taskId };

export const agentParams = z.object(agent);
export const taskParams = z.object(task);
export const pushConfigParams = z.object({ ...task, config_id: z.string().min(1).max(256) });

const version = { [versionParameter]: z.string().max(32).optional() };

export const versionQuery = z.object(version);
export const taskQuery = z.object({
  ...version,
  historyLength: wholeNumber({ minimum: 0, maximum: 1000 }).optional(),
});
export const listQuery = z.object({
  ...version,
  contextId: z.string().max(255).optional(),
  status: state.optional(),
  pageSize: wholeNumber({ minimum: 1, maximum: 100 }).optional(),
  pageToken: pageToken.optional(),
  historyLength: wholeNumber({ minimum: 0, maximum: 1000 }).optional(),
  statusTimestampAfter: timestamp.optional(),
  includeArtifacts: flag,
});

const rpcId = z.union([z.string().max(256), z.int(), z.null()]);
/** Only its outside: what a method takes is checked once its name and the version are known. */
export const rpcRequest = z
  .object({ jsonrpc: z.literal('2.0'), id: rpcId, method: z.string().min(1).max(128), params: json.optional() })
  .meta({ id: 'JsonRpcRequest' });

const artifact = z
  .looseObject({ artifactId: z.string(), name: z.string().optional(), parts: z.array(anyObject) })
  .meta({ id: 'Artifact' });
const answeredMessage = z
  .looseObject({ messageId: z.string(), role: z.string(), parts: z.array(anyObject) })
  .meta({ id: 'AnsweredMessage' });
const status = z.object({ state, message: answeredMessage.optional(), timestamp: instant });
const answeredTask = z
  .object({
    id: z.string(),
    contextId: z.string(),
    status,
    artifacts: z.array(artifact).optional(),
    history: z.array(answeredMessage).optional(),
    metadata: anyObject.optional(),
  })
  .meta({ id: 'Task' });
const update = { taskId: z.string(), contextId: z.string(), metadata: anyObject.optional() };

const streamResponse = z
  .object({
    task: answeredTask.optional(),
    message: answeredMessage.optional(),
    statusUpdate: z.object({ ...update, status }).optional(),
    artifactUpdate: z
      .object({ ...update, artifact, append: z.boolean().optional(), lastChunk: z.boolean().optional() })
      .optional(),
  })
  .meta({ id: 'StreamResponse' });

const errorStatus = z
  .object({
    error: z.object({ code: z.int(), status: z.string(), message: z.string(), details: z.array(anyObject) }),
  })
  .meta({ id: 'Status' });

const card = z
  .looseObject({ name: z.string(), description: z.string(), version: z.string() })
  .meta({ id: 'AgentCard' });

const rpcAnswer = z
  .looseObject({
    jsonrpc: z.literal('2.0'),
    id: rpcId,
    result: anyValue.optional(),
    error: z.object({ code: z.int(), message: z.string(), data: z.array(anyObject).optional() }).optional(),
  })
  .meta({ id: 'JsonRpcResponse' });

export const answers = {
  Task: answeredTask,
  SendMessageResponse: z
    .object({ task: answeredTask.optional(), message: answeredMessage.optional() })
    .meta({ id: 'SendMessageResponse' }),
  StreamResponse: streamResponse,
  ListTasksResponse: z
    .object({
      tasks: z.array(answeredTask),
      nextPageToken: z.string(),
      pageSize: z.int(),
      totalSize: z.int(),
    })
    .meta({ id: 'ListTasksResponse' }),
  TaskPushNotificationConfig: pushConfig,
  ListTaskPushNotificationConfigsResponse: z
    .object({ configs: z.array(pushConfig), nextPageToken: z.string() })
    .meta({ id: 'ListTaskPushNotificationConfigsResponse' }),
  AgentCard: card,
  Empty: z.object({}),
  Status: errorStatus,
  JsonRpcResponse: rpcAnswer,
  /** By the binding. */
  Error: z.union([errorStatus, rpcAnswer]).meta({ id: 'Error' }),
};
