import { adapters } from '../../adapters/index.ts';
import { parseConfig } from '../../src/config/load.ts';
import { startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/observability/log.ts';
import { sampleConfig } from '../../src/sandbox/sample-config.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';

/** A gateway in this process over a sandbox of its own, by the config that is made of it. Errors are logged to standard error. */
export async function openOverSandbox(
  configOf: (sandbox: Sandbox) => string,
): Promise<AsyncDisposable & { readonly url: string }> {
  const sandbox = await startSandbox();
  const config = await parseConfig(configOf(sandbox), { file: 'rungate.yaml', env: {}, registry: adapters });
  const destination = { write: (line: string) => void process.stderr.write(line) };
  const gateway = await startGateway(config, createLog({ level: 'error', secrets: config.secrets, destination }));
  return {
    url: gateway.url,
    [Symbol.asyncDispose]: async () => {
      await gateway.stop();
      await sandbox.close();
    },
  };
}

/** The config of `npm start` on any port, with its runs in memory. */
export function sampleInMemory(sandbox: Sandbox): string {
  return sampleConfig(sandbox).replace('port: 8080', 'port: 0').replace('sqlite:./data/rungate.db', 'sqlite::memory:');
}
