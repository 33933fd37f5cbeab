import { hash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { findNearest } from '../collections/nearest-word.ts';
import type { Adapter } from '../contract/adapter/adapter.ts';
import { isJsonObject } from '../json/json-object.ts';
import { parseExceptions } from '../upstream/ssrf-address.ts';
import { namedBackends } from './agent-backends.ts';
import { readAgents } from './agents.ts';
import { readAuth, refuseOpenAdmin, refuseOpenHost } from './auth-section.ts';
import { readBackends } from './backends.ts';
import { readCaps } from './caps.ts';
import type { Config } from './config.ts';
import { ConfigError, type ConfigPath } from './config-error.ts';
import { rootSchema } from './config-schema.ts';
import { readDocument } from './document.ts';
import { maxConfigBytes, maxSecretBytes, NotedFiles, readText, UnreadableFileError } from './files.ts';
import { type Environment, interpolate } from './interpolate.ts';
import { MappingLoader } from './mapping-layers.ts';
import { ConfigReader, isExtension, listNames } from './reader.ts';
import { readSchedules } from './schedules.ts';
import { findUrlPasswords, keepLongSecrets } from './secrets.ts';
import {
  a2aSchema,
  adminSchema,
  limitsSchema,
  logSchema,
  pacingSchema,
  replicasSchema,
  retentionSchema,
  serverSchema,
  storeSchema,
  tracingSchema,
  webhooksSchema,
} from './sections.ts';
import { shippedVendors } from './vendor-files.ts';
import { readVendors } from './vendors-section.ts';

/** The adapters that a config may name. */
export type Registry = readonly Adapter[];

export type ParseOptions = {
  /** Name of the config in problems. Mapping and secret files are relative to its directory. */
  readonly file: string;
  readonly env: Environment;
  readonly registry: Registry;
  /** Directory of the vendor files that need no mention. Default: those of rungate. */
  readonly vendorsDirectory?: string | undefined;
  /** Directory of the adapters' default mappings. Default: the mappings of rungate. */
  readonly mappingsDirectory?: string | undefined;
};

/**
 * Reads, interpolates, parses and cross-checks a config file. Opens nothing but the files that it names. Throws
 * `ConfigError` with every problem at once.
 */
export async function loadConfig(file: string, env: Environment, registry: Registry): Promise<Config> {
  const text = await readText(file, maxConfigBytes).catch((error: unknown) => {
    if (!(error instanceof UnreadableFileError)) throw error;
    throw new ConfigError(file, [{ path: '', message: `cannot be read: ${error.message}` }]);
  });
  return await parseConfig(text, { file, env, registry });
}

/** Like {@link loadConfig}, for a config that is not in a file. */
export async function parseConfig(text: string, options: ParseOptions): Promise<Config> {
  const { file, env, registry } = options;
  const baseDirectory = dirname(resolve(file));
  const document = readDocument(text);
  if (document.problems.length > 0) throw new ConfigError(file, document.problems);
  if (!isJsonObject(document.value)) {
    const message = document.value === null ? 'is empty' : 'must be a mapping of sections';
    throw new ConfigError(file, [{ path: '', message }]);
  }
  const [files, secretFiles] = [new NotedFiles(), new NotedFiles()];
  const readSecretFile = (path: string) => secretFiles.read(resolve(baseDirectory, path), maxSecretBytes);
  const { value, scalars } = await interpolate(document.value, env, readSecretFile, isVerbatim);
  const raw = isJsonObject(value) ? value : {};
  const reader = new ConfigReader(document, scalars);
  reader.hide(scalars.flatMap((scalar) => keepLongSecrets(scalar.secrets)));
  reader.hide(findUrlPasswords(value));

  reader.parse(rootSchema, raw, []);
  // An empty section, as in `server:`, takes every default.
  const section = <T>(name: string, schema: z.ZodType<T>) => reader.parse(schema, raw[name] ?? {}, [name]);
  const server = section('server', serverSchema);
  const store = section('store', storeSchema);
  const limits = section('limits', limitsSchema);
  const pacing = section('pacing', pacingSchema);
  const retention = section('retention', retentionSchema);
  const replicas = section('replicas', replicasSchema);
  const admin = section('admin', adminSchema);
  const a2a = section('a2a', a2aSchema);
  const log = section('log', logSchema);
  const tracing = section('tracing', tracingSchema);
  const webhooks = section('webhooks', webhooksSchema);
  const vendors = await readVendors(raw, {
    ...{ registry, reader, baseDirectory, readText: files.read },
    shippedDirectory: options.vendorsDirectory ?? shippedVendors,
  });
  const backends = readBackends(raw.backends, reader, { ...vendors, named: findBackendNames(raw.agents) });
  const { mappingTimeMs, checkTimeMs } = limits ?? limitsSchema.parse({});
  const mappings = new MappingLoader(
    {
      defaultsDirectory: options.mappingsDirectory ?? fileURLToPath(new URL('../../mappings', import.meta.url)),
      baseDirectory,
      defaults: vendors.mappings,
      readText: files.read,
      timeMs: mappingTimeMs,
    },
    reader,
  );
  const allowed = parseExceptions(webhooks?.allow ?? []);
  const agents = await readAgents(raw.agents, { backends, mappings, reader, allowed, checkTimeMs, mappingTimeMs });
  const defaultAgent = readDefaultAgent(raw.defaultAgent, agents.names, reader);
  const schedules = await readSchedules(raw.schedules, agents, reader);
  const caps = readCaps(raw.caps, agents.names, reader);
  const auth = readAuth(raw.auth, agents.names, reader);
  const openHost = server === undefined || auth === undefined ? null : refuseOpenHost(server.host, auth);
  if (openHost !== null) reader.report(['server', 'host'], openHost);
  const openAdmin = admin === undefined || auth === undefined ? null : refuseOpenAdmin(admin, auth);
  if (openAdmin !== null) reader.report(['admin', 'host'], openAdmin);

  if (reader.problemCount > 0) throw new ConfigError(file, reader.listProblems());
  if (
    !server ||
    !store ||
    !limits ||
    !pacing ||
    !retention ||
    !replicas ||
    !admin ||
    !a2a ||
    !log ||
    !tracing ||
    !webhooks
  ) {
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
    hash: hash('sha256', JSON.stringify([document.value, files.digest])).slice(0, 12),
    fingerprint: hash('sha256', JSON.stringify([document.value, value, files.digest, secretFiles.digest])),
    server,
    store,
    limits,
    pacing,
    retention,
    replicas,
    admin,
    a2a,
    log,
    tracing,
    auth,
    webhooks,
    defaultAgent,
    vendors: vendors.own,
    backends: backends.backends,
    agents: agents.agents,
    schedules,
    caps,
    secrets: [...new Set(secrets)],
  });
}

