import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { keyOf } from '../access/auth-site.ts';
import { asking, type McpSite, openMcp, resultOf, tasking, toolsOf } from './mcp-site.ts';
import { readMessages } from './mcp-stream.ts';

vi.setConfig({ testTimeout: 60_000 });

const [owner, other, narrow, single] = [
  keyOf('owner', { tenant: 'acme' }),
  keyOf('other', { tenant: 'umbrella' }),
  keyOf('narrow', { tenant: 'acme', agents: ['echo'] }),
  keyOf('single', { tenant: 'acme', limits: { streams: 1 } }),
];
const as = ({ key }: { readonly key: string }) => ({ authorization: `Bearer ${key}` });
const question = { question: 'Shall I order?' };
const yes = { action: 'accept', content: { approved: true } };

let mcp: McpSite;
beforeAll(async () => {
  mcp = await openMcp({ auth: { keys: [owner, other, narrow, single].map(({ entry }) => entry) } });
});
afterAll(async () => {
  await mcp[Symbol.asyncDispose]();
});

test('a request without a key is refused, with a body of JSON-RPC', async () => {
  const { status, headers, body } = await mcp.send('tools/list');
  expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="rungate"']);
  expect(body).toMatchObject({ jsonrpc: '2.0', error: { code: 401, data: { code: 'unauthorized' } } });
});

test('a key sees the tools of its agents alone, and calls no others', async () => {
  const headers = as(narrow);
  const names = toolsOf(await mcp.send('tools/list', {}, { headers })).map(({ name }) => name);
  expect(names).toEqual(['echo', 'get_run', 'resume_run', 'cancel_run']);
  expect((await mcp.call('fail', {}, { headers })).body?.error?.code).toBe(-32602);
  expect((await mcp.send('tools/list', {}, { headers, path: '/mcp/fail' })).status).toBe(404);
});

test('the state of a call is worth nothing to another tenant, and its run stays as it is', async () => {
  const asked = await mcp.call('approval', question, { capabilities: asking, headers: as(owner) });
  const more = { requestState: asked.body?.result?.requestState ?? null, inputResponses: { approval: yes } };
  const stolen = await mcp.call('approval', question, { capabilities: asking, headers: as(other), more });
  expect(stolen.body?.error?.code).toBe(-32602);
  const mine = await mcp.call('approval', question, { capabilities: asking, headers: as(owner), more });
  expect(resultOf(mine).structuredContent).toMatchObject({ approved: true, rounds: 1 });
});

test('the tasks and the runs of one tenant are not there for another', async () => {
  const capabilities = tasking;
  const made = await mcp.call('hang', {}, { capabilities, headers: as(owner) });
  const taskId = String(made.body?.result?.taskId);
  for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
    const params: JsonObject = { taskId, inputResponses: {} };
    expect((await mcp.send(method, params, { capabilities, headers: as(other) })).body?.error?.code).toBe(-32602);
  }
  const seen = resultOf(await mcp.call('cancel_run', { run_id: taskId }, { headers: as(other) }));
  expect([seen.isError, seen.text]).toEqual([true, 'no such run']);
  const { body } = await mcp.send('tasks/get', { taskId }, { capabilities, headers: as(owner) });
  expect(body?.result?.status).toBe('working');
  await mcp.send('tasks/cancel', { taskId }, { capabilities, headers: as(owner) });
});

test('the question on a stream is answered by its own tenant alone', async () => {
  const shake = { protocolVersion: '2025-11-25', capabilities: asking, clientInfo: { name: 'c', version: '1' } };
  const initialize = { jsonrpc: '2.0', id: 0, method: 'initialize', params: shake };
  const session = (await mcp.post(initialize, as(owner))).headers.get('mcp-session-id') ?? '';
  const messages = readMessages(
    await fetch(`${mcp.url}/mcp`, {
      method: 'POST',
      headers: {
        ...{ 'content-type': 'application/json', accept: 'text/event-stream', 'mcp-session-id': session },
        ...as(owner),
      },
      body: JSON.stringify({
        ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
        params: { name: 'approval', arguments: question },
      }),
    }),
  );
  const { id = null } = await messages.next();
  const answer = { jsonrpc: '2.0', id, result: yes };
  expect((await mcp.post(answer, as(other))).status).toBe(400);
  expect((await mcp.post(answer, as(owner))).status).toBe(202);
  expect(await messages.next()).toMatchObject({ id: 1, result: { structuredContent: { approved: true } } });
});

test('a key that may have one stream makes one call at a time, and sends other messages while it waits', async () => {
  const headers = as(single);
  const waiting = mcp.call('hang', { key: 'single' }, { headers });
  await vi.waitFor(() => expect(mcp.sandbox.starts().get('single')).toBe(1));
  expect((await mcp.call('echo', {}, { headers })).status).toBe(429);
  expect((await mcp.send('tools/list', {}, { headers })).status).toBe(200);
  const answer = { jsonrpc: '2.0', id: 'x', result: {} };
  expect((await mcp.post(answer, headers)).status).toBe(400);
  // Of the same tenant, and without a limit.
  const admin = { ...as(owner), 'content-type': 'application/json' };
  const send = async (path: string, body: string) =>
    await fetch(`${mcp.url}/acp/v0.2/runs/${path}`, { method: 'POST', headers: admin, body });
  const [run] = (await (await send('search', '{"status":"pending","limit":1}')).json()) as { run_id: string }[];
  expect((await send(`${run?.run_id}/cancel`, '')).status).toBeLessThan(300);
  expect(resultOf(await waiting).isError).toBe(true);
});
