import type { ThreadEvent } from '../../src/contract/domain/event.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { absentId, agentId, eventOf, runId, runOf, type ScriptedApi, type ScriptedStream } from './scripted-api.ts';
import { itemKey, itemOf } from './scripted-items.ts';
import { checkpointId, checkpointOf, threadId, threadOf } from './scripted-threads.ts';

/** One call of one operation, and what the protocol's document says of its answer. */
export type Case = {
  readonly operation: string;
  readonly status: number;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: Json;
  /** Puts the core into the state that the call needs. */
  readonly prepare?: (api: ScriptedApi) => void;
};

/** A status of a document that the gateway has no occasion to answer with. */
export type Unreached = { readonly operation: string; readonly status: number; readonly why: string };

export const known = { run_id: runId, thread_id: threadId, agent_id: agentId };
const absent = { run_id: absentId, thread_id: absentId, agent_id: absentId };
const malformed = { run_id: 'x', thread_id: 'x', agent_id: 'x'.repeat(257) };

const said: readonly Json[] = [
  { role: 'user', content: 'what does it cost?' },
  { role: 'assistant', content: [{ type: 'text', text: '9.50' }], id: 'm-2' },
];

export const succeeded: Partial<Run> = {
  status: 'success',
  phase: 'done',
  outcome: { kind: 'result', value: { price: 9.5, messages: said } },
};
export const failed: Partial<Run> = {
  status: 'timeout',
  phase: 'done',
  outcome: { kind: 'error', errcode: 1001, description: 'too late' },
};
export const interrupted: Partial<Run> = {
  status: 'interrupted',
  phase: 'interrupted',
  outcome: { kind: 'interrupt', payload: { ask: 'sure?' } },
};

export function become(changes: Partial<Run>): (api: ScriptedApi) => void {
  return (api) => {
    api.runs.born = changes;
    api.runs.byId.set(runId, runOf({ ...changes, threadId }));
    api.runs.script = fill;
  };
}

/** A run in a thread that has lived. */
export function live(api: ScriptedApi): void {
  become({})(api);
  const state = { values: { price: 9.5 }, messages: said };
  api.threads.byId.set(threadId, threadOf({ ...state, status: 'error', metadata: { team: 'a' } }));
  api.threads.checkpoints.push(checkpointOf({ ...state, runId }), checkpointOf({ metadata: { by: 'patch' } }));
}

export function busy(api: ScriptedApi): void {
  live(api);
  api.threads.byId.set(threadId, threadOf({ status: 'busy', activeRunId: runId }));
}

function fill(stream: ScriptedStream): void {
  stream
    .give([eventOf(1, { kind: 'phase', phase: 'queued' }), eventOf(2, { kind: 'partial', value: { step: 1 } })])
    .give([eventOf(3, { kind: 'result', value: { price: 9.5, messages: said } }, 'success')])
    .give(null);
}

/** Calls that a document answers alike wherever it has them: found, not found, not valid. */
export function readCases(operation: string, prepare = live): readonly Case[] {
  return [
    { operation, status: 200, params: known, prepare },
    { operation, status: 404, params: absent, prepare },
    { operation, status: 422, params: malformed, prepare },
  ];
}

export function searchCases(operation: string, filter: Json): readonly Case[] {
  return [
    { operation, status: 200, body: {}, prepare: live },
    { operation, status: 200, body: filter, prepare: live },
    { operation, status: 422, body: { limit: 0 }, prepare: live },
  ];
}

/** `bodies` are answered with 200; one with an agent that is not there is 404, one with an unknown member 422. */
export function creationCases(operation: string, bodies: readonly Json[], conflict: Json): readonly Case[] {
  return [
    ...bodies.map((body) => ({ operation, status: 200, params: known, body, prepare: become(succeeded) })),
    { operation, status: 200, params: known, body: bodies[0] ?? {}, prepare: become(failed) },
    { operation, status: 200, params: known, body: bodies[0] ?? {}, prepare: become(interrupted) },
    { operation, status: 404, params: known, body: { agent_id: absentId } },
    { operation, status: 409, params: known, body: conflict, prepare: busy },
    { operation, status: 422, params: known, body: { inptu: {} } },
  ];
}

