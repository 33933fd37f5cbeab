import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { asking, type McpSite, openMcp, type Rpc, stateless, version } from './mcp-site.ts';

vi.setConfig({ testTimeout: 60_000 });

let mcp: McpSite;
beforeAll(async () => {
  mcp = await openMcp();
});
afterAll(async () => {
  await mcp[Symbol.asyncDispose]();
});

const id = 7;
const prefix = 'io.modelcontextprotocol';
const accept = 'application/json, text/event-stream';

/** What is sent: a body as it is, and its headers. */
type Sent = { readonly body: Json; readonly headers?: Record<string, string> };
/** The status, the code of the error, and the id that it answers; null: none. */
type Refused = readonly [status: number, code: number, id?: string | number | null];

async function post({ body, headers = {} }: Sent): Promise<Refused> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const sent = { 'content-type': 'application/json', accept, ...headers };
  const answer = await fetch(`${mcp.url}/mcp`, { method: 'POST', headers: sent, body: text });
  const { error, id: answered = null, jsonrpc } = (await answer.json()) as Rpc;
  expect([jsonrpc, answer.headers.get('content-type')]).toEqual(['2.0', 'application/json']);
  return [answer.status, Number(error?.code), answered as string | number | null];
}

const ping: JsonObject = { jsonrpc: '2.0', id, method: 'ping' };
/** Of 2026-07-28: the headers and the message of a call. */
const routed = { 'mcp-protocol-version': version, 'mcp-method': 'tools/call', 'mcp-name': 'echo' };
const called = (params: JsonObject = {}): JsonObject =>
  stateless('tools/call', { name: 'echo', arguments: {}, ...params }, {});
const older = { 'mcp-protocol-version': '2025-11-25' };

/** What JSON-RPC and the transports of all revisions ask of the form of a message. */
const forms: readonly (readonly [what: string, body: Json, refused: Refused])[] = [
  ['that is not JSON', '{', [400, -32700]],
  ['that is empty JSON', ' ', [400, -32700]],
  ['with a key that is not taken', '{"__proto__":1}', [400, -32700]],
  ['that is nested too deeply', `${'['.repeat(2000)}${']'.repeat(2000)}`, [400, -32600]],
  ['that is a list of messages', [ping], [400, -32600]],
  ['that is an empty list', [], [400, -32600]],
  ['that is a text', '"ping"', [400, -32600]],
  ['without jsonrpc', { id, method: 'ping' }, [400, -32600, id]],
  ['of JSON-RPC 1.0', { ...ping, jsonrpc: '1.0' }, [400, -32600, id]],
  ['whose id is null', { ...ping, id: null }, [400, -32600]],
  ['whose id is a fraction', { ...ping, id: 1.5 }, [400, -32600]],
  ['whose id is an object', { ...ping, id: {} }, [400, -32600]],
  ['whose method is a number', { ...ping, method: 5 }, [400, -32600, id]],
  ['whose params are a list', { ...ping, id: 'a', params: [1] }, [400, -32600, 'a']],
  ['without method and result', { jsonrpc: '2.0', id }, [400, -32600, id]],
  ['with a result and an error', { jsonrpc: '2.0', id, result: {}, error: {} }, [400, -32600, id]],
  ['with a result and no id', { jsonrpc: '2.0', result: {} }, [400, -32600]],
];
test.each(forms)('a body %s is refused with an error of JSON-RPC, in both generations', async (_, body, refused) => {
  const [status, code, answered = null] = refused;
  expect(await post({ body })).toEqual([status, code, answered]);
  expect(await post({ body, headers: { ...routed, 'mcp-method': 'ping' } })).toEqual([status, code, answered]);
});

/** What 2026-07-28 asks of a request and its headers. */
const stateful: readonly (readonly [what: string, params: JsonObject, headers: Record<string, string>, Refused])[] = [
  ['without MCP-Protocol-Version', {}, { 'mcp-protocol-version': '' }, [400, -32020, id]],
  ['without Mcp-Method', {}, { 'mcp-method': '' }, [400, -32020, id]],
  ['whose Mcp-Method is in other letters', {}, { 'mcp-method': 'TOOLS/CALL' }, [400, -32020, id]],
  ['without Mcp-Name', {}, { 'mcp-name': '' }, [400, -32020, id]],
  ['whose Mcp-Name is another tool', {}, { 'mcp-name': 'fail' }, [400, -32020, id]],
  ['whose header has another version than its _meta', {}, older, [400, -32020, id]],
  ['for a tool that does not exist', { name: 'nothing' }, { 'mcp-name': 'nothing' }, [200, -32602, id]],
  ['without the name of a tool', { name: 5 }, { 'mcp-name': '5' }, [200, -32602, id]],
  ['whose arguments are a list', { arguments: [] }, {}, [200, -32602, id]],
  ['with a requestState of its own making', { requestState: 'x' }, {}, [200, -32602, id]],
  ['with inputResponses that are not an object', { inputResponses: 5 }, {}, [200, -32602, id]],
];
test.each(stateful)('a call of 2026-07-28 %s is refused', async (_, params, headers, refused) => {
  expect(await post({ body: called(params), headers: { ...routed, ...headers } })).toEqual(refused);
});

