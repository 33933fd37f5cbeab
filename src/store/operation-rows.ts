import { z } from 'zod';
import type { JsonObject } from '../contract/domain/json.ts';
import { type Stop, stopKinds } from '../contract/domain/operator.ts';
import { runPhases, runStatuses } from '../contract/domain/run.ts';
import { waitingCauses } from '../contract/domain/waiting.ts';
import type { ReplicaReport, RunGroup, RunHead } from '../contract/store/operations-store.ts';
import { StorageFault } from '../contract/store/store.ts';
import { readJson } from '../json/exact-number.ts';
import { isJsonObject } from '../json/json-object.ts';
import { runRowSchema } from './run-rows.ts';

/** A state of more bytes is not read for a list. */
export const maxListedState = 16_384;

const upstream = z.object({ runId: z.string() }).catchall(z.string());
/** What a list shows of the state. A payload that stands there is read and dropped. */
const listedState = z.object({
  upstream: upstream.nullable(),
  backend: z.string().optional(),
  waiting: z
    .object({ cause: z.enum(waitingCauses), retryAtMs: z.number().nullable() })
    .optional()
    .catch(undefined),
  attempts: z.number(),
  startedAtMs: z.number().nullable(),
  deadlineAtMs: z.number(),
  outcome: z.object({ errcode: z.number(), description: z.string() }).nullable().catch(null),
});

const headRow = runRowSchema.omit({ version: true, request: true }).extend({
  vendor: z.string().nullable(),
  /** Lines as in `requests.metadata`. */
  metadata: z.string().nullable(),
  /** Null for a large one. */
  state: z.string().nullable(),
});

/** Throws `StorageFault` for a row that cannot be read. */
export function decodeHead(row: unknown): RunHead {
  try {
    const columns = headRow.parse(row);
    const state = columns.state === null ? null : listedState.parse(JSON.parse(columns.state));
    const { waiting, backend } = state ?? {};
    return {
      runId: columns.run_id,
      tenant: columns.tenant,
      agentId: columns.agent_id,
      agentName: columns.agent_name,
      threadId: columns.thread_id,
      phase: columns.phase,
      status: columns.status,
      owner: columns.owner,
      createdAtMs: columns.created_at_ms,
      updatedAtMs: columns.updated_at_ms,
      attempts: state?.attempts ?? 0,
      startedAtMs: state?.startedAtMs ?? null,
      deadlineAtMs: state?.deadlineAtMs ?? null,
      ...(waiting === undefined ? {} : { waiting }),
      ...(backend === undefined ? {} : { backend }),
      upstream: state?.upstream ?? upstreamOf(columns.vendor),
      error: state?.outcome ?? null,
      metadata: metadataOf(columns.metadata),
    };
  } catch (cause) {
    throw new StorageFault('a run in the database cannot be read', cause, { isOfOneRow: true });
  }
}

/** What is kept of a vendor's terminal answer begins with the ids of its run. */
function upstreamOf(vendor: string | null): RunHead['upstream'] {
  return vendor === null ? null : (upstream.safeParse(JSON.parse(vendor)).data ?? null);
}

function metadataOf(lines: string | null): JsonObject {
  const entries = lines?.split('\n').filter((line) => line !== '') ?? [];
  const parsed = readJson(`{${entries.join(',')}}`);
  return isJsonObject(parsed) ? parsed : {};
}

const groupRow = z
  .tuple([
    ...([z.string(), z.string(), z.string().nullable(), z.string()] as const),
    ...([z.enum(runPhases), z.enum(runStatuses), z.number(), z.number()] as const),
  ])
  .transform(
    ([agentId, agentName, backend, tenant, phase, status, count, oldestMs]): RunGroup => ({
      ...{ agentId, agentName, backend, tenant, phase, status, count, oldestMs },
    }),
  );

/** From a JSON array of arrays: agent's id and name, backend, tenant, phase, status, number, oldest creation. */
export const groupRows = z.array(groupRow);

/** Adds up groups that were counted apart. */
export class GroupSums {
  readonly #groups = new Map<string, RunGroup>();

  add(groups: readonly RunGroup[]): void {
    for (const group of groups) {
      const { agentId, agentName, backend, tenant, phase, status } = group;
      const key = JSON.stringify([agentId, agentName, backend, tenant, phase, status]);
      const known = this.#groups.get(key);
      const count = group.count + (known?.count ?? 0);
      this.#groups.set(key, { ...group, count, oldestMs: Math.min(group.oldestMs, known?.oldestMs ?? group.oldestMs) });
    }
  }

  get all(): readonly RunGroup[] {
    return [...this.#groups.values()];
  }
}

const stopRow = z
  .object({
    kind: z.enum(stopKinds),
    name: z.string(),
    reason: z.string(),
    by: z.string(),
    at_ms: z.number(),
  })
  .transform(({ at_ms: atMs, ...stop }): Stop => ({ ...stop, atMs }));
export const stopRows = z.array(stopRow);

const report = z.object({
  version: z.string(),
  configHash: z.string(),
  startedAtMs: z.number(),
  liveRuns: z.number(),
  parkedRuns: z.number(),
  isDraining: z.boolean(),
  backends: z.record(z.string(), z.string()),
} satisfies Record<keyof ReplicaReport, z.ZodType>);

/** Null for one that another version wrote in another way. */
export function decodeReport(text: string | null): ReplicaReport | null {
  return text === null ? null : (report.safeParse(JSON.parse(text)).data ?? null);
}

const dayMs = 86_400_000;

/** The ids of runs begin with the time of their creation: the first that a run of an instant can have (RFC 9562, section 5.7). */
export function idAt(atMs: number): string {
  const hex = Math.max(0, Math.floor(atMs)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-`;
}

/** Ids may run ahead of the clock where very many runs are made, and clocks of replicas differ. */
export const idSlackMs = dayMs / 24;
