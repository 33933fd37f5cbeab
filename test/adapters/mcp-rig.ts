import { mcp } from '../../adapters/mcp/adapter.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { legacyMethods, type McpServer, modernMethods, startMcpServer } from './mcp-server.ts';

export type Revision = 'legacy' | 'modern';

/** Tasks of the two revisions, as runs know them. */
export const refs = {
  legacy: { runId: 't-1', sessionId: 's-1' },
  modern: { runId: 't-1' },
} as const satisfies Readonly<Record<Revision, UpstreamRef>>;

export const token = 'mcp-token-1234567890';

/** A connection to a server over real sockets. */
export class McpRig {
  readonly server: McpServer;
  readonly connection: Connection;
  readonly #upstream: Upstream;

  constructor(server: McpServer, settings: JsonObject) {
    const parsed = mcp.settings.parse(settings);
    const own = { timeoutMs: 600, baseUrl: `${server.url}/mcp`, secrets: mcp.secretsOf(parsed) };
    this.server = server;
    this.#upstream = connectUpstream({ ...upstreamOptions, ...own });
    this.connection = mcp.connect(parsed, this.#upstream.client, createExpressionCompiler());
  }

  start(tool = 'work', input: Json = { topic: 'rain' }) {
    return this.connection.start({ target: targetOf(tool), input, config: {}, runId: 'run-1' });
  }

  observe(ref: UpstreamRef) {
    return this.connection.observe(targetOf('work'), ref);
  }

  async resume(ref: UpstreamRef, resumption: Json) {
    return await this.connection.resume?.(targetOf('work'), ref, resumption, 'delivery-1');
  }

  async cancel(ref: UpstreamRef): Promise<void> {
    await this.connection.cancel?.(targetOf('work'), ref);
  }

  /** The calls of a method, with their parameters. */
  callsOf(method: string) {
    return this.server.called.filter(([each]) => each === method);
  }

  async close(): Promise<void> {
    await this.server.stop();
    await this.#upstream.close();
  }
}

export async function openMcp(
  revision: Revision,
  methods: McpServer['methods'] = {},
  settings: JsonObject = { token },
): Promise<McpRig> {
  const usual = revision === 'legacy' ? legacyMethods() : modernMethods();
  return new McpRig(await startMcpServer({ ...usual, ...methods }), settings);
}

export const targetOf = (tool: string) => mcp.target.parse({ tool, maxCallSeconds: 1 });
export const content = (text: string): JsonObject => ({ content: [{ type: 'text', text }] });
export const task = (status: string, more: JsonObject = {}): JsonObject => ({ taskId: 't-1', status, ...more });
