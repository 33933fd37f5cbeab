import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { busy, type Case, interrupted, live, storeCases, streamed } from './conformance-cases.ts';
import { absentId, agentId, runId, runOf, type ScriptedApi } from './scripted-api.ts';
import { itemKey } from './scripted-items.ts';
import { checkpointId, newThreadId, threadId, threadOf } from './scripted-threads.ts';

const known = { thread_id: threadId, assistant_id: agentId, checkpoint_id: checkpointId, namespace: 'a', cron_id: 'c' };
const absent = { thread_id: absentId, assistant_id: absentId, checkpoint_id: absentId, namespace: 'a' };
const malformed = { thread_id: 'x', assistant_id: 'x'.repeat(257), checkpoint_id: 'x'.repeat(257), namespace: 'a' };

function ofOne(operation: string, more: Partial<Case> = {}): readonly Case[] {
  return [
    { operation, status: 200, params: known, prepare: live, ...more },
    { operation, status: 404, params: absent, prepare: live, ...more },
    { operation, status: 422, params: malformed, prepare: live, ...more },
  ];
}

/** A thread in each of its states, with what its last run has to say. */
function asking(api: ScriptedApi): void {
  live(api);
  api.runs.byId.set(runId, runOf({ ...interrupted, threadId, lastSeq: 3 }));
  api.threads.byId.set(threadId, threadOf({ status: 'interrupted', activeRunId: runId, agentId, values: { a: 1 } }));
}

function failing(api: ScriptedApi): void {
  live(api);
  const outcome = { kind: 'error', errcode: 1003, description: 'no such page' } as const;
  api.runs.byId.set(runId, runOf({ threadId, status: 'error', phase: 'done', outcome, request: { input: { b: 2 } } }));
  api.threads.byId.set(threadId, threadOf({ status: 'error', agentId }));
}

function empty(api: ScriptedApi): void {
  api.threads.byId.set(threadId, threadOf({}));
}

const states = [live, asking, failing, busy, empty];
const search = { operation: 'search_assistants', status: 200 };
const named = 'price-scraper';

export const assistantCases: readonly Case[] = [
  { ...search },
  { ...search, body: { graph_id: named, name: 'SCRAPER', metadata: { created_by: 'system' }, limit: 1 } },
  { ...search, body: { sort_by: 'name', sort_order: 'asc', select: ['assistant_id', 'name'], offset: 1 } },
  { ...search, body: { metadata: null, graph_id: null, name: null, select: null, sort_by: null } },
  { ...search, status: 422, body: { limit: 0 } },
  { ...search, status: 422, body: { select: ['secret'] } },
  { operation: 'count_assistants', status: 200, body: { graph_id: named } },
  { operation: 'count_assistants', status: 422, body: { name: 1 } },
  ...ofOne('get_assistant'),
  { operation: 'get_assistant', status: 200, params: { ...known, assistant_id: named } },
  ...ofOne('get_assistant_graph', { query: 'xray=true' }),
  ...ofOne('get_assistant_schemas'),
  ...ofOne('get_assistant_subgraphs', { query: 'recurse=true' }),
  ...ofOne('get_assistant_subgraphs_by_namespace'),
  ...ofOne('list_assistant_versions', { body: {} }),
  { operation: 'list_assistant_versions', status: 200, params: known, body: { metadata: { created_by: 'me' } } },
];

const found = { operation: 'search_threads', status: 200 };
const everything: JsonObject = {
  ...{ ids: [threadId], metadata: { team: 'a' }, values: { a: 1 }, status: 'interrupted', limit: 5, offset: 0 },
  ...{ sort_by: 'state_updated_at', sort_order: 'asc', select: ['thread_id', 'interrupts', 'values'] },
};
const create = { operation: 'create_thread', status: 200 };
const steps = (values: Json): Json => ({
  thread_id: newThreadId,
  supersteps: [{ updates: [{ values, as_node: 'a' }] }],
});

export const threadCases: readonly Case[] = [
  { ...create },
  { ...create, body: { thread_id: newThreadId, metadata: { team: 'a' }, if_exists: 'do_nothing', ttl: null } },
  ...[5, { ttl: 5, strategy: 'delete' }].map((ttl) => ({ ...create, status: 422, body: { ttl } })),
  { ...create, body: { thread_id: threadId, if_exists: 'do_nothing', metadata: null, supersteps: [] } },
  { ...create, body: steps({ messages: [{ type: 'human', content: 'hi' }], a: 1 }) },
  { ...create, status: 409, body: { thread_id: threadId } },
  { ...create, status: 422, body: { thread_id: 'x' } },
  { ...create, status: 422, body: steps('text') },
  ...states.map((prepare) => ({ ...found, body: {}, prepare })),
  { ...found, body: everything, prepare: asking },
  { ...found, body: { metadata: { graph_id: named }, limit: 100, offset: 0 }, prepare: live },
  { ...found, body: { select: ['thread_id'], extract: { said: 'values.messages[-1].content' } }, prepare: live },
  { ...found, status: 422, body: { extract: { tenant: 'tenant' } } },
  {
    ...found,
    status: 422,
    body: { extract: Object.fromEntries(Array.from({ length: 11 }, (_, at) => [at, 'values'])) },
  },
  { ...found, status: 422, body: { sort_by: 'name' } },
  { ...found, status: 422, body: { limit: 1001 } },
  { operation: 'count_threads', status: 200, body: { status: 'idle', metadata: {} } },
  { operation: 'count_threads', status: 422, body: { status: 'sleepy' } },
  { operation: 'prune_threads', status: 200, body: { thread_ids: [threadId, absentId] }, prepare: live },
  { operation: 'prune_threads', status: 200, body: { thread_ids: [threadId], strategy: 'delete' }, prepare: busy },
  { operation: 'prune_threads', status: 422, body: { thread_ids: [threadId], strategy: 'keep_latest' } },
  ...states.flatMap((prepare) => ofOne('get_thread', { prepare })),
  ...ofOne('patch_thread', { body: { metadata: { b: 2 }, ttl: null } }),
  { operation: 'patch_thread', status: 200, params: known, body: {}, prepare: live },
  { operation: 'delete_thread', status: 204, params: known, prepare: live },
  { operation: 'delete_thread', status: 404, params: absent },
  { operation: 'delete_thread', status: 409, params: known, prepare: busy },
  { operation: 'delete_thread', status: 422, params: malformed },
  ...ofOne('join_thread_stream', { prepare: streamed }),
  ...[
    'stream_mode=run_modes',
    'stream_modes=lifecycle,state_update',
    'stream_mode=lifecycle&stream_mode=run_modes',
  ].map((query) => ({ operation: 'join_thread_stream', status: 200, params: known, query, prepare: streamed })),
  { operation: 'join_thread_stream', status: 422, params: known, query: 'stream_mode=values' },
  ...ofOne('copy_thread'),
  { operation: 'copy_thread', status: 200, params: known, body: {}, prepare: live },
];

