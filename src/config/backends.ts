import { createHash } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { z } from 'zod';
import { findNearest } from '../collections/nearest-word.ts';
import type { Adapter } from '../contract/adapter/adapter.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { readJson } from '../json/exact-number.ts';
import { isJsonObject } from '../json/json-object.ts';
import { nameSchema } from '../validation/name-schema.ts';
import type { BackendConfig } from './config.ts';
import type { ConfigPath } from './config-error.ts';
import { backendSchema } from './entry-schemas.ts';
import { type ConfigReader, isExtension, listNames } from './reader.ts';

export type BackendEntries = {
  readonly backends: readonly BackendConfig[];
  /** Every name in the config, right or wrong, with its adapter where that is known. */
  readonly adapters: ReadonlyMap<string, Adapter | undefined>;
};

/** The adapters that a config names, and the names of all that it could name. */
export type KnownAdapters = { readonly adapters: readonly Adapter[]; readonly names: readonly string[] };

type BackendNames = KnownAdapters & {
  /** The backends that agents name. */
  readonly named: ReadonlySet<unknown>;
};

type Members = Readonly<Record<string, unknown>>;

/** Of calls that share connections, by default: far below the hundred streams that a connection usually has. */
const heldPerConnection = 4;
const sharedKeys = Object.keys(backendSchema.shape);

/**
 * Reads `backends`: shared keys by the shared schema, the others by the schema of the adapter. An entry under `x-` is a
 * part to merge, unless an agent names it.
 */
export function readBackends(value: unknown, reader: ConfigReader, { named, ...known }: BackendNames): BackendEntries {
  const found = new Map<string, Adapter | undefined>();
  const entries = reader.parse(z.record(z.string(), z.unknown()), value, ['backends']) ?? {};
  if (isJsonObject(value) && Object.keys(value).length === 0) reader.report(['backends'], 'must not be empty');
  const backends: BackendConfig[] = [];
  for (const [name, entry] of Object.entries(entries)) {
    if (isExtension(name) && !named.has(name)) continue;
    reader.parse(nameSchema, name, ['backends', name]);
    const adapter = findAdapter(name, entry, known, reader);
    found.set(name, adapter);
    const backend = readBackend(name, entry, adapter, reader);
    if (backend !== undefined) backends.push(backend);
  }
  return { backends, adapters: found };
}

function findAdapter(
  name: string,
  entry: unknown,
  { adapters, names }: KnownAdapters,
  reader: ConfigReader,
): Adapter | undefined {
  const path = ['backends', name, 'adapter'];
  // A missing or ill-typed one is reported with the other shared keys.
  if (!isJsonObject(entry) || typeof entry.adapter !== 'string' || reader.hasFailed(path)) return undefined;
  const adapter = adapters.find((candidate) => candidate.name === entry.adapter);
  if (adapter === undefined) {
    // One whose own file was refused is reported already.
    if (names.includes(entry.adapter)) return undefined;
    reader.report(path, `is no adapter${listNames(names)}`, { hint: findNearest(entry.adapter, names) });
  }
  return adapter;
}

type BackendPlace = {
  readonly name: string;
  readonly adapter: Adapter;
  readonly path: ConfigPath;
  readonly reader: ConfigReader;
};

function readBackend(
  name: string,
  entry: unknown,
  adapter: Adapter | undefined,
  reader: ConfigReader,
): BackendConfig | undefined {
  const path = ['backends', name];
  const members = reader.parse(z.record(z.string(), z.unknown()), entry, path);
  if (members === undefined) return undefined;
  const pick = (isShared: boolean) =>
    Object.fromEntries(Object.entries(members).filter(([key]) => sharedKeys.includes(key) === isShared));
  const shared = reader.parse(backendSchema, pick(true), path);
  if (adapter === undefined) return undefined;
  reader.hide(rawSecretsOf(adapter, members));
  const place: BackendPlace = { name, adapter, path, reader };
  const byTenant = shared?.credentialsByTenant;
  const own = byTenant === undefined ? readSettings(pick(false), place) : readTenants(byTenant, pick(false), place);
  const baseUrl = shared?.baseUrl ?? adapter.baseUrl;
  if (shared !== undefined && baseUrl === undefined) reader.report([...path, 'baseUrl'], 'is required');
  if (shared === undefined || own === undefined || baseUrl === undefined) return undefined;
  const connections = readConnections(own, place);
  checkBounds(shared, { ...own, ...connections }, place);
  return {
    name,
    adapter,
    baseUrl,
    requestTimeoutMs: Math.ceil(shared.requestTimeoutSeconds * 1000),
    maxConnections: shared.maxConnections,
    maxHeldCalls:
      shared.maxHeldCalls ??
      (connections.isMultiplexed ? shared.maxConnections * heldPerConnection : Math.floor(shared.maxConnections / 2)),
    requestsPerSecond: shared.requestsPerSecond ?? null,
    burst: shared.burst ?? null,
    maxConcurrentRuns: shared.maxConcurrentRuns ?? null,
    maxPauseMs: Math.ceil(shared.maxPauseSeconds * 1000),
    push: shared.push ?? null,
    passthrough: shared.passthrough,
    startRefusal: shared.startRefusal,
    consoleUrl: shared.consoleUrl ?? null,
    ...own,
    ...accountsOf(adapter, baseUrl, own),
  };
}

/**
 * Names the accounts that the vendor knows by base URL and settings, so that tenants and backends with the same credentials
 * share one. A short digest, because settings hold secrets.
 */
