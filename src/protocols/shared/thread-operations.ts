import { z } from 'zod';
import type { Operation } from '../../contract/api/protocol.ts';
import type { ThreadPatch } from '../../contract/api/threads.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Checkpoint, Thread, ThreadQuery } from '../../contract/domain/thread.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { answersOf, anyMessage, anyObject, done, id, instant, success, threadStatus } from './answer-schemas.ts';
import { emptyAnswer, encodeRows, encodeTimes, jsonAnswer, listAnswer } from './answers.ts';
import { operation } from './operation.ts';
import {
  closed,
  jsonObject,
  messages,
  noBody,
  nothing,
  page,
  type RequestOptions,
  selectValues,
  threadParams,
  uuid,
  wholeNumberOr,
} from './requests.ts';
import { asMessages } from './values.ts';

/** Where the threads of ACP 0.2 and the Agent Protocol differ. */
export type ThreadOperationOptions = RequestOptions & {
  readonly error: z.ZodType;
  /** What values may be, in requests and in answers. */
  readonly values: z.ZodType<Json>;
  readonly schemas: ReturnType<typeof threadSchemas>;
  encodeValues(values: Json): Json;
  /** Whether a patch replaces the state or is merged into it. */
  readonly patchMode: ThreadPatch['mode'];
};

type Encoder = ThreadOperationOptions['encodeValues'];

const checkpointRow = z.object({ checkpoint: z.object({ checkpoint_id: z.string() }) });

/** The operations on threads of ACP 0.2 and the Agent Protocol: the same paths, the same objects. */
export function createThreadOperations(options: ThreadOperationOptions): readonly Operation[] {
  const { error, unknownFields, encodeValues, values } = options;
  const { Thread: thread, ThreadState: state } = options.schemas;
  const metadata = jsonObject.optional();
  const checkpoint = z.looseObject({ checkpoint_id: uuid });
  const requests = {
    create: { thread_id: uuid.optional(), metadata, if_exists: z.enum(['raise', 'do_nothing']).default('raise') },
    search: {
      metadata,
      values: jsonObject.optional(),
      status: threadStatus.optional(),
      select: selectValues,
      ...page,
    },
    patch: {
      checkpoint: checkpoint.optional(),
      metadata,
      values: values.optional(),
      messages: messages.optional(),
    },
    history: { limit: wholeNumberOr(10, { minimum: 1, maximum: 1000 }), before: uuid.optional() },
  };
  return [
    operation({
      id: 'create_thread',
      method: 'POST',
      path: '/threads',
      summary: 'Create an empty Thread',
      params: nothing,
      query: nothing,
      body: closed(requests.create, unknownFields),
      answers: answersOf(error, success(thread), [409, 422]),
      handle: async (api, { body, tenant }) => {
        const { thread_id: threadId, metadata: given = {}, if_exists: ifExists } = body;
        return jsonAnswer(
          encodeThread(await api.threads.create({ tenant, threadId, metadata: given, ifExists }), encodeValues),
        );
      },
    }),
    operation({
      id: 'search_threads',
      method: 'POST',
      path: '/threads/search',
      summary: 'Search Threads',
      params: nothing,
      query: nothing,
      body: closed(requests.search, unknownFields).prefault({}),
      answers: answersOf(error, success(z.array(thread)), [422]),
      countsAsStream: true,
      handle: async (api, { body: { select, ...body }, tenant }) => {
        const query: ThreadQuery = { ...body, tenant, omitState: select?.includes('values') !== true };
        return listAnswer(api.threads.search(query), (each) => encodeThread(each, encodeValues), body);
      },
    }),
    operation({
      id: 'get_thread_history',
      method: 'GET',
      path: '/threads/:thread_id/history',
      summary: 'Get Thread History',
      params: threadParams,
      query: closed(requests.history, unknownFields),
      body: noBody,
      answers: answersOf(error, success(z.array(state)), [404, 422]),
      countsAsStream: true,
      handle: async (api, { params, query, tenant }) => {
        const { limit, before = null } = query;
        const rows = api.threads.history({ tenant, threadId: params.thread_id }, { limit, beforeId: before });
        return {
          kind: 'list',
          rows: encodeRows(rows, (each) => encodeCheckpoint(each, encodeValues)),
          limit,
          next: (_count, last) => ({ name: 'before', value: checkpointRow.parse(last).checkpoint.checkpoint_id }),
        };
      },
    }),
    operation({
      id: 'copy_thread',
      method: 'POST',
      path: '/threads/:thread_id/copy',
      summary: 'Copy Thread',
      params: threadParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(thread), [404, 422]),
      handle: async (api, { params, tenant }) =>
        jsonAnswer(encodeThread(await api.threads.copy({ tenant, threadId: params.thread_id }), encodeValues)),
    }),
    operation({
      id: 'get_thread',
      method: 'GET',
      path: '/threads/:thread_id',
      summary: 'Get Thread',
      params: threadParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(thread), [404, 422]),
      handle: async (api, { params, tenant }) =>
        jsonAnswer(encodeThread(await api.threads.get({ tenant, threadId: params.thread_id }), encodeValues)),
    }),
    operation({
      id: 'delete_thread',
      method: 'DELETE',
      path: '/threads/:thread_id',
      summary: 'Delete a thread. Fails while a run of it is pending.',
      params: threadParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, done, [404, 409, 422]),
      handle: async (api, { params, tenant }) => {
        await api.threads.delete({ tenant, threadId: params.thread_id });
        return emptyAnswer;
      },
    }),
    operation({
      id: 'patch_thread',
      method: 'PATCH',
      path: '/threads/:thread_id',
      summary: 'Patch Thread',
      params: threadParams,
      query: nothing,
      body: closed(requests.patch, unknownFields),
      answers: answersOf(error, success(thread), [404, 422]),
      handle: async (api, { params, body, tenant }) => {
        const { checkpoint: from, metadata: more, values: given, messages: said } = body;
        // The protocols ignore the checkpoint of a patch that is about metadata alone.
        const aboutMetadata = more !== undefined && given === undefined && said === undefined;
        const patch: ThreadPatch = {
          metadata: more,
          values: given,
          messages: said,
          mode: options.patchMode,
          checkpointId: aboutMetadata ? undefined : from?.checkpoint_id,
        };
        const key = { tenant, threadId: params.thread_id };
        return jsonAnswer(encodeThread(await api.threads.patch(key, patch), encodeValues));
      },
    }),
  ];
}

