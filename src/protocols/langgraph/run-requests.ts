import { z } from 'zod';
import { maxWaitSeconds } from '../../contract/domain/clock.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { agentReference } from '../shared/agent-reference.ts';
import { asksNothing } from '../shared/decisive-members.ts';
import { closed, flag, json, jsonObject, queryPage, type RequestOptions, uuid, webhook } from '../shared/requests.ts';
import { listOf } from './query-lists.ts';

/** `messages` and `messages-tuple` are two forms of the same; of the last five a vendor reports nothing. */
export const streamModes = [
  ...['values', 'updates', 'messages', 'messages-tuple', 'custom'],
  ...['events', 'debug', 'tasks', 'checkpoints', 'tools'],
] as const;
export type StreamMode = (typeof streamModes)[number];

const mode = z.enum(streamModes);

export function isStreamMode(name: string): name is StreamMode {
  return mode.safeParse(name).success;
}

const runStatuses = ['pending', 'running', 'success', 'error', 'timeout', 'interrupted'] as const;
const runMembers = [
  ...['run_id', 'thread_id', 'assistant_id', 'created_at', 'updated_at'],
  ...['status', 'metadata', 'kwargs', 'multitask_strategy'],
] as const;

/** What every client may write out as long as it asks for nothing, because no vendor takes it. */
function unused(reason: string, isEmpty: (value: Json) => boolean, schemas: readonly JsonObject[]) {
  return json
    .refine((value) => value === null || isEmpty(value), reason)
    .optional()
    .meta({ override: { anyOf: [{ type: 'null' }, ...schemas] } });
}

const emptyList = { type: 'array', maxItems: 0 };
const stop = unused('decides where the run stops to ask, and no vendor takes that', asksNothing, [emptyList]);
const noCheckpoint = unused(
  'decides which state the run continues, and a run without a thread has none',
  asksNothing,
  [],
) as z.ZodType<null | undefined>;
const noUpdate = unused(
  'changes the state of a run, and no vendor takes that',
  (value) => asksNothing(value) || (isJsonObject(value) && Object.keys(value).length === 0),
  [emptyList, { type: 'object', maxProperties: 0 }],
);
/** Where a run goes on is decided by the vendor; it can only be told to end. */
const target = unused(
  'decides where the run goes on, and no vendor takes that; only __end__ is known',
  (value) => value === '' || [value].flat().every((each) => each === '__end__'),
  [
    { type: 'string', enum: ['', '__end__'] },
    { type: 'array', items: { type: 'string', enum: ['__end__'] } },
  ],
);

const command = z.looseObject({ resume: json.optional(), update: noUpdate, goto: target });

/** Members of a run's creation, in a thread or without one. */
function creationMembers({ unknownFields }: RequestOptions) {
  return {
    assistant_id: agentReference,
    input: json.optional(),
    command: command.nullish(),
    metadata: jsonObject.nullish(),
    config: closed(
      {
        tags: z.array(z.string()).nullish(),
        recursion_limit: z.int().nullish(),
        configurable: jsonObject.nullish(),
        metadata: jsonObject.nullish(),
      },
      unknownFields,
    ).nullish(),
    context: jsonObject.nullish(),
    webhook: webhook(65_536).nullish(),
    interrupt_before: stop,
    interrupt_after: stop,
    stream_mode: z.union([mode, z.array(mode), z.null()]).optional(),
    stream_subgraphs: z.boolean().nullish(),
    stream_resumable: z.boolean().nullish(),
    multitask_strategy: z.enum(['reject', 'rollback', 'interrupt', 'enqueue']).nullish(),
    if_not_exists: z.enum(['create', 'reject']).nullish(),
    after_seconds: z.number().min(0).max(maxWaitSeconds).nullish(),
    on_completion: z.enum(['delete', 'keep']).nullish(),
    on_disconnect: z.enum(['cancel', 'continue']).nullish(),
    feedback_keys: z.array(z.string()).nullish(),
    durability: z.enum(['sync', 'async', 'exit']).nullish(),
    checkpoint_during: z.boolean().nullish(),
    strict_resume: z.boolean().nullish(),
    langsmith_tracer: jsonObject.nullish(),
  };
}

const checkpoint = z.looseObject({ checkpoint_id: z.string().nullish() });

/** Schemas of requests about runs. */
export function createRunRequests(options: RequestOptions) {
  const { unknownFields } = options;
  const members = creationMembers(options);
  const cancelled = { status: z.enum(['pending', 'running', 'all']) };
  const named = { thread_id: uuid, run_ids: z.array(uuid).max(1000) };
  const action = z.enum(['interrupt', 'rollback']).default('interrupt');
  return {
    stateless: closed({ ...members, checkpoint: noCheckpoint, checkpoint_id: noCheckpoint }, unknownFields),
    stateful: closed(
      { ...members, checkpoint: checkpoint.nullish(), checkpoint_id: z.string().nullish() },
      unknownFields,
    ),
    // The SDK for JavaScript repeats the assistant in its own spelling.
    batch: z
      .array(
        closed(
          {
            ...members,
            checkpoint: noCheckpoint,
            checkpoint_id: noCheckpoint,
            assistantId: agentReference.optional(),
          },
          unknownFields,
        ),
      )
      .max(100),
    list: closed(
      {
        ...queryPage,
        status: z.enum(runStatuses).optional(),
        select: listOf(runMembers),
      },
      unknownFields,
    ),
    join: closed({ cancel_on_disconnect: flag }, unknownFields),
    stream: closed(
      {
        cancel_on_disconnect: flag,
        stream_mode: listOf(streamModes),
        // What a run of one node has no use for.
        namespace: z.union([z.string(), z.array(z.string())]).optional(),
        checkpoint_id: z.string().optional(),
      },
      unknownFields,
    ),
    cancel: closed({ wait: flag, action, reason: z.string().optional() }, unknownFields),
    cancelMany: z.union([
      closed({ ...cancelled, thread_id: uuid.nullish(), run_ids: z.array(uuid).max(1000).nullish() }, unknownFields),
      closed({ ...named, status: z.null().optional() }, unknownFields),
    ]),
    cancelManyQuery: closed({ action }, unknownFields),
  };
}

export type RunRequests = ReturnType<typeof createRunRequests>;
/** A creation, whose checkpoint only a thread has. */
export type RunBody = z.output<RunRequests['stateful']>;