const update = { operation: 'update_thread_state' };
const history = { operation: 'get_thread_history_post', status: 200, params: known };

export const stateCases: readonly Case[] = [
  ...states.flatMap((prepare) => ofOne('get_latest_thread_state', { prepare, query: 'subgraphs=true' })),
  ...ofOne('get_thread_state'),
  { operation: 'get_thread_state', status: 200, params: { ...known, checkpoint_id: runId }, prepare: asking },
  { operation: 'get_thread_state', status: 404, params: { ...known, checkpoint_id: absentId }, prepare: live },
  ...ofOne('post_thread_state', { body: { checkpoint: { checkpoint_id: checkpointId, checkpoint_ns: '' } } }).filter(
    ({ status }) => status !== 404,
  ),
  ...[true, false, 'true'].map((subgraphs) => ({
    ...{ operation: 'post_thread_state', status: 200, params: known, prepare: live },
    body: { checkpoint: { thread_id: threadId, checkpoint_ns: '' }, subgraphs },
  })),
  { operation: 'post_thread_state', status: 404, params: absent, body: { checkpoint: {} } },
  ...ofOne(update.operation, { body: { values: { a: 2 }, as_node: '__start__' } }),
  { ...update, status: 200, params: known, prepare: live, body: { values: null, checkpoint_id: checkpointId } },
  { ...update, status: 200, params: known, prepare: asking, body: { checkpoint: { checkpoint_id: runId } } },
  {
    ...{ ...update, status: 200, params: known, prepare: live },
    body: { values: [{ messages: { role: 'user', content: 'hi' } }, { b: 1 }] },
  },
  { ...update, status: 422, params: known, prepare: live, body: { values: 'text' } },
  {
    ...update,
    status: 422,
    params: known,
    prepare: live,
    body: { values: { messages: [{ type: 'remove', content: '' }] } },
  },
  ...states.flatMap((prepare) => ofOne('get_thread_history', { prepare, query: `limit=1&before=${checkpointId}` })),
  ...states.map((prepare) => ({ operation: 'get_thread_history', status: 200, params: known, prepare })),
  ...ofOne('get_thread_history_post', { body: { limit: 10 } }),
  { ...history, prepare: asking, body: { before: runId, metadata: { source: 'loop' } } },
  { ...history, prepare: live, body: { before: { configurable: { checkpoint_id: checkpointId } }, checkpoint: {} } },
  { ...history, prepare: live, body: { before: { checkpoint_id: checkpointId, thread_id: threadId } } },
  { ...history, status: 422, body: { limit: 0 } },
];

const { namespace, key } = itemKey;
const put = { operation: 'put_item', body: { namespace, key, value: { a: 1 } } };

/** The store with the members that LangGraph's clients send in addition. */
export const itemCases: readonly Case[] = [
  // An item that is not there is null to LangGraph's clients.
  ...storeCases().map((each) =>
    each.operation === 'get_item' && each.status === 404 ? { ...each, status: 200 } : each,
  ),
  { ...put, status: 204, body: { ...put.body, index: ['a'] } },
  { ...put, status: 422, body: { ...put.body, ttl: 60 } },
  { ...put, status: 204, body: { ...put.body, index: false, ttl: null } },
  { ...put, status: 422, body: { ...put.body, index: 'a' } },
  { operation: 'search_items', status: 200, body: { query: null, refresh_ttl: true, namespace_prefix: namespace } },
  { operation: 'search_items', status: 422, body: { query: 'what tastes like this' } },
];

const reading = ['create_assistant', 'set_latest_assistant_version', 'patch_assistant', 'create_cron'].concat([
  'create_thread_cron',
  'search_crons',
  'count_crons',
  'patch_cron',
]);

export const unsupportedCases: readonly Case[] = [
  ...reading.map((operation) => ({ operation, status: 501, params: known, body: { assistant_id: agentId } })),
  ...['delete_assistant', 'delete_cron'].map((operation) => ({ operation, status: 501, params: known })),
];
