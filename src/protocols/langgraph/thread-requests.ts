import { z } from 'zod';
import { type ThreadSort, threadStatuses } from '../../contract/domain/thread.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { closed, flag, json, jsonObject, page, queryPage, type RequestOptions, uuid } from '../shared/requests.ts';
import { listOf } from './query-lists.ts';
import { extractPath } from './thread-extract.ts';

/** As many as LangGraph takes. */
const maxExtracted = 10;

const sortKeys = {
  thread_id: 'threadId',
  status: 'status',
  created_at: 'createdAt',
  updated_at: 'updatedAt',
  state_updated_at: 'stateUpdatedAt',
} as const satisfies Readonly<Record<string, ThreadSort['by']>>;
type SortKey = keyof typeof sortKeys;

const threadMembers = [
  ...['thread_id', 'created_at', 'updated_at', 'metadata', 'status', 'config', 'values', 'interrupts'],
] as const;

/** Ids that clients got from a state; other servers' are no UUIDs, and are just not found. */
const checkpointId = z.string().min(1).max(256);
const checkpoint = z.looseObject({ checkpoint_id: checkpointId.nullish() });
/** A checkpoint's id, the checkpoint, or a config that has it: the clients differ. */
const before = z
  .union([checkpointId, z.looseObject({ checkpoint_id: checkpointId }), z.looseObject({ configurable: checkpoint })])
  .transform((given): string | null => {
    if (typeof given === 'string') return given;
    if ('checkpoint_id' in given) return given.checkpoint_id as string;
    return isJsonObject(given.configurable) ? ((given.configurable.checkpoint_id as string | null) ?? null) : null;
  })
  .meta({ override: {} });

/** Refused, because a client that sends one relies on the thread being gone. */
const ttl = json
  .refine((value) => value === null, 'must be null: threads are kept until they are deleted')
  .optional()
  .meta({ override: { type: 'null' } });
/** What is there is kept whole: the states of a thread show each of its runs, which need the one before. */
const strategy = z.literal('delete', 'must be delete: a thread is kept with all of its states, or not at all');
/** One object, or several that are merged in their order. */
const values = z.union([jsonObject, z.array(jsonObject), z.null()]).optional();
const update = z.looseObject({ values, command: z.null().optional(), as_node: z.string().nullish() });
const filter = {
  ids: z.array(uuid).max(1000).nullish(),
  metadata: jsonObject.nullish(),
  values: jsonObject.nullish(),
  status: z.enum(threadStatuses).nullish(),
};

const threadStreamModes = ['run_modes', 'lifecycle', 'state_update'] as const;
/** What a stream of a thread has: its runs whole, their beginnings and ends, the states that clients write. */
export type ThreadStreamMode = (typeof threadStreamModes)[number];
const streamMode = listOf(threadStreamModes);

/** Schemas of requests about threads and their states. */
export function createThreadRequests({ unknownFields }: RequestOptions) {
  const metadata = jsonObject.nullish();
  const create = {
    thread_id: uuid.nullish(),
    metadata,
    if_exists: z.enum(['raise', 'do_nothing']).nullish(),
    ttl,
    supersteps: z
      .array(z.looseObject({ updates: z.array(update).max(100) }))
      .max(100)
      .nullish(),
  };
  const search = {
    ...filter,
    ...page,
    sort_by: z.enum(Object.keys(sortKeys) as SortKey[]).nullish(),
    sort_order: z.enum(['asc', 'desc']).nullish(),
    select: z.array(z.enum(threadMembers)).max(threadMembers.length).nullish(),
    extract: z
      .record(z.string(), z.string().max(500).regex(extractPath))
      .refine((paths) => Object.keys(paths).length <= maxExtracted, `has more than ${maxExtracted} paths`)
      .nullish(),
  };
  const stateUpdate = {
    values,
    as_node: z.string().nullish(),
    checkpoint: checkpoint.nullish(),
    checkpoint_id: checkpointId.nullish(),
  };
  const history = { before: before.nullish(), metadata, checkpoint: checkpoint.nullish() };
  return {
    create: closed(create, unknownFields).prefault({}),
    patch: closed({ metadata, ttl }, unknownFields),
    search: closed(search, unknownFields).prefault({}),
    count: closed(filter, unknownFields).prefault({}),
    prune: closed({ thread_ids: z.array(uuid).min(1).max(1000), strategy: strategy.default('delete') }, unknownFields),
    state: closed({ subgraphs: flag }, unknownFields),
    /** The SDKs send `stream_mode`; LangGraph's document says `stream_modes`. */
    stream: closed({ stream_mode: streamMode, stream_modes: streamMode }, unknownFields),
    stateAt: closed({ checkpoint, subgraphs: z.union([z.boolean(), z.string()]).nullish() }, unknownFields),
    stateUpdate: closed(stateUpdate, unknownFields),
    history: closed({ limit: page.limit, ...history }, unknownFields).prefault({}),
    historyQuery: closed({ limit: queryPage.limit, before: checkpointId.optional() }, unknownFields),
  };
}

export type ThreadRequests = ReturnType<typeof createThreadRequests>;

/** Newest first, as LangGraph sorts. */
export function sortOf(body: {
  sort_by?: SortKey | null | undefined;
  sort_order?: string | null | undefined;
}): ThreadSort {
  return { by: sortKeys[body.sort_by ?? 'created_at'], isAscending: body.sort_order === 'asc' };
}
