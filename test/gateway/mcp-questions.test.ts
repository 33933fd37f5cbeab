import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { type Answered, asking, eventually, type McpSite, openMcp, resultOf, tasking } from './mcp-site.ts';
import { readMessages } from './mcp-stream.ts';

vi.setConfig({ testTimeout: 60_000 });

let mcp: McpSite;
beforeAll(async () => {
  mcp = await openMcp();
});
afterAll(async () => {
  await mcp[Symbol.asyncDispose]();
});

const question = { question: 'Shall I order?' };
const form = {
  type: 'object',
  properties: { approved: { type: 'boolean', title: 'Go on?' }, note: { type: 'string' } },
  required: ['approved'],
};
const yes = { action: 'accept', content: { approved: true, note: 'fine' } };

const ask = async (args: JsonObject = question) => await mcp.call('approval', args, { capabilities: asking });
const answer = async (asked: Answered, responses: JsonObject, changes: JsonObject = {}) => {
  const { requestState = null } = asked.body?.result ?? {};
  const more = { inputResponses: responses, requestState, ...changes };
  return await mcp.call('approval', question, { capabilities: asking, more });
};
const taskOf = ({ body }: Answered): string => String(body?.result?.taskId);
const phaseOf = async (runId: string) => resultOf(await mcp.call('get_run', { run_id: runId })).structuredContent;

test('an interrupt is a question of the call, whose answer resumes the run', async () => {
  const asked = await ask();
  expect(asked.body?.result).toMatchObject({
    resultType: 'input_required',
    inputRequests: {
      approval: {
        method: 'elicitation/create',
        params: { mode: 'form', message: question.question, requestedSchema: form },
      },
    },
    requestState: expect.any(String),
  });
  const { structuredContent } = resultOf(await answer(asked, { approval: yes }));
  expect(structuredContent).toEqual({ approved: true, note: 'fine', rounds: 1 });
});

test('an answer that comes twice is given once, and both callers get the result', async () => {
  const asked = await ask();
  const [first, second] = [await answer(asked, { approval: yes }), await answer(asked, { approval: yes })];
  expect(second.body?.result).toEqual(first.body?.result);
  expect(resultOf(first).structuredContent).toMatchObject({ rounds: 1 });
});

test('an answer that differs from the one that was taken is refused, and the run stays as it is', async () => {
  const asked = await ask();
  const first = await answer(asked, { approval: yes });
  const no = { action: 'accept', content: { approved: false } };
  expect((await answer(asked, { approval: no })).body?.error).toMatchObject({
    code: -32602,
    message: expect.stringContaining('the question has another answer already'),
  });
  expect((await answer(asked, { approval: yes })).body?.result).toEqual(first.body?.result);
});

test('a second question has a state of its own, and the state of the first does not answer it', async () => {
  const asked = await ask({ ...question, rounds: 2 });
  const again = await answer(asked, { approval: yes });
  expect(again.body?.result?.resultType).toBe('input_required');
  expect(again.body?.result?.requestState).not.toBe(asked.body?.result?.requestState);
  const late = await answer(asked, { approval: yes });
  expect(late.body?.result?.resultType).toBe('input_required');
  expect(resultOf(await answer(again, { approval: yes })).structuredContent).toMatchObject({ rounds: 2 });
});

test('answers under other names leave the question open, and it is asked again', async () => {
  const again = await answer(await ask(), { other: yes });
  expect(again.body?.result?.inputRequests).toHaveProperty('approval');
});

const tampered: readonly [string, (state: string) => string][] = [
  ['with a longer signature', (state) => `${state}-TAMPERED`],
  ['with another run', (state) => `${Buffer.from('["default","x",3]').toString('base64url')}.${state.split('.')[1]}`],
];
test.each(tampered)('a state %s is refused', async (_, change) => {
  const asked = await ask();
  const state = change(String(asked.body?.result?.requestState));
  const refused = await answer(asked, { approval: yes }, { requestState: state });
  expect(refused.body?.error?.code).toBe(-32602);
});

test('the state of one tool is refused by another', async () => {
  const asked = await ask();
  const more = { requestState: asked.body?.result?.requestState ?? null, inputResponses: { approval: yes } };
  expect((await mcp.call('echo', {}, { capabilities: asking, more })).body?.error?.code).toBe(-32602);
});

test('an answer that breaks the schema is refused, and the question stays open', async () => {
  const asked = await ask();
  const refused = await answer(asked, { approval: { action: 'accept', content: { approved: 'maybe' } } });
  expect(refused.body?.error?.code).toBe(-32602);
  expect(resultOf(await answer(asked, { approval: yes })).structuredContent).toMatchObject({ approved: true });
});

