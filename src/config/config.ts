import type { z } from 'zod';
import type { Adapter } from '../contract/adapter/adapter.ts';
import type { Agent } from '../contract/domain/agent.ts';
import type { AuthConfig } from '../contract/domain/auth.ts';
import type {
  limitsSchema,
  logSchema,
  pacingSchema,
  replicasSchema,
  retentionSchema,
  serverSchema,
  storeSchema,
  webhooksSchema,
} from './sections.ts';

/** A backend of the config, its settings parsed by its adapter. */
export type BackendConfig = {
  readonly name: string;
  readonly adapter: Adapter;
  /** Without a trailing slash, without credentials. */
  readonly baseUrl: string;
  readonly requestTimeoutMs: number;
  readonly maxConnections: number;
  /** Null: no bound. */
  readonly requestsPerSecond: number | null;
  /** Null: as many as a second allows. */
  readonly burst: number | null;
  /** Null: no bound. */
  readonly maxConcurrentRuns: number | null;
  /** Null: the vendor does not call us. */
  readonly push: { readonly publicUrl: string } | null;
  readonly settings: unknown;
  /** Instead of `settings`, which are undefined then, where every tenant has its own. */
  readonly settingsByTenant: Readonly<Record<string, unknown>> | null;
  /** Values that must never leave the process. */
  readonly secrets: readonly string[];
};

/** An agent of the config; all that it lacks to run is a live connection to its backend. */
export type AgentConfig = Omit<Agent, 'connection'>;

type Section<Schema extends z.ZodType> = Readonly<z.output<Schema>>;

/** A config that was read, interpolated, parsed, cross-checked and frozen. Sections keep the names of the file. */
export type Config = {
  /** Where it was read from, as it was named. */
  readonly file: string;
  readonly server: Section<typeof serverSchema>;
  readonly store: Section<typeof storeSchema>;
  readonly limits: Section<typeof limitsSchema>;
  readonly pacing: Section<typeof pacingSchema>;
  readonly retention: Section<typeof retentionSchema>;
  readonly replicas: Section<typeof replicasSchema>;
  readonly log: Section<typeof logSchema>;
  /** Null: nothing is said of it. */
  readonly auth: AuthConfig | 'none' | null;
  readonly webhooks: Section<typeof webhooksSchema>;
  /** Name of an agent. */
  readonly defaultAgent: string | null;
  readonly backends: readonly BackendConfig[];
  readonly agents: readonly AgentConfig[];
  /** Every secret of the config, for the log's scrubber. */
  readonly secrets: readonly string[];
};
