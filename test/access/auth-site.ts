import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adapters } from '../../adapters/index.ts';
import { hashKey } from '../../src/access/key-ring.ts';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { type Gateway, startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/observability/log.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';

/** A whole gateway over the sandbox, from a config with auth. */
export type AuthSite = AsyncDisposable & {
  /** Another one after a restart. */
  readonly url: string;
  readonly config: Config;
  readonly sandbox: Sandbox;
  /** Everything that was logged, as text. */
  readonly log: () => string;
  /** `key` is sent as `Authorization: Bearer`; null: none is. */
  ask(key: string | null, method: string, path: string, body?: Json): Promise<Asked>;
  /** Another gateway process's worth of gateway, on the same store. */
  twin(): Promise<Gateway>;
  /** Stops the gateway and starts one on what it left. */
  restart(): Promise<void>;
};

export type Asked = { readonly status: number; readonly headers: Headers; readonly body: Json };

export type AuthSiteOptions = {
  /** Sections of the config. */
  readonly sections?: JsonObject;
  readonly storeUrl?: string;
  /** Members of the backends. */
  readonly backend?: JsonObject;
  /** Keys that the vendor takes. */
  readonly apiKeys?: readonly string[];
  /** Further agents of the config. */
  readonly agents?: readonly JsonObject[];
};

/** A key of the config: what stands there of it, and what the client sends. */
export function keyOf(name: string, more: JsonObject = {}): { readonly key: string; readonly entry: JsonObject } {
  const key = `rungate_test-${name}`;
  return { key, entry: { name, sha256: hashKey(key), ...more } };
}

const agents: readonly JsonObject[] = [
  { name: 'echo', backend: 'intuned', target: { project: 'samples', api: 'echo' } },
  { name: 'scrape', backend: 'intuned', target: { project: 'samples', api: 'scrape-prices' } },
  {
    name: 'approval',
    backend: 'restack',
    target: { agent: 'ApprovalAgent' },
    mapping: { interrupt: 'output.interrupt' },
  },
];

export async function openAuthSite(options: AuthSiteOptions = {}): Promise<AuthSite> {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-auth-'));
  const sandbox = await startSandbox(options.apiKeys === undefined ? {} : { apiKeys: options.apiKeys });
  const credentials = { workspaceId: 'sandbox', apiKey: 'sandbox-key' };
  const text = JSON.stringify({
    server: { port: 0 },
    store: { url: options.storeUrl ?? `sqlite:${join(folder, 'runs.db')}?synchronous=normal` },
    pacing: { floorMs: 5, watchedCeilingMs: 10, ceilingMs: 20 },
    defaultAgent: 'echo',
    ...options.sections,
    backends: {
      intuned: { adapter: 'intuned', baseUrl: sandbox.intunedUrl, ...credentials, ...options.backend },
      restack: { adapter: 'restack', baseUrl: sandbox.restackUrl },
    },
    agents: [...agents, ...(options.agents ?? [])],
  });
  const config = await parseConfig(text, { file: join(folder, 'auth.yaml'), env: {}, registry: adapters });
  let lines = '';
  const write = (line: string): void => {
    lines += line;
  };
  const log = createLog({ level: 'debug', secrets: config.secrets, destination: { write } });
  const gateways = [await startGateway(config, log, { verbosity: log })];
  const url = (): string => gateways[0]?.url ?? '';
  return {
    get url() {
      return url();
    },
    config,
    sandbox,
    log: () => lines,
    ask: (key, method, path, body) => ask(url(), key, method, path, body),
    twin: async () => {
      const gateway = await startGateway(config, log, { verbosity: log });
      gateways.push(gateway);
      return gateway;
    },
    restart: async () => {
      await gateways.shift()?.stop();
      gateways.unshift(await startGateway(config, log, { verbosity: log }));
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(gateways.map((gateway) => gateway.stop()));
      await sandbox.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function ask(url: string, key: string | null, method: string, path: string, body?: Json): Promise<Asked> {
  const answer = await fetch(url + path, {
    method,
    headers: {
      // Some errors name the request, and two that are compared have to be equal.
      'x-request-id': 'test',
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      'a2a-version': '1.0',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.includes('json') === true && text !== '';
  return { status: answer.status, headers: answer.headers, body: isJson ? (JSON.parse(text) as Json) : text };
}
