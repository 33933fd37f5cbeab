import { GatewayError } from '../../src/contract/domain/errors.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { become, busy, type Case, failed, interrupted, known, live, succeeded } from './conformance-cases.ts';
import { absentId, agentId, agentOf, runId, runOf, type ScriptedApi } from './scripted-api.ts';
import { checkpointId, threadId, threadOf } from './scripted-threads.ts';

const absent = { run_id: absentId, thread_id: absentId };
const malformed = { run_id: 'x', thread_id: 'x' };
const named = { assistant_id: agentId };

/** The agent takes messages, and the run is over in a moment. */
function chatting(run: Partial<Run>): (api: ScriptedApi) => void {
  return (api) => {
    become(run)(api);
    const input = { type: 'object', properties: { messages: { type: 'array' } } };
    api.agents.byId.set(agentId, agentOf({ schemas: { ...agentOf({}).schemas, input } }));
  };
}

function asking(api: ScriptedApi): void {
  live(api);
  api.runs.byId.set(runId, runOf({ ...interrupted, threadId, lastSeq: 3 }));
  api.threads.byId.set(threadId, threadOf({ status: 'interrupted', activeRunId: runId }));
}

function keyUnderWay(api: ScriptedApi): void {
  api.runs.failure = new GatewayError('idempotency_in_progress');
}

const everything: JsonObject = {
  ...named,
  input: { messages: [{ type: 'human', content: [{ type: 'text', text: 'hi' }], id: 'm-1' }, ['ai', 'yes']] },
  command: null,
  metadata: { team: 'a' },
  config: { tags: ['t'], recursion_limit: 25, configurable: { thread_id: threadId, a: 1 }, metadata: {} },
  context: { b: 2 },
  webhook: 'https://hooks.test/1',
  interrupt_before: [],
  interrupt_after: null,
  stream_mode: ['values', 'updates', 'messages', 'messages-tuple', 'custom', 'events', 'debug', 'tasks', 'checkpoints'],
  stream_subgraphs: false,
  stream_resumable: true,
  multitask_strategy: 'enqueue',
  if_not_exists: 'create',
  after_seconds: 0.5,
  on_completion: 'keep',
  on_disconnect: 'continue',
  feedback_keys: ['f'],
  durability: 'exit',
  checkpoint_during: false,
  strict_resume: true,
  langsmith_tracer: { project_name: 'p' },
};

/** Members that would make another run of it than the client means. */
const refusedMembers: readonly JsonObject[] = [
  { interrupt_before: '*' },
  { interrupt_after: ['act'] },
  { command: { update: { a: 1 } } },
  { command: { goto: 'act' } },
  { command: { goto: [{ node: 'act', input: 1 }] } },
  { stream_mode: 'tokens' },
  { multitask_strategy: 'wait' },
  { agent_id: agentId },
];

function creationCases(noun: 'thread_run' | 'stateless_run'): readonly Case[] {
  const isStateless = noun === 'stateless_run';
  return [`create_${noun}`, `stream_${noun}`, `wait_${noun}`].flatMap((operation): readonly Case[] => {
    const call = { operation, params: known };
    return [
      { ...call, status: 200, body: named, prepare: become(succeeded) },
      { ...call, status: 200, body: { ...named, input: [1] }, prepare: become(failed) },
      { ...call, status: 200, body: named, prepare: become(interrupted) },
      { ...call, status: 200, body: everything, prepare: chatting(succeeded) },
      {
        ...call,
        status: 200,
        body: { assistant_id: 'price-scraper', command: { goto: [] } },
        prepare: become(succeeded),
      },
      { ...call, status: 404, body: { assistant_id: absentId } },
      isStateless
        ? { ...call, status: 409, body: named, prepare: keyUnderWay }
        : { ...call, status: 409, body: { ...named, multitask_strategy: 'reject' }, prepare: busy },
      { ...call, status: 422, body: {} },
      ...refusedMembers.map((member): Case => ({ ...call, status: 422, body: { ...named, ...member } })),
      // Messages for an agent that has no place for them.
      { ...call, status: 422, body: { ...named, input: { messages: [{ type: 'human', content: 'hi' }] } } },
      { ...call, status: 422, body: { ...named, command: { resume: 'yes' } }, prepare: live },
      ...(isStateless
        ? [{ ...call, status: 422, body: { ...named, checkpoint: { checkpoint_id: checkpointId } } }]
        : threadCases(operation)),
    ];
  });
}

