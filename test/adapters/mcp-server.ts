import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { answer, type Reply, startVendor, type Vendor } from '../upstream/vendor-server.ts';

type Received = Vendor['received'][number];
/** What a method answers: a result, an error, or whatever a test makes of the response itself. */
export type Answered = { readonly result: JsonObject } | { readonly error: JsonObject } | { readonly reply: Reply };
type Methods = Record<string, Answered | ((params: JsonObject, id: Json) => Answered)>;

/** An MCP server over real sockets, with the methods that a test gives it. */
export type McpServer = Vendor & {
  /** Methods and their parameters, in the order in which they came. */
  readonly called: readonly (readonly [method: string, params: Json])[];
  readonly methods: Methods;
  /** Whether answers are streams. */
  streams: boolean;
};

const firstTools: JsonObject = {
  tools: [{ name: 'plain' }, { name: 'work', execution: { taskSupport: 'required' } }],
  nextCursor: 'p2',
};
const lastTools: JsonObject = { tools: [{ name: 'perhaps', execution: { taskSupport: 'optional' } }] };

/** The handshake of 2025-11-25, with one session and tools that make tasks. */
export function legacyMethods(sessionId = 's-1'): Methods {
  const result = {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {}, tasks: { cancel: {}, requests: { tools: { call: {} } } } },
    serverInfo: { name: 'test', version: '1' },
  };
  return {
    'server/discover': {
      reply: answer(400, { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'not initialized' } }),
    },
    initialize: {
      reply: (response, { body }) => {
        answer(
          200,
          { jsonrpc: '2.0', id: JSON.parse(body).id, result },
          { 'mcp-session-id': sessionId },
        )(response, { body } as Received);
      },
    },
    'notifications/initialized': { reply: (response) => void response.writeHead(202).end() },
    'tools/list': ({ cursor }) => ({ result: cursor === undefined ? firstTools : lastTools }),
  };
}

export const modernMethods = (): Methods => ({
  'server/discover': {
    result: { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} } },
  },
});

export async function startMcpServer(methods: Methods): Promise<McpServer> {
  const called: (readonly [string, Json])[] = [];
  const vendor = await startVendor((response, received) => {
    const { method = 'answer', params = {}, id = null, result } = JSON.parse(received.body);
    called.push([method, method === 'answer' ? { id, result } : withoutEnvelope(params)]);
    const entry = methods[method];
    const answered = typeof entry === 'function' ? entry(params, id) : entry;
    if (answered === undefined) return answer(404, { message: `no method ${method}` })(response, received);
    if ('reply' in answered) return answered.reply(response, received);
    const message = { jsonrpc: '2.0', id, ...answered };
    if (!server.streams) return answer(200, message)(response, received);
    streamOf([{ jsonrpc: '2.0', method: 'notifications/progress', params: {} }, message])(response, received);
  });
  const server: McpServer = Object.assign(vendor, { called, methods, streams: false });
  return server;
}

/** Messages in a stream, which goes on for as long as it is listened to. */
export function streamOf(messages: readonly Json[]): Reply {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const message of messages) response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
  };
}

function withoutEnvelope({ _meta: _, ...params }: JsonObject): JsonObject {
  return params;
}
