import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { eventually, type McpSite, openMcp, tasking, version } from './mcp-site.ts';

vi.setConfig({ testTimeout: 60_000 });

let mcp: McpSite;
beforeAll(async () => {
  mcp = await openMcp();
});
afterAll(async () => {
  await mcp[Symbol.asyncDispose]();
});

const info = { name: 'test', version: '1.0.0' };
const yes = { action: 'accept' as const, content: { approved: true } };
const endpoint = () => new URL(`${mcp.url}/mcp`);

type Progress = { readonly progress: number; readonly message?: string | undefined };
type CallOptions = { readonly onprogress?: (seen: Progress) => void; readonly signal?: AbortSignal };
/** One published client, as it is, connected. */
type Published = {
  readonly negotiated: string | undefined;
  list(): Promise<readonly string[]>;
  call(name: string, args: JsonObject, options?: CallOptions): Promise<JsonObject>;
  close(): Promise<void>;
};

/** npm's `@modelcontextprotocol/sdk`, which begins with a handshake. */
async function openOld(onAsked: (message: string) => void): Promise<Published> {
  const client = new OldClient(info, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
    onAsked(params.message);
    return yes;
  });
  const transport = new OldTransport(endpoint());
  await client.connect(transport as Parameters<typeof client.connect>[0]);
  return {
    negotiated: transport.protocolVersion,
    list: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args, options) =>
      (await client.callTool({ name, arguments: args }, CallToolResultSchema, options)) as JsonObject,
    close: async () => await client.close(),
  };
}

/** npm's `@modelcontextprotocol/client`, which asks the server for its revision. */
async function openNew(onAsked: (message: string) => void): Promise<Published> {
  const client = new NewClient(info, { capabilities: { elicitation: {} }, versionNegotiation: { mode: 'auto' } });
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    onAsked(params.message);
    return yes;
  });
  await client.connect(new NewTransport(endpoint()));
  return {
    negotiated: client.getNegotiatedProtocolVersion(),
    list: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args, options) =>
      (await client.callTool({ name, arguments: args }, options)) as unknown as JsonObject,
    close: async () => await client.close(),
  };
}

const clients = [
  ['sdk 1.x', openOld, '2025-11-25'],
  ['client 2.x', openNew, version],
] as const;

test.each(clients)('%s lists the tools, calls them and follows their progress', async (_, open, negotiated) => {
  const client = await open(() => {});
  expect(client.negotiated).toBe(negotiated);
  expect(await client.list()).toEqual(expect.arrayContaining(['approval', 'echo', 'get_run']));
  const seen: Progress[] = [];
  const onprogress = (each: Progress) => void seen.push(each);
  const result = await client.call('progress', { ms: 300 }, { onprogress });
  expect(result.structuredContent).toEqual({ ms: 300 });
  expect(seen.map(({ message }) => message)).toEqual(expect.arrayContaining(['running']));
  expect((await client.call('echo', { count: 'x' })).isError).toBe(true);
  await client.close();
});

test.each(clients)('%s puts the question of an agent to its person, each time that one is asked', async (_, open) => {
  const asked: string[] = [];
  const client = await open((message) => void asked.push(message));
  const result = await client.call('approval', { question: 'Shall I order?', rounds: 2 });
  expect(result.structuredContent).toMatchObject({ approved: true, rounds: 2 });
  expect(asked).toEqual(['Shall I order?', 'Shall I order?']);
  await client.close();
});

test.each(clients)('%s cancels the run of a call that it gives up', async (name, open) => {
  const client = await open(() => {});
  const giving = new AbortController();
  const key = `given up by ${name}`;
  const called = client.call('hang', { key }, { signal: giving.signal });
  await eventually(() => expect(mcp.sandbox.starts().get(key)).toBe(1));
  giving.abort();
  await expect(called).rejects.toThrow();
  const found = await eventually(async () => {
    const { body } = await mcp.site.client.ask('POST', '/runs/search', { limit: 1, select: ['input'] });
    const [run] = body as JsonObject[];
    expect(run).toMatchObject({ status: 'error' });
    return run;
  });
  expect(found?.creation).toMatchObject({ input: { key } });
  await client.close();
});

test('client 2.x looks at a run of another protocol as at a task, and cancels it', async () => {
  const options = { capabilities: tasking as object, versionNegotiation: { mode: 'auto' as const } };
  const client = new NewClient(info, options);
  await client.connect(new NewTransport(endpoint()));
  const { run_id: taskId } = await mcp.site.client.create({ agent_id: 'hang', input: {} });
  // It has no methods of its own for the extension, but sends what it is given.
  const request = async (method: string) =>
    await client.request({ method, params: { taskId } }, z.looseObject({ status: z.string().optional() }));
  expect(await request('tasks/get')).toMatchObject({ taskId, status: 'working' });
  await request('tasks/cancel');
  expect((await request('tasks/get')).status).toBe('cancelled');
  await client.close();
});

test('a run that began over MCP is found, read and cancelled over ACP', async () => {
  const { body } = await mcp.call('hang', { key: 'seen' }, { capabilities: tasking });
  const taskId = String(body?.result?.taskId);
  const { client } = mcp.site;
  const search = await client.ask('POST', '/runs/search', { limit: 1 });
  expect(search.body).toMatchObject([{ run_id: taskId, status: 'pending' }]);
  await fetch(`${mcp.url}/acp/v0.2/runs/${taskId}/cancel`, { method: 'POST' });
  const seen = await mcp.send('tasks/get', { taskId }, { capabilities: tasking });
  expect(seen.body?.result?.status).toBe('cancelled');
});
