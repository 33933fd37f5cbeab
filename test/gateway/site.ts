import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adapters } from '../../adapters/index.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/observability/log.ts';
import { AcpClient, refuseSecrets } from './client.ts';
import { type IntunedStandIn, type RestackStandIn, secrets } from './stand-ins.ts';

/** What a test sets for a gateway; the rest has the defaults below. */
export type SiteOptions = {
  readonly intuned?: IntunedStandIn;
  readonly restack?: RestackStandIn;
  /** More backends. */
  readonly backends?: JsonObject;
  /** Keys of the backends. */
  readonly backend?: JsonObject;
  readonly agents: readonly JsonObject[];
  /** Sections of the config. */
  readonly sections?: JsonObject;
  /** Whether the store is `runs.db` in the folder, or in memory only. */
  readonly keeps?: boolean;
};

/** A whole gateway in this process, as `rungate serve` makes it. */
export type Site = AsyncDisposable & {
  readonly client: AcpClient;
  /** Everything that was logged, down to the debug level. */
  readonly log: readonly JsonObject[];
  readonly folder: string;
  stop(): Promise<void>;
};

/** The config as its file has it. JSON is YAML. */
export function writeConfig(options: SiteOptions, folder: string): string {
  const { intuned, restack, backend, agents, sections, keeps } = options;
  const backends: Record<string, Json> = { ...options.backends };
  if (intuned !== undefined) {
    const { baseUrl, workspace: workspaceId } = intuned;
    backends.intuned = { adapter: 'intuned', baseUrl, workspaceId, apiKey: secrets.apiKey, ...backend };
  }
  if (restack !== undefined) {
    const token: JsonObject = restack.token === null ? {} : { token: restack.token };
    backends.restack = { adapter: 'restack', baseUrl: restack.origin, ...token, ...backend };
  }
  return JSON.stringify({
    server: { port: 0 },
    // A store in a file has a thread of its own, which takes longer to start than most tests last.
    store: { url: keeps === true ? `sqlite:${join(folder, 'runs.db')}` : 'sqlite::memory:' },
    pacing: { floorMs: 5, watchedCeilingMs: 20, ceilingMs: 40 },
    log: { level: 'debug' },
    ...sections,
    backends,
    agents,
  });
}

export async function openSite(options: SiteOptions): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-gateway-'));
  const text = writeConfig(options, folder);
  const config = await parseConfig(text, { file: join(folder, 'test.yaml'), env: {}, registry: adapters });
  const log: JsonObject[] = [];
  const write = (line: string) => {
    refuseSecrets(line, 'the log');
    log.push(JSON.parse(line) as JsonObject);
  };
  const { secrets } = config;
  const gateway = await startGateway(config, createLog({ level: config.log.level, secrets, destination: { write } }));
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (!stopped) await gateway.stop();
    stopped = true;
  };
  return {
    client: new AcpClient(gateway.url),
    log,
    folder,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const scraper: JsonObject = {
  name: 'price-scraper',
  version: '1.2.0',
  description: 'Reads prices.',
  backend: 'intuned',
  target: { project: 'shop', api: 'scrape-prices' },
};

export const support: JsonObject = {
  name: 'support',
  backend: 'restack',
  target: { agent: 'CustomerSupportAgent' },
};

export const order: JsonObject = {
  name: 'order',
  backend: 'restack',
  target: { workflow: 'OrderFulfillmentWorkflow' },
};
