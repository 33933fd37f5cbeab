import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { type Gateway, serveConfig } from '../gateway.ts';

export type WatchingOptions = {
  readonly name: string;
  readonly scratch: string;
  readonly vendorUrl: string;
  readonly agents: readonly { readonly name: string; readonly api: string }[];
  readonly storeUrl?: string;
  /** Calls to the vendor in any one second. */
  readonly budget?: number;
  /** The vendor notifies the gateway when a run ends. */
  readonly pushes?: boolean;
};

/** A gateway with the default pacing. */
export async function startWatching(options: WatchingOptions): Promise<Gateway> {
  const { name, scratch, vendorUrl, agents, budget, pushes = false } = options;
  const port = await findFreePort();
  return await serveConfig(name, scratch, {
    server: { host: '127.0.0.1', port },
    store: { url: options.storeUrl ?? `sqlite:${join(scratch, `${name}.db`)}` },
    backends: {
      vendor: {
        adapter: 'intuned',
        baseUrl: vendorUrl,
        workspaceId: 'bench',
        apiKey: 'sandbox-key',
        ...(budget !== undefined && { requestsPerSecond: budget }),
        ...(pushes && { push: { publicUrl: `http://127.0.0.1:${port}` } }),
      },
    },
    agents: agents.map((agent) => ({
      name: agent.name,
      backend: 'vendor',
      target: { project: 'bench', api: agent.api },
    })),
  });
}

/** The vendor needs the URL for its pushes before the gateway listens. */
async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = z.object({ port: z.number() }).parse(probe.address());
  probe.close();
  await once(probe, 'close');
  return port;
}
