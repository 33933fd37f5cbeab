import { flushCompileCache } from 'node:module';
import { adapters } from '../../adapters/index.ts';
import type { Config } from '../config/config.ts';
import type { ReadConfig } from '../config/config-admin.ts';
import { loadConfig, parseConfig } from '../config/load.ts';
import { createLog, openPrettyLines, type ProcessLog } from '../observability/log.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { type Command, configFlag, exitCodes, portFlag, say, UsageError } from './command.ts';
import { settleMemory } from './memory-settings.ts';
import { awaitStop, takeHangups } from './signals.ts';

/** `rungate serve`: the gateway, over a config or over the sandbox. */
export const serve: Command = {
  name: 'serve',
  usages: [
    { call: 'serve --config FILE [--host HOST] [--port N]', help: ['serve the config; port 0 picks a free one'] },
    { call: 'serve --sandbox [--port N]', help: ['serve a sample config over vendor stand-ins'] },
  ],
  flags: {
    config: configFlag,
    host: { value: 'HOST', help: 'Address to listen on, in place of `server.host`.' },
    port: { ...portFlag, help: 'Port to listen on, in place of `server.port`. 0 picks a free one.' },
    sandbox: { help: 'Serves a sample config over stand-ins of all vendors. Nothing else is needed.' },
  },
  run: async (line) => {
    // From the first step on; once there is a log, it has them too.
    takeHangups(() => undefined);
    const overrides: Overrides = { host: line.text('host'), port: line.port };
    const unused = ['host', 'config'].find((flag) => line.isSet('sandbox') && line.text(flag) !== undefined);
    if (unused !== undefined) throw new UsageError(`--sandbox brings its own config, so that --${unused} has no use`);
    if (line.isSet('sandbox')) return await serveSandbox(overrides, line.keepCode);
    const { configFile: file, keepCode } = line;
    const options = { file, env: process.env, registry: adapters };
    const read: ReadConfig = async (text) =>
      override(
        text === null ? await loadConfig(file, process.env, adapters) : await parseConfig(text, options),
        overrides,
      );
    return await serveConfig(await read(null), { read, keepCode });
  },
};

type Overrides = { readonly host: string | undefined; readonly port: number | undefined };

function override(config: Config, { host = config.server.host, port = config.server.port }: Overrides): Config {
  return { ...config, server: { ...config.server, host, port } };
}

async function serveSandbox({ port }: Overrides, keepCode: () => void): Promise<number> {
  // Loaded for this alone: a gateway over a config has no stand-ins.
  const { startSandbox } = await import('../sandbox/sandbox.ts');
  const { sampleConfig } = await import('../sandbox/sample-config.ts');
  const sandbox = await startSandbox();
  const options = { file: 'the sample config', env: process.env, registry: adapters };
  const config = await parseConfig(sampleConfig(sandbox), options);
  return await serveConfig(override(config, { host: undefined, port }), { sandbox, keepCode });
}

type Surroundings = { readonly read?: ReadConfig; readonly sandbox?: Sandbox; readonly keepCode: () => void };

async function serveConfig(config: Config, { read, sandbox, keepCode }: Surroundings): Promise<number> {
  // Half of all modules, which other commands do without. A bundle has them loaded already.
  const { startGateway } = await import('../gateway.ts');
  const log = await openLog(config);
  const onReload = ({ log: { level }, secrets }: Config) => log.adopt({ level, secrets });
  const gateway = await startGateway(config, log, { read, onReload, verbosity: log });
  takeHangups((signal) => {
    if (read !== undefined) void gateway.reload(signal);
    else log.info({ signal }, 'signal ignored; there is no config file to read again');
  });
  // Before the gateway is announced: a reader of that may stop it at once.
  const stop = awaitStop();
  log.info({ url: gateway.url, agents: config.agents.length }, 'rungate listens');
  log.flush();
  if (sandbox !== undefined) await say(renderExamples(gateway.url));
  // Node writes its cache when a process exits, which a process that is killed does not do.
  flushCompileCache();
  keepCode();
  settleMemory();
  const signal = await stop;
  log.info({ signal }, 'rungate stops');
  await gateway.stop();
  await sandbox?.close();
  log.info({}, 'rungate stopped');
  return exitCodes.ok;
}

async function openLog({ log: { level, format }, secrets }: Config): Promise<ProcessLog> {
  const isPretty = format === 'pretty' || (format === 'auto' && process.stdout.isTTY);
  if (!isPretty) return createLog({ level, secrets });
  return createLog({ level, secrets, destination: await openPrettyLines() });
}

/** Three lines to paste into a shell; the second and third read the run that the first one made. */
function renderExamples(url: string): string {
  return `
Try it:

  run=$(curl -s ${url}/runs -H 'content-type: application/json' -d '{"agent_id":"echo","input":{"hello":"world"}}' | sed 's/.*"run_id":"\\([^"]*\\)".*/\\1/')
  curl -s "${url}/runs/$run/output?block_timeout=10"; echo
  curl -sN ${url}/runs/$run/stream

`;
}