/** What only a thread has: a question to answer, and a state to continue. */
function threadCases(operation: string): readonly Case[] {
  const call = { operation, params: known };
  const answered = (command: Json): Case => ({ ...call, status: 200, body: { ...named, command }, prepare: resumable });
  return [
    answered({ resume: { approved: true } }),
    answered({ resume: { [`${runId}.3`]: 'yes' }, goto: [], lg_name: 'Command' }),
    answered({ goto: '__end__' }),
    { ...call, status: 422, body: { ...named, command: { resume: { [`${runId}.2`]: 'late' } } }, prepare: asking },
    { ...call, status: 422, body: { ...named, command: { goto: '__end__' } }, prepare: live },
    { ...call, status: 409, body: { ...named, input: null }, prepare: asking },
    { ...call, status: 200, body: { ...named, checkpoint: { checkpoint_id: checkpointId } }, prepare: lived },
    { ...call, status: 409, body: { ...named, checkpoint_id: absentId }, prepare: lived },
    { ...call, status: 404, params: absent, body: named },
    { ...call, status: 200, params: absent, body: { ...named, if_not_exists: 'create' }, prepare: become(succeeded) },
  ];
}

/** A thread with a history, in which a new run is over at once. */
function lived(api: ScriptedApi): void {
  live(api);
  become(succeeded)(api);
}

/** Answered or told to end, the run is over. */
function resumable(api: ScriptedApi): void {
  asking(api);
  const { resume, cancel } = api.runs;
  const over = runOf({ ...succeeded, threadId });
  api.runs.resume = async (key, payload) => {
    const resumed = await resume.call(api.runs, key, payload);
    api.runs.byId.set(runId, over);
    return { ...resumed, run: over };
  };
  api.runs.cancel = async (key, options) => {
    await cancel.call(api.runs, key, options);
    api.runs.byId.set(runId, over);
    return over;
  };
}

function ofRun(operation: string, states: readonly Partial<Run>[], more: Partial<Case> = {}): readonly Case[] {
  return [
    ...states.map((state) => ({ operation, status: 200, params: known, prepare: become(state), ...more })),
    { operation, status: 404, params: absent, prepare: live },
    { operation, status: 404, params: { ...known, thread_id: absentId }, prepare: live },
    { operation, status: 422, params: malformed },
  ];
}

const everyState = [{}, succeeded, failed, interrupted];
const ended = [succeeded, failed, interrupted];
const stream = 'join_thread_run_stream';
const stateless = 'join_stateless_run_stream';
const cancelled = { operation: 'cancel_runs', status: 204, prepare: live };
const batch = { operation: 'create_run_batch' };

/** Calls of every operation on runs. */
export const runCases: readonly Case[] = [
  ...creationCases('thread_run'),
  ...creationCases('stateless_run'),
  { operation: 'list_thread_runs', status: 200, params: known, prepare: live },
  ...['running', 'pending', 'success'].map((status) => ({
    ...{ operation: 'list_thread_runs', status: 200, params: known, prepare: live },
    query: `status=${status}&select=run_id&select=status&limit=5&offset=0`,
  })),
  // As the JavaScript SDK 2.0.0 sends a list.
  {
    ...{ operation: 'list_thread_runs', status: 200, params: known, prepare: live },
    query: `select=${encodeURIComponent('["run_id","status"]')}`,
  },
  { operation: 'list_thread_runs', status: 404, params: absent },
  { operation: 'list_thread_runs', status: 422, params: known, query: 'select=secret' },
  ...ofRun('get_thread_run', everyState),
  ...ofRun('delete_thread_run', [{}, succeeded], { status: 204 }),
  ...ofRun('join_thread_run', ended, { query: 'cancel_on_disconnect=1' }),
  ...ofRun(stream, [{}, succeeded], { query: 'stream_mode=values&stream_mode=messages-tuple&cancel_on_disconnect=0' }),
  { operation: stream, status: 200, params: known, query: 'stream_mode=updates,custom', prepare: become(succeeded) },
  { operation: stream, status: 422, params: known, query: 'stream_mode=tokens', prepare: live },
  { operation: stateless, status: 200, params: known, prepare: become(succeeded) },
  { operation: stateless, status: 404, params: absent },
  { operation: stateless, status: 422, params: malformed },
  ...ofRun('cancel_thread_run', [{}, succeeded], { status: 202, query: 'wait=0&action=rollback' }),
  { operation: 'cancel_thread_run', status: 204, params: known, query: 'wait=true&reason=taken', prepare: live },
  { operation: 'cancel_thread_run', status: 422, params: known, query: 'action=stop', prepare: live },
  ...['pending', 'running', 'all'].map((status) => ({ ...cancelled, query: 'action=interrupt', body: { status } })),
  { ...cancelled, body: { thread_id: threadId, run_ids: [runId] } },
  { ...cancelled, status: 404, body: { thread_id: threadId, run_ids: [absentId] } },
  { ...cancelled, status: 422, body: {} },
  { ...cancelled, status: 422, body: { thread_id: threadId } },
  { ...batch, status: 200, body: [] },
  { ...batch, status: 200, body: [named, { ...everything, assistantId: agentId }], prepare: chatting(succeeded) },
  { ...batch, status: 404, body: [named, { assistant_id: absentId }] },
  { ...batch, status: 409, body: [named], prepare: keyUnderWay },
  { ...batch, status: 422, body: [named, {}] },
  { ...batch, status: 422, body: Array.from({ length: 101 }, () => named) },
];
