import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { connect } from 'node:tls';
import type { BackendConfig, Config } from '../config/config.ts';
import type { Connection } from '../contract/adapter/adapter.ts';
import { UpstreamFault } from '../contract/adapter/http.ts';
import { MappingFault } from '../contract/domain/mapping.ts';
import type { UpstreamRef } from '../contract/domain/run.ts';
import { createExpressionCompiler } from '../mapping/expressions.ts';
import { createLog } from '../observability/log.ts';
import { createRedactor } from '../observability/redaction.ts';
import { openOutbox } from '../store/open.ts';
import { connectUpstream } from '../upstream/connect.ts';

/** What trying one thing showed, in words. `isGood` null: it could not be judged. */
export type Finding = { readonly name: string; readonly isGood: boolean | null; readonly text: string };

/** No run has this id at any vendor. */
const impossibleId = '00000000-0000-4000-8000-000000000000';
const timeoutMs = 15_000;

/**
 * Asks every backend, and with credentials by tenant each of them, for a run that cannot exist, which changes nothing there; and opens the
 * store to read.
 */
export async function tryConnections(config: Config): Promise<readonly Finding[]> {
  const backends = await Promise.all(
    config.backends.flatMap((backend) =>
      backend.settingsByTenant === null
        ? [tryBackend(config, backend, { name: backend.name, settings: backend.settings })]
        : Object.entries(backend.settingsByTenant).map(([tenant, settings]) =>
            tryBackend(config, backend, { name: `${backend.name} (${tenant})`, settings }),
          ),
    ),
  );
  return [...backends, await tryStore(config)];
}

type Account = { readonly name: string; readonly settings: unknown };

async function tryBackend(config: Config, backend: BackendConfig, { name, settings }: Account): Promise<Finding> {
  const { adapter, baseUrl, secrets, requestTimeoutMs } = backend;
  const url = new URL(baseUrl);
  const tls = adapter.connectionOptionsOf?.(settings).tls;
  const places = await lookup(url.hostname.replace(/^\[|\]$/g, '')).catch((error: Error) => error);
  if (places instanceof Error)
    return { name, isGood: false, text: `its host ${url.hostname} has no address: ${places.message}` };
  const certificate = url.protocol === 'https:' ? await readCertificate(url) : null;
  const agent = config.agents.find(
    ({ backend: only, backends = [] }) => only === backend.name || backends.some((each) => each.name === backend.name),
  );
  if (agent === undefined)
    return { name, isGood: null, text: `${places.address} is its address; no agent is there to ask about` };
  const { client, close } = connectUpstream({
    ...{ baseUrl, secrets, createRedactor, tls, maxConnections: 1, maxAnswerBytes: 1024 * 1024 },
    ...{ timeoutMs: Math.min(requestTimeoutMs, timeoutMs), connectTimeoutMs: timeoutMs },
  });
  try {
    const connection = adapter.connect(settings, client, createExpressionCompiler());
    const found = await ask(connection, agent.target);
    const text = [found.text, certificate].filter((each) => each !== null).join('; ');
    return { name, isGood: found.isGood, text };
  } finally {
    await close();
  }
}

async function ask(connection: Connection, target: unknown): Promise<Omit<Finding, 'name'>> {
  try {
    await connection.observe(target, impossibleRun);
    return { isGood: true, text: 'answers, and takes the key' };
  } catch (error) {
    if (error instanceof MappingFault)
      return { isGood: null, text: `cannot be asked without a run of its own: ${error.message}` };
    if (!(error instanceof UpstreamFault)) throw error;
    const { httpStatus: status, message } = error;
    if (status === null) return { isGood: false, text: `does not answer: ${message}` };
    if (status === 401 || status === 403) return { isGood: false, text: `refuses the key (${status}): ${message}` };
    if (status === 404 || status === 410) return { isGood: true, text: 'answers, and takes the key' };
    if (status === 429) return { isGood: null, text: 'answers, and asks for a pause (429)' };
    if (status >= 500) return { isGood: false, text: `fails (${status}): ${message}` };
    return { isGood: null, text: `answers ${status}, which says nothing of the key: ${message}` };
  }
}

/** Adapters name the ids of their runs as they like: each of them is the id that no run has. */
const impossibleRun: UpstreamRef = new Proxy<{ runId: string; [name: string]: string }>(
  { runId: impossibleId },
  { get: (_, name) => (typeof name === 'string' && name !== 'toJSON' && name !== 'then' ? impossibleId : undefined) },
);

/** Until when the certificate is valid; null where none was shown, which the call itself explains. */
async function readCertificate({ hostname, port }: URL): Promise<string | null> {
  return await new Promise((resolve) => {
    // Judged by the call; looked at here for its date alone.
    const socket = connect({
      host: hostname,
      port: Number(port || 443),
      servername: hostname,
      rejectUnauthorized: false,
    });
    const end = (text: string | null) => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(timeoutMs, () => end(null));
    socket.once('error', () => end(null));
    socket.once('secureConnect', () => {
      const { valid_to: until } = socket.getPeerCertificate();
      const days = Math.floor((Date.parse(until) - Date.now()) / 86_400_000);
      end(Number.isNaN(days) ? null : `certificate valid for ${days} days`);
    });
  });
}

async function tryStore({ store, log, secrets }: Config): Promise<Finding> {
  const name = 'store';
  const [, path = ''] = /^sqlite:(?:\/\/)?([^?]*)/.exec(store.url) ?? [];
  if (path === ':memory:' || (path !== '' && !existsSync(path))) {
    return { name, isGood: null, text: 'there is none yet; the first start makes it' };
  }
  try {
    const options = { log: createLog({ level: log.level, secrets }), notifyUrl: store.notifyUrl, readOnly: true };
    const opened = await openOutbox(store.url, options);
    await opened.close();
    return { name, isGood: true, text: 'opens' };
  } catch (error) {
    return { name, isGood: false, text: error instanceof Error ? error.message : String(error) };
  }
}