function accountsOf(
  adapter: Adapter,
  baseUrl: string,
  { settings, settingsByTenant }: OwnSettings,
): Pick<BackendConfig, 'account' | 'accountsByTenant'> {
  const idOf = (own: unknown): string => {
    const named = [adapter.name, baseUrl, adapter.secretsOf(own), own];
    // Through JSON once, so that absent and undefined members are the same.
    const text = canonicalJson(readJson(JSON.stringify(named)));
    return createHash('sha256').update(text).digest('hex').slice(0, 16);
  };
  if (settingsByTenant === null) return { account: idOf(settings), accountsByTenant: null };
  const ids = Object.entries(settingsByTenant).map(([tenant, own]) => [tenant, idOf(own)]);
  return { account: undefined, accountsByTenant: Object.fromEntries(ids) };
}

type OwnSettings = Pick<BackendConfig, 'settings' | 'settingsByTenant' | 'secrets'>;

function readSettings(members: Members, { adapter, path, reader }: BackendPlace): OwnSettings | undefined {
  const settings = reader.parse(refuseUnknownKeys(adapter.settings), members, path, sharedKeys);
  if (settings === undefined) return undefined;
  return { settings, settingsByTenant: null, secrets: secretsOf(adapter, settings) };
}

/** A tenant's settings replace those of the backend key by key; together they must be complete. */
function readTenants(
  byTenant: Readonly<Record<string, Members>>,
  shared: Members,
  { adapter, path, reader }: BackendPlace,
): OwnSettings | undefined {
  const before = reader.problemCount;
  const entries = Object.entries(byTenant).map(([tenant, own]) => {
    const place = [...path, 'credentialsByTenant', tenant];
    return [tenant, reader.parse(refuseUnknownKeys(adapter.settings), { ...shared, ...own }, place)] as const;
  });
  if (entries.length === 0) reader.report([...path, 'credentialsByTenant'], 'must not be empty');
  if (reader.problemCount > before) return undefined;
  return {
    settings: undefined,
    settingsByTenant: Object.fromEntries(entries),
    secrets: entries.flatMap(([, settings]) => secretsOf(adapter, settings)),
  };
}

/** What the settings, those of each tenant, say of connections. Reports certificates and keys that cannot be read. */
function readConnections(
  { settings, settingsByTenant }: OwnSettings,
  { adapter, path, reader }: BackendPlace,
): { readonly isMultiplexed: boolean } {
  const all = settingsByTenant === null ? [settings] : Object.values(settingsByTenant);
  const options = all.map((own) => adapter.connectionOptionsOf?.(own) ?? {});
  for (const { tls } of options) {
    try {
      if (tls !== undefined) createSecureContext({ ca: tls.ca, cert: tls.cert, key: tls.key });
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
      reader.report(path, `has a certificate or a key that cannot be read${code}`);
    }
  }
  return { isMultiplexed: options.some(({ isMultiplexed }) => isMultiplexed === true) };
}

function checkBounds(
  {
    burst,
    requestsPerSecond,
    maxHeldCalls,
    maxConnections,
    push,
    passthrough,
    startRefusal,
  }: z.output<typeof backendSchema>,
  { secrets, isMultiplexed }: { readonly secrets: readonly string[]; readonly isMultiplexed: boolean },
  { adapter, path, reader }: BackendPlace,
): void {
  if (burst !== undefined && burst > Math.max(requestsPerSecond ?? 0, 1)) {
    const message = requestsPerSecond === undefined ? 'needs requestsPerSecond' : 'must be at most requestsPerSecond';
    reader.report([...path, 'burst'], message);
  }
  // Calls that share connections are bounded by their streams, which the vendor may change at any time.
  if (!isMultiplexed && maxHeldCalls !== undefined && maxHeldCalls >= maxConnections) {
    reader.report([...path, 'maxHeldCalls'], 'must be below maxConnections');
  }
  const native = { passthrough, startRefusal: startRefusal === 'hold' };
  for (const [key, isAsked] of Object.entries(native)) {
    if (isAsked && adapter.native === undefined)
      reader.report([...path, key], `is not known to the ${adapter.name} adapter, whose own API is not offered`);
  }
  if (push === undefined) return;
  if (!adapter.capabilities.push) reader.report([...path, 'push'], `is not known to the ${adapter.name} adapter`);
  // The tokens of the vendor's calls are derived from the secrets: without one, anyone could forge them.
  else if (secrets.length === 0) reader.report([...path, 'push'], 'needs a backend that has a secret');
}

/** Of settings that may be wrong, and that the adapter has not parsed: their problems must not show them either. */
function rawSecretsOf(adapter: Adapter, members: Members): readonly unknown[] {
  const byTenant = isJsonObject(members.credentialsByTenant) ? Object.values(members.credentialsByTenant) : [];
  return [members, ...byTenant].flatMap((settings): readonly unknown[] => {
    try {
      return adapter.secretsOf(settings);
    } catch {
      return [];
    }
  });
}

function secretsOf(adapter: Adapter, settings: unknown): readonly string[] {
  return adapter.secretsOf(settings).filter((secret) => secret !== '');
}

/** An adapter whose schema is not strict must not make a misspelt key vanish. */
export function refuseUnknownKeys<T>(schema: z.ZodType<T>): z.ZodType<T>;
export function refuseUnknownKeys(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodObject && schema.def.catchall === undefined ? schema.strict() : schema;
}