/** Schemas that both documents name; `values` is the schema of a thread's state. */
export function threadSchemas(values: z.ZodType) {
  const shared = { values: values.optional(), messages: z.array(anyMessage).optional() };
  return {
    Thread: z.object({
      thread_id: id,
      created_at: instant,
      updated_at: instant,
      metadata: anyObject,
      status: threadStatus,
      ...shared,
    }),
    ThreadState: z.object({
      checkpoint: z.object({ checkpoint_id: id }),
      ...shared,
      values,
      metadata: anyObject,
    }),
  };
}

function encodeThread(thread: Thread, encode: Encoder): JsonObject {
  return {
    thread_id: thread.threadId,
    ...encodeTimes(thread),
    metadata: thread.metadata,
    status: thread.status,
    ...(thread.values === null ? {} : { values: encode(withoutMessages(thread)) }),
    ...encodeMessages(thread),
  };
}

function encodeCheckpoint(checkpoint: Checkpoint, encode: Encoder): JsonObject {
  return {
    checkpoint: { checkpoint_id: checkpoint.checkpointId },
    values: encode(withoutMessages(checkpoint)),
    ...encodeMessages(checkpoint),
    metadata: checkpoint.metadata,
  };
}

type State = Pick<Thread, 'values' | 'messages'>;

/** `messages` is left out where the agent has none. */
function encodeMessages({ messages: said }: State): JsonObject {
  return said.length > 0 && asMessages(said) !== null ? { messages: said } : {};
}

/** The values without messages: the protocols have messages in one place, next to the values. */
function withoutMessages(state: State): Json {
  const { values } = state;
  if (!isJsonObject(values) || asMessages(values.messages) === null) return values;
  if (encodeMessages(state).messages === undefined) return values;
  const { messages: _beside, ...rest } = values;
  return rest;
}