test.each(['decline', 'cancel'])('a person who answers with %s ends the run as cancelled', async (action) => {
  const { isError, runId } = resultOf(await answer(await ask(), { approval: { action } }));
  expect([isError, await phaseOf(runId)]).toMatchObject([true, { errcode: 1000 }]);
});

test.each([
  ['a client that cannot ask', 'approval', {}],
  ['a client that can, where the answer fits into no form', 'nested', asking],
] as const)('%s gets the question in words, and resume_run answers it', async (_, tool, capabilities) => {
  const { text, runId } = resultOf(await mcp.call(tool, question, { capabilities }));
  expect(text).toContain(`The run ${runId} is interrupted and asks: ${question.question}`);
  const resumed = await mcp.call('resume_run', { run_id: runId, payload: { approved: true } }, { capabilities });
  expect(resultOf(resumed).structuredContent).toMatchObject({ approved: true });
  const again = resultOf(await mcp.call('resume_run', { run_id: runId, payload: {} }));
  expect([again.isError, again.text]).toEqual([true, 'the run is not interrupted']);
});

test('answers that come with the call itself are given once the agent asks', async () => {
  const more = { inputResponses: { approval: yes, other: yes } };
  const ahead = await mcp.call('approval', question, { capabilities: asking, more });
  expect(resultOf(ahead).structuredContent).toMatchObject({ approved: true });
  const wrong = { inputResponses: { approval: 5 } };
  expect((await mcp.call('approval', question, { capabilities: asking, more: wrong })).body?.error?.code).toBe(-32602);
});

test('get_run shows a run that works, that asks, that failed and that succeeded', async () => {
  const show = async (runId: string, more: JsonObject = {}) =>
    resultOf(await mcp.call('get_run', { run_id: runId, ...more }));
  const hanging = taskOf(await mcp.call('hang', {}, { capabilities: tasking }));
  expect((await show(hanging)).structuredContent).toMatchObject({ agent: 'hang', status: 'pending' });
  const asked = resultOf(await mcp.call('approval', question)).runId;
  const { text, structuredContent } = await show(asked);
  expect([text, structuredContent]).toEqual([
    expect.stringContaining('resume_run'),
    expect.objectContaining({ status: 'interrupted', interrupt: expect.objectContaining(question) }),
  ]);
  const ended = resultOf(await mcp.call('cancel_run', { run_id: hanging }));
  expect(ended.structuredContent).toMatchObject({ status: 'error', errcode: 1000 });
  const slow = taskOf(await mcp.call('progress', { ms: 700 }, { capabilities: tasking }));
  expect((await show(slow, { wait_seconds: 20 })).structuredContent).toMatchObject({ output: { ms: 700 } });
  const refused = [
    await show(slow, { wait_seconds: 9000 }),
    await show('x'),
    resultOf(await mcp.call('resume_run', { run_id: slow })),
  ];
  expect(refused.map(({ isError }) => isError)).toEqual([true, true, true]);
});

test('a task asks under a key of its own, and goes on once that is answered', async () => {
  const capabilities = tasking;
  const taskId = taskOf(await mcp.call('approval', { ...question, rounds: 2 }, { capabilities }));
  const look = async (until: string) => {
    for (;;) {
      const seen = (await mcp.send('tasks/get', { taskId }, { capabilities })).body?.result;
      if (seen?.status === until) return seen;
    }
  };
  const update = async (inputResponses: JsonObject) =>
    (await mcp.send('tasks/update', { taskId, inputResponses }, { capabilities })).body?.result;
  const [first = ''] = Object.keys((await look('input_required')).inputRequests as JsonObject);
  expect(await update({ approval: yes, 'approval.1': yes })).toMatchObject({ resultType: 'complete' });
  expect(Object.keys((await look('input_required')).inputRequests as JsonObject)).toEqual([first]);
  await update({ [first]: yes });
  await eventually(async () => {
    const [second] = Object.keys((await look('input_required')).inputRequests as JsonObject);
    expect(second).not.toBe(first);
    await update({ [first]: yes, [String(second)]: yes });
  });
  const { result } = await look('completed');
  expect(result).toMatchObject({ structuredContent: { rounds: 2 } });
});

test('an agent whose tasks are required makes one at once, and refuses clients that take none', async () => {
  const made = await mcp.call('required', {}, { capabilities: tasking });
  expect(made.body?.result?.resultType).toBe('task');
  const refused = await mcp.call('required', {}, { capabilities: asking });
  expect([refused.status, refused.body?.error?.code]).toEqual([400, -32021]);
});

test('an agent without tasks answers its calls, however long they take', async () => {
  const { body } = await mcp.call('never', { ms: 500 }, { capabilities: tasking });
  expect(body?.result).toMatchObject({ resultType: 'complete', structuredContent: { ms: 500 } });
});

