import { adapters } from '../../adapters/index.ts';
import { parseConfig } from '../../src/config/load.ts';
import { startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/observability/log.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { fixtures } from './fixtures.ts';

/** A gateway in this process whose tools are the fixtures. */
export async function openFixtureGateway() {
  const sandbox = await startSandbox();
  const text = JSON.stringify({
    server: { port: 0 },
    store: { url: 'sqlite::memory:' },
    pacing: { floorMs: 5, watchedCeilingMs: 20, ceilingMs: 40 },
    log: { level: 'error' },
    backends: {
      restack: { adapter: 'restack', baseUrl: sandbox.restackUrl },
      intuned: { adapter: 'intuned', baseUrl: sandbox.intunedUrl, workspaceId: 'sandbox', apiKey: 'sandbox-key' },
    },
    agents: fixtures,
  });
  const config = await parseConfig(text, { file: 'fixtures.yaml', env: {}, registry: adapters });
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