function readDefaultAgent(value: unknown, names: readonly string[], reader: ConfigReader): string | null {
  if (value === undefined || value === null) return null;
  const path = ['defaultAgent'];
  const name = reader.parse(z.string(), value, path);
  if (name === undefined || reader.hasFailed(path)) return null;
  if (!names.includes(name))
    reader.report(path, `names no agent${listNames(names)}`, { hint: findNearest(name, names) });
  return name;
}

/** The backends that agents name, right or wrong. */
function findBackendNames(agents: unknown): ReadonlySet<unknown> {
  return new Set(Array.isArray(agents) ? agents.flatMap((agent: unknown) => namedBackends(agent)) : []);
}

/**
 * Mappings and JSON Schemas are languages of their own, in which `${` has another meaning. What a section keeps under
 * `x-` is not read, only what refers to it.
 */
function isVerbatim(path: ConfigPath, value: unknown): boolean {
  const name = path.at(-1);
  // A backend may be named so; see readBackends.
  const isNamed = path[0] === 'backends' && path.length === 2;
  if (typeof name === 'string' && isExtension(name) && path.length <= 3 && !isNamed) return true;
  if (typeof value === 'string' || path.length !== 3 || path[0] !== 'agents') return false;
  return path[2] === 'mapping' || path[2] === 'schemas';
}

/** Freezes plain objects and arrays at every depth; instances of classes stay as they are. */
function freezeDeep<T>(value: T): T {
  if (Array.isArray(value)) {
    for (const item of value) freezeDeep(item);
    return Object.freeze(value);
  }
  if (!isPlain(value) || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) freezeDeep(member);
  return Object.freeze(value);
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
