import { adapters } from '../../../adapters/index.ts';
import { parseConfig } from '../../../src/config/load.ts';
import type { JsonObject } from '../../../src/contract/domain/json.ts';
import { startGateway } from '../../../src/gateway.ts';
import { createLog } from '../../../src/observability/log.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';

/** The config of a gateway over the sandbox, but for its store. */
function siteConfig({ intunedUrl, restackUrl }: Sandbox): JsonObject {
  return {
    server: { port: 0 },
    pacing: { floorMs: 20, watchedCeilingMs: 100, ceilingMs: 200 },
    log: { level: 'error' },
    defaultAgent: 'scrape',
    backends: {
      intuned: { adapter: 'intuned', baseUrl: intunedUrl, workspaceId: 'sandbox', apiKey: 'sandbox-key' },
      restack: { adapter: 'restack', baseUrl: restackUrl },
    },
    agents: [
      { name: 'scrape', backend: 'intuned', target: { project: 'samples', api: 'scrape-prices' }, timeoutSeconds: 60 },
      {
        name: 'support',
        backend: 'restack',
        target: { agent: 'CustomerSupportAgent' },
        schemas: { input: { type: 'object', required: ['message'], properties: { message: { type: 'string' } } } },
      },
      {
        name: 'approval',
        backend: 'restack',
        target: { agent: 'ApprovalAgent' },
        mapping: { interrupt: 'output.interrupt' },
      },
    ],
  };
}

/** A gateway in this process, over the sandbox. */
export async function openGateway() {
  const sandbox = await startSandbox();
  const text = JSON.stringify({ ...siteConfig(sandbox), store: { url: 'sqlite::memory:' } });
  const config = await parseConfig(text, { file: 'a2a.yaml', env: {}, registry: adapters });
  const destination = { write: (line: string) => void process.stderr.write(line) };
  const gateway = await startGateway(config, createLog({ level: 'error', secrets: config.secrets, destination }));
  return {
    url: gateway.url,
    async close() {
      await gateway.stop();
      await sandbox.close();
    },
  };
}
