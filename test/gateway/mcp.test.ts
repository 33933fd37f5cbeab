import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { type McpSite, openMcp, resultOf, stateless, toolsOf, version } from './mcp-site.ts';

vi.setConfig({ testTimeout: 60_000 });

let mcp: McpSite;
beforeAll(async () => {
  mcp = await openMcp();
});
afterAll(async () => {
  await mcp[Symbol.asyncDispose]();
});

const id = 7;

test('a server that is discovered names its revisions, tools and tasks, and itself', async () => {
  const { status, body } = await mcp.send('server/discover');
  expect([status, body]).toEqual([
    200,
    {
      jsonrpc: '2.0',
      id,
      result: {
        resultType: 'complete',
        supportedVersions: [version, '2025-11-25', '2025-06-18', '2025-03-26'],
        capabilities: { tools: { listChanged: true }, extensions: { 'io.modelcontextprotocol/tasks': {} } },
        instructions: expect.any(String),
        ttlMs: 30_000,
        cacheScope: 'private',
        _meta: {
          'io.modelcontextprotocol/serverInfo': { name: 'rungate', title: 'rungate', version: expect.any(String) },
        },
      },
    },
  ]);
});

test('a handshake takes the revision that is asked for, or the newest with one, and gives a session', async () => {
  const shake = async (protocolVersion: string) =>
    await mcp.post({ jsonrpc: '2.0', id: 'a', method: 'initialize', params: { protocolVersion, capabilities: {} } });
  const { headers, body } = await shake('2025-06-18');
  expect(body?.result?.protocolVersion).toBe('2025-06-18');
  expect(headers.get('mcp-session-id')).toMatch(/^[\x21-\x7e]+$/);
  expect((await shake('2024-11-05')).body?.result?.protocolVersion).toBe('2025-11-25');
});

test('a session that the gateway did not give is answered with 404, so that its client begins another one', async () => {
  const list = { jsonrpc: '2.0', id, method: 'tools/list' };
  const { status, body } = await mcp.post(list, { 'mcp-session-id': 'WyJ4Il0.AAAA' });
  expect([status, body?.error?.code]).toEqual([404, -32600]);
});

test('agents are tools in the order of their names, with names that models take, before the tools for runs', async () => {
  const tools = toolsOf(await mcp.send('tools/list'));
  expect(tools.map(({ name }) => name)).toEqual([
    ...['approval', 'blocks', 'broken', 'chatty', expect.stringMatching(/^dotted_name_[0-9a-f]{8}$/), 'echo', 'fail'],
    ...['hang', 'late', 'nested', 'never', 'pictured', 'progress', 'required', 'routed', 'several', 'word'],
    ...['get_run', 'resume_run', 'cancel_run'],
  ]);
  expect(tools.find(({ name }) => name === 'echo')).toEqual({
    name: 'echo',
    title: 'Echo',
    description: 'Answers with its input.',
    inputSchema: { type: 'object', properties: { count: { type: 'integer' } } },
    outputSchema: { type: 'object' },
  });
});

test('an agent whose input is no object takes it as one argument', async () => {
  const [tool] = toolsOf(await mcp.send('tools/list', {}, { path: '/mcp/word' }));
  expect([tool?.inputSchema, tool?.outputSchema]).toEqual([
    { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] },
    { type: 'string' },
  ]);
  const called = await mcp.call('word', { input: 'hi' });
  expect(called.body?.result).toMatchObject({ content: [{ type: 'text', text: 'hi' }], structuredContent: 'hi' });
});