test('a request of 2026-07-28 without its version or its capabilities is refused with 400', async () => {
  const { _meta, ...params } = called().params as JsonObject;
  const { [`${prefix}/clientCapabilities`]: _, ...versionAlone } = _meta as JsonObject;
  for (const meta of [{}, versionAlone, { ...versionAlone, [`${prefix}/clientCapabilities`]: 5 }])
    expect(await post({ body: { ...called(), params: { ...params, _meta: meta } }, headers: routed })).toEqual([
      400,
      -32602,
      id,
    ]);
});

test('a version that is not served is refused with those that are', async () => {
  const asked = '2099-01-01';
  const message = stateless('server/discover', { _meta: { [`${prefix}/protocolVersion`]: asked } }, {});
  const headers = { 'mcp-protocol-version': asked, 'mcp-method': 'server/discover' };
  const { status, body } = await mcp.post(message, headers);
  expect([status, body?.error]).toMatchObject([
    400,
    { code: -32022, data: { requested: asked, supported: expect.arrayContaining([version]) } },
  ]);
  expect(await post({ body: ping, headers: { 'mcp-protocol-version': '2024-11-05' } })).toEqual([400, -32022, id]);
});

test('a method that a generation does not have is not found, and a notification that it does not have is accepted', async () => {
  expect(await post({ body: stateless('ping', {}, {}), headers: { ...routed, 'mcp-method': 'ping' } })).toEqual([
    404,
    -32601,
    id,
  ]);
  expect(await post({ body: { ...ping, method: 'tasks/get', params: { taskId: 'x' } } })).toEqual([200, -32601, id]);
  const notified = await mcp.post({ jsonrpc: '2.0', method: 'notifications/nothing' });
  expect([notified.status, notified.body]).toEqual([202, null]);
});

test('an answer to nothing is refused, and one of 2026-07-28 to anything', async () => {
  const body = { jsonrpc: '2.0', id, result: {} };
  expect(await post({ body })).toEqual([400, -32600, id]);
  expect(await post({ body, headers: { 'mcp-protocol-version': version } })).toEqual([400, -32600, id]);
});

test('a handshake without a version, a session of another gateway and a cursor that nothing gave are refused', async () => {
  const shake = { ...ping, method: 'initialize', params: { capabilities: asking } };
  expect(await post({ body: shake })).toEqual([200, -32602, id]);
  expect(await post({ body: ping, headers: { 'mcp-session-id': 'WyJ4Il0.AAAA' } })).toEqual([404, -32600, id]);
  expect(await post({ body: { ...ping, method: 'tools/list', params: { cursor: 'x' } } })).toEqual([200, -32602, id]);
  expect((await mcp.post({ ...ping, method: 'tools/list', params: { cursor: '' } })).body?.result).toBeDefined();
});

test('a body of another type, a page of another site and a larger body have the codes of their HTTP statuses', async () => {
  expect(await post({ body: ping, headers: { 'content-type': 'text/plain' } })).toEqual([415, 415, null]);
  expect(await post({ body: ping, headers: { origin: 'https://evil.example' } })).toEqual([403, 403, null]);
  const large = { ...ping, params: { text: 'x'.repeat(5_000_000) } };
  expect(await post({ body: large })).toEqual([413, 413, null]);
});

test('an endpoint takes POST alone', async () => {
  for (const method of ['GET', 'DELETE']) {
    const answer = await fetch(`${mcp.url}/mcp`, { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
  }
});

test('a client that does not accept streams is answered with JSON, and one that accepts anything with a stream', async () => {
  const body = JSON.stringify(
    called({ _meta: { progressToken: 1, ...((called().params as JsonObject)._meta as object) } }),
  );
  const typeFor = async (accepted: string) => {
    const headers = { 'content-type': 'application/json', accept: accepted, ...routed };
    const answer = await fetch(`${mcp.url}/mcp`, { method: 'POST', headers, body });
    expect(await answer.text()).toContain('"resultType":"complete"');
    return answer.headers.get('content-type');
  };
  expect(await typeFor('application/json')).toBe('application/json');
  expect(await typeFor('*/*')).toBe('text/event-stream');
  expect(await typeFor(accept)).toBe('text/event-stream');
});
