import { flushCompileCache } from 'node:module';
import { parseArgs } from 'node:util';
import { adapters } from '../../adapters/index.ts';
import { describeKey } from '../access/make-key.ts';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { loadConfig, parseConfig } from '../config/load.ts';
import { listDeliveries, redriveDeliveries } from '../engine/webhooks/outbox-admin.ts';
import { startGateway } from '../gateway.ts';
import { createLog } from '../observability/log.ts';
import { sampleConfig } from '../sandbox/sample-config.ts';
import { type Sandbox, startSandbox } from '../sandbox/sandbox.ts';
import { openOutbox } from '../store/open.ts';
import { nameSchema } from '../validation/name-schema.ts';

const usage = `rungate: one run API in front of every agent vendor

  rungate serve --config FILE [--host HOST] [--port N]   serve the config; port 0 picks a free one
  rungate serve --sandbox [--port N]                     serve a sample config over vendor stand-ins
  rungate check --config FILE                            say everything that is wrong with a config
  rungate key [--name NAME] [--tenant TENANT]            make a key for a client; print it and its hash, once
  rungate webhooks --config FILE list [--run ID] [--failed]
                                                         show what receivers of webhooks are owed, newest first
  rungate webhooks --config FILE redrive [--run ID] [--failed]
                                                         try again what was given up or waits, of a run or of all;
                                                         a running gateway begins within seconds
  rungate sandbox [--port N]                             run the vendor stand-ins alone; N, N+1, N+2
`;

const exitCodes = { ok: 0, failed: 1, usage: 2, interruptedTwice: 130 } as const;

/** Carries out one command line, without the program's name. Resolves with the exit code once all is done. */
export async function runCommand(words: readonly string[]): Promise<number> {
  return await carryOut(words).catch(explain);
}

async function carryOut(words: readonly string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      host: { type: 'string' },
      port: { type: 'string' },
      name: { type: 'string' },
      tenant: { type: 'string' },
      sandbox: { type: 'boolean' },
      run: { type: 'string' },
      failed: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [command, ...rest] = positionals;
  if (values.help === true) return say(usage);
  if (rest.length > (command === 'webhooks' ? 1 : 0)) throw new UsageError(`unexpected: ${rest.join(' ')}`);
  const port = values.port === undefined ? undefined : readPort(values.port);
  switch (command) {
    case 'serve':
      if (values.sandbox === true) return await serveSandbox(port);
      return await serve(
        withOverrides(await loadConfig(required(values.config), process.env, adapters), { ...values, port }),
      );
    case 'check':
      return await check(required(values.config));
    case 'key':
      return say(
        describeKey({
          name: readName('--name', values.name ?? 'client'),
          tenant: readName('--tenant', values.tenant ?? 'default'),
        }),
      );
    case 'webhooks':
      return await runWebhooks(rest[0], required(values.config), { runId: values.run, failed: values.failed === true });
    case 'sandbox':
      return await runSandbox(port ?? 0);
    default:
      throw new UsageError(command === undefined ? 'a command is missing' : `no such command: ${command}`);
  }
}

class UsageError extends Error {}

function required(file: string | undefined): string {
  if (file === undefined) throw new UsageError('--config FILE is missing');
  return file;
}

function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new UsageError(`--port takes a number from 0 to 65535, not ${text}`);
  return port;
}

function readName(flag: string, text: string): string {
  const name = nameSchema.safeParse(text);
  if (!name.success) throw new UsageError(`${flag} ${name.error.issues[0]?.message}`);
  return name.data;
}

function withOverrides(
  config: Config,
  flags: { readonly host?: string | undefined; readonly port?: number | undefined },
): Config {
  const { host = config.server.host, port = config.server.port } = flags;
  return { ...config, server: { ...config.server, host, port } };
}