test('the address of one agent has its tool alone and no runs of others, and that of none is 404', async () => {
  const tools = toolsOf(await mcp.send('tools/list', {}, { path: '/mcp/echo' }));
  expect(tools.map(({ name }) => name)).toEqual(['echo', 'get_run', 'resume_run', 'cancel_run']);
  const other = await mcp.call('fail', {}, { path: '/mcp/echo' });
  expect(other.body?.error?.code).toBe(-32602);
  const { runId } = resultOf(await mcp.call('echo', { count: 1 }));
  const { isError, text } = resultOf(await mcp.call('get_run', { run_id: runId }, { path: '/mcp/word' }));
  expect([isError, text]).toEqual([true, 'no such run']);
  expect((await mcp.send('tools/list', {}, { path: '/mcp/nobody' })).status).toBe(404);
});

test('a call answers with text, with structured content and with the id of its run', async () => {
  const { body } = await mcp.call('echo', { count: 3 });
  expect(body?.result).toMatchObject({
    resultType: 'complete',
    content: [{ type: 'text', text: '{"count":3}' }],
    structuredContent: { count: 3 },
    _meta: { 'rungate/runId': expect.any(String) },
  });
});

test('numbers beyond doubles pass through arguments, text and structured content unchanged', async () => {
  const message = JSON.stringify(stateless('tools/call', { name: 'echo', arguments: { n: 0 } }, {}));
  const headers = { 'mcp-protocol-version': version, 'mcp-method': 'tools/call', 'mcp-name': 'echo' };
  const answer = await fetch(`${mcp.url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: message.replace('"n":0', '"n":9007199254740993'),
  });
  const text = await answer.text();
  expect(text).toContain(String.raw`"text":"{\"n\":9007199254740993}"`);
  expect(text).toContain('"structuredContent":{"n":9007199254740993}');
});

test('arguments that break the schema are a failure of the tool, which a model can mend', async () => {
  const answer = await mcp.call('echo', { count: 'many' });
  const { isError, text } = resultOf(answer);
  expect([answer.status, isError, text]).toEqual([200, true, expect.stringContaining('count')]);
});

test('a failure of the agent is a failed result, and one of the gateway an error', async () => {
  const { isError, text } = resultOf(await mcp.call('fail', { message: 'no bread' }));
  expect([isError, text]).toEqual([true, 'no bread']);
  const broken = await mcp.call('broken');
  expect(broken.body?.error).toMatchObject({ code: -32603, data: { errcode: 1005 } });
});

test('progress follows the phases and the partial outputs of the run, and grows', async () => {
  const more = { _meta: { progressToken: 'p1' } };
  const { before, body } = await mcp.call('progress', { ms: 300 }, { more });
  const notes = before.map(({ params }) => params as JsonObject);
  expect(notes.every(({ progressToken }) => progressToken === 'p1')).toBe(true);
  const numbers = notes.map(({ progress }) => Number(progress));
  expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
  expect(notes.map(({ message }) => message)).toEqual(
    expect.arrayContaining(['running', expect.stringContaining('"percent"')]),
  );
  expect(body?.result?.isError).toBeUndefined();
});

test('a call with the same Idempotency-Key is answered from the same run', async () => {
  const headers = { 'idempotency-key': 'once' };
  const [first, second] = [
    await mcp.call('echo', { count: 1 }, { headers }),
    await mcp.call('echo', { count: 1 }, { headers }),
  ];
  expect(second.body?.result).toEqual(first.body?.result);
  expect(second.headers.get('idempotent-replayed')).toBe('true');
});

test('a name in base64 between its marks is read, and one that is no base64 is refused', async () => {
  const encoded = `=?base64?${Buffer.from('echo').toString('base64')}?=`;
  expect((await mcp.call('echo', {}, { headers: { 'mcp-name': encoded } })).body?.result).toBeDefined();
  expect((await mcp.call('echo', {}, { headers: { 'mcp-name': '=?base64?ZWNobw?=' } })).status).toBe(400);
});

test('an agent with a chat mapping and no schema takes a text and gives one', async () => {
  const [tool] = toolsOf(await mcp.send('tools/list', {}, { path: '/mcp/chatty' }));
  expect(tool?.inputSchema).toEqual({ type: 'object', properties: { text: { type: 'string' } }, required: ['text'] });
  const { text, structuredContent } = resultOf(await mcp.call('chatty', { text: 'hello' }));
  expect([text, structuredContent]).toEqual(['You said hello', { said: 'hello' }]);
});

test('a header that repeats an argument has to be that argument', async () => {
  const call = async (region: string | undefined, args: JsonObject) =>
    await mcp.call('routed', args, { headers: region === undefined ? {} : { 'mcp-param-region': region } });
  expect((await call('eu', { region: 'eu' })).body?.result).toBeDefined();
  expect((await call(`=?base64?${Buffer.from('à').toString('base64')}?=`, { region: 'à' })).status).toBe(200);
  expect((await call(undefined, {})).status).toBe(200);
  const refused = [
    await call('us', { region: 'eu' }),
    await call(undefined, { region: 'eu' }),
    await call('eu', {}),
    await call('=?base64?4A?=', { region: 'à' }),
  ];
  expect(refused.map(({ status, body }) => [status, body?.error?.code])).toEqual(Array(4).fill([400, -32020]));
});

test('a header that repeats a nested argument is held to it, and whole numbers are compared as numbers', async () => {
  const call = async (headers: Record<string, string>, args: JsonObject) =>
    (await mcp.call('routed', args, { headers })).status;
  const args = { where: { shelf: 42, 'cold.one': true } };
  expect(await call({ 'mcp-param-shelf': '42', 'mcp-param-is.cold': 'true' }, args)).toBe(200);
  expect(await call({ 'mcp-param-shelf': '42.0', 'mcp-param-is.cold': 'true' }, args)).toBe(200);
  expect(await call({}, { where: {} })).toBe(200);
  expect(await call({ 'mcp-param-is.cold': 'true' }, args)).toBe(400);
  expect(await call({ 'mcp-param-shelf': '43', 'mcp-param-is.cold': 'true' }, args)).toBe(400);
  expect(await call({ 'mcp-param-shelf': '42', 'mcp-param-is.cold': 'True' }, args)).toBe(400);
  expect(await call({ 'mcp-param-shelf': '42' }, {})).toBe(400);
});

const image = { type: 'image', data: 'aGk=', mimeType: 'image/png' };

test('an output that is blocks of content passes as they are, and anything else as a text', async () => {
  const file = { type: 'resource', resource: { uri: 'file:///a.md', mimeType: 'text/markdown', text: '# A' } };
  const content = [{ type: 'text', text: 'Here' }, image, { ...image, type: 'audio' }, file];
  const { body } = await mcp.call('blocks', { content });
  expect(body?.result).toEqual(expect.objectContaining({ content, resultType: 'complete' }));
  expect(body?.result).not.toHaveProperty('structuredContent');
  const others: readonly JsonObject[] = [
    { content, title: 'more than content' },
    { content: [{ ...image, data: 'not base64!' }] },
    { content: [{ type: 'image', source: {} }] },
    { content: [] },
  ];
  for (const other of others) {
    const { text, structuredContent } = resultOf(await mcp.call('blocks', other));
    expect([text, structuredContent]).toEqual([JSON.stringify(other), other]);
  }
});

test('an agent whose reply is blocks gives its picture as one, and its text to protocols of texts', async () => {
  const args = { title: 'The page', screenshot: 'data:image/png;base64,aGk=' };
  const { body } = await mcp.call('pictured', args);
  expect(body?.result).toMatchObject({ content: [{ type: 'text', text: 'The page' }, image], structuredContent: args });
  const { run_id: runId } = await mcp.site.client.create({ agent_id: 'pictured', input: args });
  await mcp.site.client.output(runId);
  const answer = await fetch(`${mcp.url}/v1/responses/resp_${runId}`);
  const said = await answer.text();
  expect([answer.status, said]).toEqual([200, expect.stringContaining('The page')]);
  expect(said).not.toContain('"text":"[');
});
