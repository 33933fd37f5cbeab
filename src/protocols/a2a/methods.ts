import type { z } from 'zod';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { EventBatches, SentEvent } from '../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import { A2aRefusal } from './errors.ts';
import { encodePushConfig, isPushConfig, newWebhookOf } from './push-configs.ts';
import { methodParams, type PushConfig } from './schemas.ts';
import { type Client, deliver, isNamed, type SendOptions, settle } from './send-message.ts';
import { listTasks } from './task-list.ts';
import { findTask, type TaskScope } from './task-lookup.ts';
import { followTask, viewTask } from './task-views.ts';
import { directMessageOf } from './tasks.ts';
import type { Version } from './versions.ts';

export type MethodOptions = SendOptions & { readonly maxListBytes: number };

export type Call = TaskScope & { readonly client: Client; readonly version: Version; readonly options: MethodOptions };

/** What a method gives, in the words of 1.0. A stream is opened by the binding, which wraps each of its objects. */
export type Result =
  | { readonly kind: 'value'; readonly value: JsonObject; readonly run?: Run; readonly replayed?: boolean }
  | {
      readonly kind: 'stream';
      readonly run: Run;
      readonly replayed?: boolean;
      readonly open: (wrap: (response: JsonObject) => Json) => Promise<EventBatches<SentEvent>>;
    };

type Method<Params> = {
  readonly params: z.ZodType<Params>;
  readonly call: (call: Call, params: Params) => Promise<Result>;
};

/** Checks the types of a row where it is written, and erases them for the table. */
function method<Params>(row: Method<Params>): Method<unknown> {
  return row as Method<unknown>;
}

/** The methods of 1.0. Their params are checked before they are called. */
export const methods = {
  SendMessage: method({
    params: methodParams.send,
    call: async (call, params) => {
      const { run, replayed } = await deliver(call, params, call.client, call.options);
      const settled = await settle(call, run, params.configuration, call.client);
      const { historyLength } = params.configuration ?? {};
      const message = isNamed(params.message.taskId) ? null : directMessageOf(settled);
      const value: JsonObject =
        message === null ? { task: await viewTask(call, settled, { historyLength }) } : { message };
      return { kind: 'value', value, run: settled, replayed };
    },
  }),
  SendStreamingMessage: method({
    params: methodParams.send,
    call: async (call, params) => {
      const { run, replayed } = await deliver(call, params, call.client, call.options);
      return { ...streamOf(call, run), replayed };
    },
  }),
  GetTask: method({
    params: methodParams.get,
    call: async (call, { id, historyLength }) => {
      const run = await findTask(call, id, 'poll');
      return { kind: 'value', value: await viewTask(call, run, { historyLength }), run };
    },
  }),
  ListTasks: method({
    params: methodParams.list,
    call: async (call, params) => {
      const view = { historyLength: params.historyLength, omitArtifacts: params.includeArtifacts !== true };
      const { api, options } = call;
      const value = await listTasks(call, params, {
        maxListBytes: options.maxListBytes,
        encode: async (row) => await viewTask(call, await api.runs.get(row), view),
      });
      return { kind: 'value', value };
    },
  }),
  CancelTask: method({
    params: methodParams.task,
    call: async (call, { id }) => {
      const found = await findTask(call, id);
      if (found.phase === 'done') throw new A2aRefusal('TASK_NOT_CANCELABLE', 'it is over');
      const run = await call.api.runs.cancel(keyOf(found), { action: 'interrupt', wait: false });
      const { phase, outcome } = run;
      // It may have ended by itself meanwhile.
      if (phase === 'done' && (outcome?.kind !== 'error' || outcome.errcode !== errcodes.cancelled))
        throw new A2aRefusal('TASK_NOT_CANCELABLE', 'it is over');
      return { kind: 'value', value: await viewTask(call, run), run };
    },
  }),
  SubscribeToTask: method({
    params: methodParams.task,
    call: async (call, { id }) => {
      const run = await findTask(call, id);
      if (run.phase === 'done') throw new A2aRefusal('UNSUPPORTED_OPERATION', 'the task is over');
      return streamOf(call, run);
    },
  }),
  CreateTaskPushNotificationConfig: method({
    params: methodParams.createPushConfig,
    call: async (call, { taskId, ...config }) => {
      const run = await findPushed(call, taskId);
      const webhook = await call.api.runs.putWebhook(keyOf(run), newWebhookOf(config satisfies PushConfig));
      return { kind: 'value', value: encodePushConfig(run.runId, webhook) };
    },
  }),
  GetTaskPushNotificationConfig: method({
    params: methodParams.pushConfig,
    call: async (call, { taskId, id }) => {
      const run = await findPushed(call, taskId);
      const webhook = (await call.api.runs.webhooks(keyOf(run))).find((each) => each.id === id && isPushConfig(each));
      if (webhook === undefined)
        throw new A2aRefusal('TASK_NOT_FOUND', 'the task has no such push notification config');
      return { kind: 'value', value: encodePushConfig(run.runId, webhook) };
    },
  }),
  ListTaskPushNotificationConfigs: method({
    params: methodParams.listPushConfigs,
    call: async (call, { taskId }) => {
      const run = await findPushed(call, taskId);
      const webhooks = (await call.api.runs.webhooks(keyOf(run))).filter(isPushConfig);
      const configs = webhooks.map((each) => encodePushConfig(run.runId, each));
      return { kind: 'value', value: { configs, nextPageToken: '' } };
    },
  }),
  DeleteTaskPushNotificationConfig: method({
    params: methodParams.pushConfig,
    call: async (call, { taskId, id }) => {
      const run = await findPushed(call, taskId);
      const isOwn = (await call.api.runs.webhooks(keyOf(run))).some((each) => each.id === id && isPushConfig(each));
      // One that is gone already is as wanted.
      if (isOwn) await call.api.runs.removeWebhook(keyOf(run), id);
      return { kind: 'value', value: {} };
    },
  }),
  GetExtendedAgentCard: method({
    params: methodParams.nothing,
    call: async ({ version }) => {
      throw new A2aRefusal(version === '1.0' ? 'UNSUPPORTED_OPERATION' : 'EXTENDED_AGENT_CARD_NOT_CONFIGURED');
    },
  }),
} as const satisfies Readonly<Record<string, Method<unknown>>>;

export type MethodName = keyof typeof methods;

function streamOf(call: Call, run: Run): Extract<Result, { kind: 'stream' }> {
  return { kind: 'stream', run, open: (wrap) => followTask(call, run, wrap) };
}

async function findPushed(call: Call, taskId: string): Promise<Run> {
  if (!call.options.pushes) throw new A2aRefusal('PUSH_NOTIFICATION_NOT_SUPPORTED');
  return await findTask(call, taskId);
}