async function serve(config: Config, sandbox?: Sandbox): Promise<number> {
  const log = createLog({ level: config.log.level, secrets: config.secrets });
  const gateway = await startGateway(config, log);
  log.info({ url: gateway.url, agents: config.agents.length }, 'rungate listens');
  log.flush();
  if (sandbox !== undefined) say(examples(gateway.url));
  // Node would write it at the end, and a process that is killed has none.
  flushCompileCache();
  const signal = await nextSignal();
  log.info({ signal }, 'rungate stops');
  await gateway.stop();
  await sandbox?.close();
  log.info({}, 'rungate stopped');
  return exitCodes.ok;
}

async function serveSandbox(port: number | undefined): Promise<number> {
  const sandbox = await startSandbox();
  const config = await parseConfig(sampleConfig(sandbox), {
    file: 'the sample config',
    env: process.env,
    registry: adapters,
  });
  return await serve(withOverrides(config, { port }), sandbox);
}

async function check(file: string): Promise<number> {
  const config = await loadConfig(file, process.env, adapters);
  const [agents, backends] = [sayCount(config.agents, 'agent'), sayCount(config.backends, 'backend')];
  return say(`${file}: ${agents} over ${backends}, nothing wrong\n`);
}

/** Gateways may run meanwhile: what is redriven is found by their next look into the outbox. */
async function runWebhooks(
  action: string | undefined,
  file: string,
  which: { readonly runId: string | undefined; readonly failed: boolean },
): Promise<number> {
  if (action !== 'list' && action !== 'redrive') throw new UsageError('webhooks takes list or redrive');
  if (action === 'redrive' && which.runId === undefined && !which.failed) {
    throw new UsageError('webhooks redrive takes --run ID, --failed or both');
  }
  const config = await loadConfig(file, process.env, adapters);
  const log = createLog({ level: config.log.level, secrets: config.secrets });
  const opened = await openOutbox(config.store.url, { log, readOnly: action === 'list' });
  try {
    if (action === 'list') return say(await listDeliveries(opened.outbox, which));
    return say(`${await redriveDeliveries(opened.outbox, which, Date.now())} to be sent again\n`);
  } finally {
    await opened.close();
  }
}

function sayCount({ length }: readonly unknown[], noun: string): string {
  return `${length} ${noun}${length === 1 ? '' : 's'}`;
}

async function runSandbox(port: number): Promise<number> {
  const ports = port === 0 ? {} : { intunedPort: port, restackPort: port + 1, controlPort: port + 2 };
  const sandbox = await startSandbox(ports);
  say(`intuned: ${sandbox.intunedUrl}\nrestack: ${sandbox.restackUrl}\ncontrol: ${sandbox.controlUrl}\n`);
  await nextSignal();
  await sandbox.close();
  return exitCodes.ok;
}

/** Three lines to paste into a shell; the second and third read the run that the first one made. */
function examples(url: string): string {
  return `
Try it:

  run=$(curl -s ${url}/runs -H 'content-type: application/json' -d '{"agent_id":"echo","input":{"hello":"world"}}' | sed 's/.*"run_id":"\\([^"]*\\)".*/\\1/')
  curl -s "${url}/runs/$run/output?block_timeout=10"; echo
  curl -sN ${url}/runs/$run/stream

`;
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let seen = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      seen += 1;
      // Somebody who asks twice does not want to wait for vendors.
      if (seen > 1) process.exit(exitCodes.interruptedTwice);
      resolve(signal);
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  });
}

function say(text: string): number {
  process.stdout.write(text);
  return exitCodes.ok;
}

function explain(error: unknown): number {
  if (
    error instanceof UsageError ||
    (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
  ) {
    process.stderr.write(`rungate: ${error.message}\n\n${usage}`);
    return exitCodes.usage;
  }
  const prefix = error instanceof ConfigError ? '' : 'rungate: ';
  process.stderr.write(`${prefix}${error instanceof Error ? error.message : String(error)}\n`);
  return exitCodes.failed;
}
