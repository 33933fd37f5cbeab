import type { JsonObject } from '../../../src/contract/domain/json.ts';
import type { Sandbox } from '../../../src/sandbox/sandbox.ts';
import { openOverSandbox } from '../../gateway/over-sandbox.ts';

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
  return await openOverSandbox((sandbox) =>
    JSON.stringify({ ...siteConfig(sandbox), store: { url: 'sqlite::memory:' } }),
  );
}
