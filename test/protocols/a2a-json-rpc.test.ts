import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { Site } from '../http/app.ts';
import { become, interrupted, succeeded } from './conformance-cases.ts';
import { openProtocols } from './protocol-sites.ts';
import { absentId, agentId, runId } from './scripted-api.ts';

let site: Site;
beforeAll(async () => {
  site = await openProtocols();
});
afterAll(() => site[Symbol.asyncDispose]());

type RpcAnswer = {
  readonly id: Json;
  readonly result?: JsonObject;
  readonly error?: { readonly code: number; readonly message: string; readonly data: readonly JsonObject[] };
};

async function call(body: Json, version: string | null = '1.0', at = `/a2a/${agentId}`) {
  const headers = { 'content-type': 'application/json', ...(version === null ? {} : { 'a2a-version': version }) };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await site.fetch(at, { method: 'POST', headers, body: text });
  return { status: answer.status, ...((await answer.json()) as RpcAnswer) };
}

function rpc(method: string, params: Json, id: Json = 7): Json {
  return { jsonrpc: '2.0', id, method, params };
}

test.each([
  ['a version that is not served', rpc('GetTask', { id: runId }), '2.0', -32009],
  ['a version that is no version', rpc('GetTask', { id: runId }), 'one', -32009],
  ['a method that there is not', rpc('Nothing', {}), '1.0', -32601],
  ['a method of 0.3 in a request of 1.0', rpc('message/send', {}), '1.0', -32601],
  ['a method of 1.0 in a request without a version', rpc('SendMessage', {}), null, -32601],
  ['a list in 0.3', rpc('tasks/list', {}), '0.3', -32601],
  ['params that lack a member', rpc('GetTask', {}), '1.0', -32602],
  [
    'a message without parts',
    rpc('SendMessage', { message: { messageId: 'a', role: 'ROLE_USER', parts: [] } }),
    '1.0',
    -32602,
  ],
  ['a task that is not there', rpc('GetTask', { id: absentId }), '1.0', -32001],
  ['a batch', [rpc('GetTask', { id: runId })], '1.0', -32600],
  ['a request that is not of JSON-RPC 2.0', { id: 7, method: 'GetTask' }, '1.0', -32600],
  ['the extended card, in 1.0', rpc('GetExtendedAgentCard', {}), '1.0', -32004],
  ['the extended card, in 0.3', rpc('agent/getAuthenticatedExtendedCard', {}), null, -32007],
] as const)('%s is refused with a code of its own, under the status 200', async (_, body, version, code) => {
  const answer = await call(body as Json, version);
  expect([answer.status, answer.error?.code]).toEqual([200, code]);
  expect(answer.id).toBe(Array.isArray(body) ? null : 7);
  expect(answer.error?.data[0]).toMatchObject({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo' });
});

test('a text that is not JSON is refused with -32700 and no id', async () => {
  const { status, id, error } = await call('{');
  expect([status, id, error?.code]).toEqual([200, null, -32700]);
});

test('what an HTTP library acts on is in the status of a JSON-RPC answer too', async () => {
  const busy = new GatewayError('too_many_runs', { retryAfterSeconds: 5 });
  site.api.runs.failure = busy;
  const headers = { 'content-type': 'application/json', 'a2a-version': '1.0' };
  const body = JSON.stringify(rpc('GetTask', { id: runId }));
  const answer = await site.fetch(`/a2a/${agentId}`, { method: 'POST', headers, body });
  site.api.runs.failure = null;
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '5']);
  expect(await answer.json()).toMatchObject({ jsonrpc: '2.0', id: 7, error: { code: -32000 } });
});

test('a wrong member is named with its place in the details of the error', async () => {
  const { error } = await call(
    rpc('SendMessage', { message: { messageId: 'a', role: 'user', parts: [{ text: 'a' }] } }),
  );
  expect(error?.data).toContainEqual({
    '@type': 'type.googleapis.com/google.rpc.BadRequest',
    fieldViolations: [{ field: 'message.role', description: expect.any(String) }],
  });
});

test('members may have the names of the definition, and what is in data and metadata keeps its names', async () => {
  become(succeeded)(site.api);
  const message = {
    message_id: 'snake',
    role: 'ROLE_USER',
    parts: [{ data: { some_thing: 1 } }],
    metadata: { a_b: 1 },
  };
  const { result } = await call(rpc('SendMessage', { message, configuration: { history_length: 1 } }));
  const kept = { messageId: 'snake', parts: [{ data: { some_thing: 1 } }], metadata: { a_b: 1 } };
  expect(result).toMatchObject({ task: { history: [kept] } });
});

test('a message that names another context than its task is refused', async () => {
  become(interrupted)(site.api);
  const message = { messageId: 'b', role: 'ROLE_USER', parts: [{ text: 'yes' }], taskId: runId, contextId: 'another' };
  const { error } = await call(rpc('SendMessage', { message }));
  expect([error?.code, error?.message]).toEqual([-32602, expect.stringContaining('message.contextId')]);
});

test('an agent that is not there is not found by status and by code', async () => {
  const { status, error } = await call(rpc('GetTask', { id: runId }), '1.0', `/a2a/${absentId}`);
  expect([status, error?.code]).toEqual([404, -32600]);
});