export function deletionCases(operation: string, status: number): readonly Case[] {
  return [
    { operation, status, params: known, prepare: live },
    { operation, status: 404, params: absent },
    { operation, status: 422, params: malformed },
  ];
}

export function resumeCases(operation: string): readonly Case[] {
  return [
    { operation, status: 200, params: known, body: { approved: true }, prepare: become(interrupted) },
    { operation, status: 404, params: absent, body: {} },
    { operation, status: 409, params: known, body: {}, prepare: live },
    { operation, status: 422, params: malformed, body: {} },
  ];
}

export function cancelCases(operation: string): readonly Case[] {
  return [
    { operation, status: 204, params: known, prepare: live },
    { operation, status: 204, params: known, query: 'wait=true&action=rollback', prepare: live },
    { operation, status: 404, params: absent },
    { operation, status: 422, params: known, query: 'action=stop', prepare: live },
  ];
}

export function threadCases(patch: Json): readonly Case[] {
  return [
    { operation: 'create_thread', status: 200, body: { metadata: { team: 'a' } } },
    { operation: 'create_thread', status: 200, body: { thread_id: threadId, if_exists: 'do_nothing' }, prepare: live },
    { operation: 'create_thread', status: 409, body: { thread_id: threadId } },
    { operation: 'create_thread', status: 422, body: { if_exists: 'maybe' } },
    ...searchCases('search_threads', { metadata: { team: 'a' }, values: { price: 9.5 }, status: 'idle', limit: 5 }),
    ...readCases('get_thread_history'),
    { operation: 'get_thread_history', status: 200, params: known, query: 'limit=1000', prepare: live },
    { operation: 'get_thread_history', status: 422, params: known, query: 'limit=0', prepare: live },
    ...readCases('copy_thread'),
    ...readCases('get_thread'),
    { operation: 'get_thread', status: 200, params: known },
    ...deletionCases('delete_thread', 204),
    { operation: 'patch_thread', status: 200, params: known, body: patch, prepare: live },
    { operation: 'patch_thread', status: 404, params: absent, body: {} },
    { operation: 'patch_thread', status: 422, params: known, body: { values: null } },
  ];
}

/** Items of the Agent Protocol's Store. */
export function storeCases(): readonly Case[] {
  const { namespace, key } = itemKey;
  const remember = (api: ScriptedApi): void => {
    api.items.items.push(itemOf(), itemOf({ namespace: [], key: '', value: {} }));
  };
  const at = 'namespace=memories&namespace=user-1&key=likes';
  return [
    { operation: 'put_item', status: 204, body: { namespace, key, value: { deep: [{ a: null }] } } },
    { operation: 'put_item', status: 204, body: { namespace: [], key, value: {} }, prepare: remember },
    { operation: 'put_item', status: 422, body: { namespace, key, value: 'text' } },
    { operation: 'delete_item', status: 204, body: { namespace, key }, prepare: remember },
    { operation: 'delete_item', status: 204, body: { key: '' }, prepare: remember },
    { operation: 'delete_item', status: 404, body: { namespace, key } },
    { operation: 'delete_item', status: 422, body: { namespace } },
    { operation: 'get_item', status: 200, query: at, prepare: remember },
    { operation: 'get_item', status: 200, query: 'key=', prepare: remember },
    { operation: 'get_item', status: 404, query: at },
    { operation: 'get_item', status: 422, query: 'namespace=memories', prepare: remember },
    ...searchCases('search_items', { namespace_prefix: namespace, filter: { kind: 'taste' }, limit: 5, offset: 0 }),
    { operation: 'search_items', status: 200, body: { namespace_prefix: null, filter: null }, prepare: remember },
    ...searchCases('list_namespaces', { prefix: ['memories'], suffix: ['user-1'], max_depth: 1, limit: 1000 }),
    { operation: 'list_namespaces', status: 200, body: {}, prepare: remember },
  ];
}

