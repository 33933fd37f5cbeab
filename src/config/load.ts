import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Adapter } from '../contract/adapter/adapter.ts';
import { isJsonObject } from '../json/json-object.ts';
import { parseExceptions } from '../upstream/ssrf-address.ts';
import { findNearest } from '../validation/nearest-word.ts';
import { listNames, readAgents } from './agent-entries.ts';
import { readAuth } from './auth-section.ts';
import { readBackends } from './backends.ts';
import type { Config } from './config.ts';
import { ConfigError, type ConfigPath, type ConfigProblem } from './config-error.ts';
import { readDocument } from './document.ts';
import { sayWhyUnreadable } from './file-reason.ts';
import { freezeDeep } from './freeze.ts';
import { type Environment, interpolate } from './interpolate.ts';
import { MappingLoader } from './mapping-layers.ts';
import { refuseOpenHost } from './open-host.ts';
import { ConfigReader } from './reader.ts';
import { findUrlPasswords, keepLongSecrets } from './secrets.ts';
import {
  limitsSchema,
  logSchema,
  pacingSchema,
  replicasSchema,
  retentionSchema,
  rootSchema,
  serverSchema,
  storeSchema,
  webhooksSchema,
} from './sections.ts';

/** The adapters that a config may name. */
export type Registry = readonly Adapter[];

export type ParseOptions = {
  /** What problems call the config; mapping and secret files are relative to its directory. */
  readonly file: string;
  readonly env: Environment;
  readonly registry: Registry;
  /** Where the adapters' default mappings lie; left out, those that come with rungate. */
  readonly mappingsDirectory?: string | undefined;
};

/**
 * Reads, interpolates, parses and cross-checks a config file (design, section 8). Opens nothing else than the files
 * that it names. Throws `ConfigError` with every problem at once.
 */
export async function loadConfig(file: string, env: Environment, registry: Registry): Promise<Config> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new ConfigError(file, [{ path: '', message: `cannot be read: ${sayWhyUnreadable(error)}` }]);
  }
  return await parseConfig(text, { file, env, registry });
}

/** The same for a config that is not in a file. Throws `ConfigError` with every problem at once. */
export async function parseConfig(text: string, options: ParseOptions): Promise<Config> {
  const { file, env, registry } = options;
  const baseDirectory = dirname(resolve(file));
  const document = readDocument(text);
  if (document.problems.length > 0) throw new ConfigError(file, document.problems);
  if (!isJsonObject(document.value)) {
    const message = document.value === null ? 'is empty' : 'must be a mapping of sections';
    throw new ConfigError(file, [{ path: '', message }]);
  }
  const readSecretFile = (path: string) => readFileText(resolve(baseDirectory, path));
  const { value, scalars } = await interpolate(document.value, env, readSecretFile, isVerbatim);
  const raw = isJsonObject(value) ? value : {};
  const reader = new ConfigReader(document.locate, scalars);

  reader.parse(rootSchema, raw, []);
  // A section without members, as in `server:`, is one that takes every default.
  const section = <T>(name: string, schema: z.ZodType<T>) => reader.parse(schema, raw[name] ?? {}, [name]);
  const server = section('server', serverSchema);
  const store = section('store', storeSchema);
  const limits = section('limits', limitsSchema);
  const pacing = section('pacing', pacingSchema);
  const retention = section('retention', retentionSchema);
  const replicas = section('replicas', replicasSchema);
  const log = section('log', logSchema);
  const webhooks = section('webhooks', webhooksSchema);
  const backends = readBackends(raw.backends, registry, reader);
  const mappings = new MappingLoader(
    {
      defaultsDirectory: options.mappingsDirectory ?? fileURLToPath(new URL('../../mappings', import.meta.url)),
      baseDirectory,
      timeMs: limits?.mappingTimeMs ?? limitsSchema.parse({}).mappingTimeMs,
    },
    reader,
  );
  const agents = await readAgents(raw.agents, backends, mappings, reader, parseExceptions(webhooks?.allow ?? []));
  const defaultAgent = readDefaultAgent(raw.defaultAgent, agents.names, reader);
  const auth = readAuth(raw.auth, agents.names, reader);
  const openHost = server === undefined || auth === undefined ? null : refuseOpenHost(server.host, auth);
  if (openHost !== null) reader.report(['server', 'host'], openHost);

  if (reader.problems.length > 0) throw new ConfigError(file, inOrder(reader.problems));
  if (!server || !store || !limits || !pacing || !retention || !replicas || !log || !webhooks) {
    throw new TypeError('a section was refused without a problem');
  }
  if (auth === undefined) throw new TypeError('auth was refused without a problem');
  const secrets = [
    ...backends.backends.flatMap((backend) => backend.secrets),
    ...webhooks.secrets,
    ...findUrlPasswords(value),
    ...keepLongSecrets(scalars.flatMap((scalar) => scalar.secrets)),
  ];
  return freezeDeep({
    file,
    server,
    store,
    limits,
    pacing,
    retention,
    replicas,
    log,
    auth,
    webhooks,
    defaultAgent,
    backends: backends.backends,
    agents: agents.agents,
    secrets: [...new Set(secrets)],
  });
}

function readDefaultAgent(value: unknown, names: readonly string[], reader: ConfigReader): string | null {
  if (value === undefined || value === null) return null;
  const path = ['defaultAgent'];
  const name = reader.parse(z.string(), value, path);
  if (name === undefined || reader.hasFailed(path)) return null;
  if (!names.includes(name)) reader.report(path, `names no agent${listNames(names)}`, findNearest(name, names));
  return name;
}

/** Mappings and JSON Schemas are languages of their own, in which `${` has another meaning. */
function isVerbatim(path: ConfigPath, value: unknown): boolean {
  if (typeof value === 'string' || path.length !== 3 || path[0] !== 'agents') return false;
  return path[2] === 'mapping' || path[2] === 'schemas';
}

async function readFileText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(sayWhyUnreadable(error), { cause: error });
  }
}

/** As they stand in the file: that is how they will be mended. */
function inOrder(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}