test('an agent with late tasks asks before there is one, and a task follows the answer', async () => {
  const capabilities = tasking;
  const asked = await mcp.call('late', { ...question, staleMs: 800 }, { capabilities });
  const { resultType, requestState = null } = asked.body?.result ?? {};
  expect(resultType).toBe('input_required');
  const more = { requestState, inputResponses: { approval: yes } };
  expect((await mcp.call('late', question, { capabilities, more })).body?.result?.resultType).toBe('task');
});

test('a task that is cancelled says so, and cancelling it again changes nothing', async () => {
  const capabilities = tasking;
  const made = await mcp.call('hang', {}, { capabilities });
  expect(made.body?.result).toMatchObject({ resultType: 'task', status: 'working', ttlMs: expect.any(Number) });
  const taskId = taskOf(made);
  for (const _ of [1, 2])
    expect((await mcp.send('tasks/cancel', { taskId }, { capabilities })).body?.result).toMatchObject({
      resultType: 'complete',
    });
  expect((await mcp.send('tasks/get', { taskId }, { capabilities })).body?.result?.status).toBe('cancelled');
});

test('tasks are for clients that declare them, and a task that there is not is refused', async () => {
  const refused = await mcp.send('tasks/get', { taskId: 'x' });
  expect([refused.status, refused.body?.error]).toMatchObject([
    400,
    { code: -32021, data: { requiredCapabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } } } },
  ]);
  const absent = await mcp.send('tasks/get', { taskId: 'x' }, { capabilities: tasking });
  expect(absent.body?.error?.code).toBe(-32602);
});

/** An older client: its session, a call, and the messages of the call's stream as they come. */
async function openOlder() {
  const shake = { protocolVersion: '2025-11-25', capabilities: asking, clientInfo: { name: 'c', version: '1' } };
  const { headers } = await mcp.post({ jsonrpc: '2.0', id: 0, method: 'initialize', params: shake });
  const session = { 'mcp-session-id': headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': '2025-11-25' };
  const call = async (id: number, name: string, args: JsonObject) =>
    await fetch(`${mcp.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...session },
      body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } }),
    });
  return { session, call };
}

test('an older client is asked on the stream of its call, and answers by a message of its own', async () => {
  const { session, call } = await openOlder();
  const messages = readMessages(await call(1, 'approval', question));
  const asked = await messages.next();
  expect(asked).toMatchObject({ method: 'elicitation/create', params: { requestedSchema: form } });
  const forged = await mcp.post({ jsonrpc: '2.0', id: `${String(asked.id)}x`, result: yes }, session);
  expect([forged.status, forged.body?.error?.code]).toEqual([400, -32600]);
  const { status, body } = await mcp.post({ jsonrpc: '2.0', id: asked.id ?? null, result: yes }, session);
  expect([status, body]).toEqual([202, null]);
  expect(await messages.next()).toMatchObject({ id: 1, result: { structuredContent: { approved: true } } });
});

test('an older client that cannot ask after all has said no', async () => {
  const { session, call } = await openOlder();
  const messages = readMessages(await call(3, 'approval', question));
  const { id = null } = await messages.next();
  const error = { code: -32601, message: 'no form' };
  expect((await mcp.post({ jsonrpc: '2.0', id, error }, session)).status).toBe(202);
  expect(await messages.next()).toMatchObject({ id: 3, result: { isError: true } });
  expect((await mcp.post({ jsonrpc: '2.0', id, result: yes }, session)).status).toBe(202);
});

test('an older client that no longer waits cancels the run of its call, and no other', async () => {
  const [one, other] = [await openOlder(), await openOlder()];
  const [kept, ended] = [readMessages(await one.call(5, 'hang', {})), readMessages(await other.call(5, 'hang', {}))];
  const params = { requestId: 5 };
  const cancelled = await mcp.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, other.session);
  expect(cancelled.status).toBe(202);
  expect(await ended.next()).toMatchObject({ id: 5, result: { isError: true } });
  await mcp.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, one.session);
  expect(await kept.next()).toMatchObject({ id: 5, result: { isError: true } });
});

test('a client of 2026-07-28 that leaves its call cancels the run', async () => {
  const leaving = new AbortController();
  const key = { 'idempotency-key': 'left' };
  const left = mcp.call('hang', { key: 'left' }, { headers: key, signal: leaving.signal });
  await eventually(() => expect(mcp.sandbox.starts().get('left')).toBe(1));
  leaving.abort();
  await expect(left).rejects.toThrow();
  const { isError, text } = resultOf(await mcp.call('hang', { key: 'left' }, { headers: key }));
  expect([isError, text]).toEqual([true, expect.stringContaining('cancel')]);
});