const threadEvents: readonly ThreadEvent[] = [
  { ...eventOf(1, { kind: 'phase', phase: 'queued' }), threadSeq: 2 },
  { ...eventOf(2, { kind: 'partial', value: 'text' }), threadSeq: 4 },
  { ...eventOf(3, { kind: 'interrupt', payload: { ask: 'sure?' } }, 'interrupted'), threadSeq: 5 },
  { ...eventOf(4, { kind: 'phase', phase: 'resuming', note: 'answered' }), threadSeq: 6 },
  { ...eventOf(5, { kind: 'result', value: { price: 9.5, messages: said } }, 'success'), threadSeq: 7 },
  { ...eventOf(2, { kind: 'error', errcode: 1000, description: 'cancelled' }, 'error'), threadSeq: 9 },
];

/** A thread with a run that waits for an answer, a history, and events of every kind. */
export function streamed(api: ScriptedApi): void {
  live(api);
  api.runs.byId.set(runId, runOf({ ...interrupted, threadId, lastSeq: 3 }));
  api.threads.byId.set(threadId, threadOf({ values: { price: 9.5 }, messages: said, activeRunId: runId }));
  api.threads.events = threadEvents;
}

function command(method: string, params?: Json, prepare: Case['prepare'] = streamed): Case {
  const body = { id: 7, method, ...(params === undefined ? {} : { params }) };
  return { operation: 'send_thread_streaming_command', status: 200, params: known, body, prepare };
}

/** The Agent Protocol's stream and commands of a thread. */
export function streamingCases(): readonly Case[] {
  const channels = [
    ...['values', 'updates', 'messages', 'tools', 'lifecycle', 'input', 'checkpoints', 'tasks', 'custom'],
    'custom:phase',
  ];
  const stream = 'open_thread_sse_stream';
  const socket = 'open_thread_websocket_stream';
  const send = 'send_thread_streaming_command';
  return [
    { operation: stream, status: 200, params: known, body: { channels }, prepare: streamed },
    {
      ...{ operation: stream, status: 200, params: known, prepare: streamed },
      body: { channels: ['lifecycle'], namespaces: [['a'], []], depth: 0, since: 1, later: true },
    },
    { operation: stream, status: 404, params: absent, body: { channels } },
    { operation: stream, status: 422, params: known, body: { channels: [] } },
    { operation: stream, status: 422, params: known, body: { channels: ['token'] } },
    { operation: socket, status: 404, params: absent },
    { operation: socket, status: 422, params: known },
    command('run.start', { agent_id: agentId, input: {}, config: { configurable: { a: 1 } } }, live),
    command('run.start', { input: {} }, busy),
    command('run.start', { agent_id: absentId }, live),
    command('input.respond', { interrupt_id: `${runId}.3`, response: { approved: true } }),
    command('input.respond', { responses: [{ namespace: [], response: 'yes' }] }),
    command('input.respond', { interrupt_id: `${runId}.2`, response: 'too late' }),
    command('input.respond', { response: 'yes' }, live),
    command('state.get'),
    command('state.get', { keys: ['price', 'absent'] }),
    command('state.listCheckpoints', { limit: 5, before: checkpointId }),
    command('state.listCheckpoints', { limit: 0 }),
    command('state.fork', { checkpoint_id: checkpointId, input: { url: 'x' } }),
    command('state.fork', { checkpoint_id: absentId }),
    command('input.inject', { namespace: [], message: { role: 'user', content: 'hi' } }),
    command('agent.getTree', {}),
    command('subscription.subscribe', { channels: ['values'] }),
    command('run.stop', {}),
    { operation: send, status: 404, params: absent, body: { id: 1, method: 'state.get' } },
    { operation: send, status: 422, params: known, body: { method: 'state.get' } },
  ];
}
