import type { z } from 'zod';
import type { NativeTarget } from '../agents/agent-directory.ts';
import type { Adapter } from '../contract/adapter/adapter.ts';
import type { Agent } from '../contract/domain/agent.ts';
import type { AuthConfig } from '../contract/domain/auth.ts';
import type { Cap } from '../contract/domain/cap.ts';
import type { Schedule } from '../contract/domain/schedule.ts';
import { createRedactor } from '../observability/redaction.ts';
import type {
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

/** A backend of the config. Its adapter has parsed the settings. */
export type BackendConfig = {
  readonly name: string;
  readonly adapter: Adapter;
  /** Without a trailing slash, without credentials. */
  readonly baseUrl: string;
  readonly requestTimeoutMs: number;
  readonly maxConnections: number;
  /** Below `maxConnections`, unless calls share connections, so that other calls never wait for a held one. */
  readonly maxHeldCalls: number;
  /** Null: no bound. */
  readonly requestsPerSecond: number | null;
  /** Null: as many as a second allows. */
  readonly burst: number | null;
  /** Null: no bound. */
  readonly maxConcurrentRuns: number | null;
  /** The longest pause before a probe. */
  readonly maxPauseMs: number;
  /** Null: the vendor is not asked to call the gateway. */
  readonly push: { readonly publicUrl: string } | null;
  /** What makes no run is passed on. */
  readonly passthrough: boolean;
  readonly startRefusal: 'run' | 'hold';
  /** The vendor's own page of a run, with names of its ids in braces; null: there is none. */
  readonly consoleUrl: string | null;
  readonly settings: unknown;
  /** Replaces `settings`, which are undefined then, where each tenant has its own. */
  readonly settingsByTenant: Readonly<Record<string, unknown>> | null;
  /** Values that must never leave the process. */
  readonly secrets: readonly string[];
  /** Id of the account at the vendor; undefined where each tenant has its own. Derived from secrets, so never shown. */
  readonly account: string | undefined;
  readonly accountsByTenant: Readonly<Record<string, string>> | null;
};

/** One of the backends of an agent that has several. */
export type WeightedBackend = { readonly name: string; readonly weight: number };

/** An agent of the config. It lacks only the live connections to its backends. */
export type AgentConfig = Omit<Agent, 'connectionFor' | 'places' | 'native'> & {
  readonly native?: NativeTarget | undefined;
  /** Left out: `backend` is the only one, else the first. */
  readonly backends?: readonly WeightedBackend[] | undefined;
};

type Section<Schema extends z.ZodType> = Readonly<z.output<Schema>>;

/** A config after reading, interpolation, parsing and cross-checks, frozen. Sections keep the names of the file. */
export type Config = {
  /** The file it was read from, as the caller named it. */
  readonly file: string;
  /** Names what it and its files say, placeholders as they are written: the same on all replicas with the same files. */
  readonly hash: string;
  /** Differs where anything does, the values of placeholders too. Made of secrets, so never shown. */
  readonly fingerprint: string;
  readonly server: Section<typeof serverSchema>;
  readonly store: Section<typeof storeSchema>;
  readonly limits: Section<typeof limitsSchema>;
  readonly pacing: Section<typeof pacingSchema>;
  readonly retention: Section<typeof retentionSchema>;
  readonly replicas: Section<typeof replicasSchema>;
  readonly admin: Section<typeof adminSchema>;
  readonly a2a: Section<typeof a2aSchema>;
  readonly log: Section<typeof logSchema>;
  readonly tracing: Section<typeof tracingSchema>;
  /** Null: it is not configured. */
  readonly auth: AuthConfig | 'none' | null;
  readonly webhooks: Section<typeof webhooksSchema>;
  /** Name of an agent. */
  readonly defaultAgent: string | null;
  /** Vendor files, relative to the config. */
  readonly vendors: readonly string[];
  readonly backends: readonly BackendConfig[];
  readonly agents: readonly AgentConfig[];
  readonly schedules: readonly Schedule[];
  readonly caps: readonly Cap[];
  /** Every secret of the config, for redaction. */
  readonly secrets: readonly string[];
};

/** The effective config, defaults included, with every secret redacted: plain JSON for people to read. */
export function describeConfig(config: Config): unknown {
  const { backends, agents, schedules, caps, secrets, fingerprint: _fingerprint, hash: _hash, ...sections } = config;
  const dump = {
    ...sections,
    backends: Object.fromEntries(
      backends.map(({ name, adapter, secrets: _, account: _id, accountsByTenant: _ids, ...backend }) => [
        name,
        { adapter: adapter.name, ...backend },
      ]),
    ),
    schedules: schedules.map(({ times, ...schedule }) => schedule),
    caps: caps.map(({ name: _name, ...cap }) => cap),
    agents: agents.map(({ checkInput, checkConfig, checkResume, mapping, native, chat, ...agent }) => ({
      ...agent,
      passthrough: native?.isOpen === true,
      interrupts: mapping.interrupts,
    })),
  };
  return createRedactor(secrets, {
    depth: 100,
    items: Number.POSITIVE_INFINITY,
    textLength: Number.POSITIVE_INFINITY,
    length: Number.POSITIVE_INFINITY,
  }).value(dump);
}
