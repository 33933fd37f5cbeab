import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { asking, type Rpc, stateless, tasking, version } from './mcp-site.ts';
import { readMessages } from './mcp-stream.ts';
import { openReloadSite, type ReloadSite } from './reload-rig.ts';
import type { SiteOptions } from './site.ts';

vi.setConfig({ testTimeout: 60_000 });

let sandbox: Sandbox;
let site: ReloadSite;
beforeAll(async () => {
  sandbox = await startSandbox();
  site = await openReloadSite(optionsOf('echo'));
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await sandbox.close();
});

/** The agents that every test needs, and one of the given name. */
function optionsOf(name: string): SiteOptions {
  const { restackUrl, intunedUrl } = sandbox;
  const target = { project: 'samples', api: 'hang' };
  const resume = { type: 'object', properties: { approved: { type: 'boolean' } } };
  return {
    backends: {
      restack: { adapter: 'restack', baseUrl: restackUrl },
      intuned: { adapter: 'intuned', baseUrl: intunedUrl, workspaceId: 'sandbox', apiKey: 'sandbox-key' },
    },
    agents: [
      { name, backend: 'intuned', target: { project: 'samples', api: 'echo' } },
      { name: 'hang', backend: 'intuned', target },
      {
        ...{ name: 'approval', backend: 'restack', target: { agent: 'ApprovalAgent' } },
        mapping: { interrupt: 'output.interrupt' },
        schemas: { interrupts: [{ interrupt_type: 'approval', interrupt_payload: {}, resume_payload: resume }] },
      },
    ],
  };
}

const subscriptionId = 'io.modelcontextprotocol/subscriptionId';
const mark = { _meta: { [subscriptionId]: 7 } };

async function send(method: string, params: JsonObject, capabilities: JsonObject = {}, accept = 'text/event-stream') {
  const name = params.name ?? params.taskId;
  return await fetch(`${site.client.url}/mcp`, {
    method: 'POST',
    headers: {
      ...{ 'content-type': 'application/json', accept, 'mcp-protocol-version': version, 'mcp-method': method },
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
    },
    body: JSON.stringify(stateless(method, params, capabilities)),
  });
}

async function listen(notifications: JsonObject, capabilities: JsonObject = {}) {
  const answer = await send('subscriptions/listen', { notifications }, capabilities);
  const messages = readMessages(answer);
  const acknowledged = await messages.next();
  expect(acknowledged.method).toBe('notifications/subscriptions/acknowledged');
  const leave = async () => await answer.body?.cancel();
  return { messages, params: acknowledged.params as JsonObject, leave };
}

const errorOf = async (answer: Response) => [answer.status, ((await answer.json()) as Rpc).error?.code];

test('a client that listens for changes of the list is told of a reload, and lists the new agent', async () => {
  const { messages, params } = await listen({ toolsListChanged: true, promptsListChanged: true });
  expect(params).toEqual({ notifications: { toolsListChanged: true }, ...mark });
  const other = await listen({});
  expect(await other.messages.next()).toEqual(expect.objectContaining({ id: 7 }));
  expect((await site.reload(optionsOf('newcomer'))).kind).toBe('applied');
  expect(await messages.next()).toEqual({
    ...{ jsonrpc: '2.0', method: 'notifications/tools/list_changed' },
    params: mark,
  });
  const listed = (await (await send('tools/list', {})).json()) as Rpc;
  expect(JSON.stringify(listed.result?.tools)).toContain('"newcomer"');
});

test('a client that follows tasks is told of each as it is, of its question, and of its end, which ends the stream', async () => {
  const { run_id: taskId } = await site.client.create({ agent_id: 'approval', input: { question: 'Shall I?' } });
  const absent = '0198c5a0-0000-7000-8000-000000000001';
  const { messages, params } = await listen({ taskIds: [taskId, absent, 'x'] }, tasking);
  expect(params).toEqual({ notifications: { taskIds: [taskId] }, ...mark });
  const seen: JsonObject[] = [];
  const isAnswered = async (): Promise<boolean> => {
    const { method, params: task, result } = await messages.next();
    if (result !== undefined) expect(result).toMatchObject({ resultType: 'complete', ...mark });
    else {
      expect([method, task]).toMatchObject(['notifications/tasks', { taskId, ...mark }]);
      seen.push(task as JsonObject);
    }
    return result !== undefined;
  };
  while (seen.at(-1)?.status !== 'input_required') await isAnswered();
  const { inputRequests } = seen.at(-1) ?? {};
  const got = (await (await send('tasks/get', { taskId }, tasking)).json()) as Rpc;
  expect(got.result).toMatchObject({ inputRequests: inputRequests ?? null });
  await site.client.resume(taskId, { approved: true });
  while (!(await isAnswered()));
  expect(seen.at(-1)).toMatchObject({ status: 'completed', result: { structuredContent: { approved: true } } });
  expect(seen.every((task) => !('progress' in task))).toBe(true);
});

test('a task that is over already is told of once', async () => {
  const { run_id: taskId } = await site.client.create({ agent_id: 'hang', input: {} });
  await site.client.ask('POST', `/runs/${taskId}/cancel`, {});
  await fetch(`${site.client.url}/acp/v0.2/runs/${taskId}/cancel`, { method: 'POST' });
  const { messages } = await listen({ taskIds: [taskId] }, tasking);
  expect(await messages.next()).toMatchObject({ params: { taskId, status: 'cancelled' } });
  expect(await messages.next()).toMatchObject({ id: 7, result: { resultType: 'complete' } });
});

test('a client that does not take tasks cannot follow any, and one that reads no streams cannot listen', async () => {
  const refused = await send('subscriptions/listen', { notifications: { taskIds: [] } }, asking);
  expect(await errorOf(refused)).toEqual([400, -32021]);
  const deaf = await send('subscriptions/listen', { notifications: {} }, {}, 'application/json');
  expect(await errorOf(deaf)).toEqual([400, -32600]);
  const many = Array.from({ length: 101 }, (_, at) => `${at}`);
  for (const notifications of [5, { taskIds: 'x' }, { taskIds: many }])
    expect(await errorOf(await send('subscriptions/listen', { notifications }, tasking))).toEqual([200, -32602]);
});

test('client 2.x hears of a reload as soon as it is in force', async () => {
  const client = new NewClient(
    { name: 'test', version: '1.0.0' },
    { versionNegotiation: { mode: 'auto' }, listChanged: { tools: { onChanged: () => void heard() } } },
  );
  let heard = (): void => {};
  const hearing = new Promise<void>((resolve) => {
    heard = resolve;
  });
  await client.connect(new NewTransport(new URL(`${site.client.url}/mcp`)));
  expect((await site.reload(optionsOf('another'))).kind).toBe('applied');
  await hearing;
  await client.close();
});
