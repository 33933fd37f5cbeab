import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toReply } from '../../src/agents/chat.ts';
import type { Agent, AgentDirectory, AgentPlace } from '../../src/contract/domain/agent.ts';
import type { Cap } from '../../src/contract/domain/cap.ts';
import type { RunEvent } from '../../src/contract/domain/event.ts';
import type { Log } from '../../src/contract/domain/log.ts';
import type { Run, RunRequest } from '../../src/contract/domain/run.ts';
import type { Schedule } from '../../src/contract/domain/schedule.ts';
import type { Store } from '../../src/contract/store/store.ts';
import { Lease } from '../../src/engine/cluster/lease.ts';
import { createEngine, type Engine } from '../../src/engine/create-engine.ts';
import type { BackendOptions } from '../../src/engine/limits/backends.ts';
import type { WebhookOptions } from '../../src/engine/webhooks/create-dispatcher.ts';
import { openStore } from '../../src/store/open.ts';
import { makeAgent } from './scripted-agent.ts';
import { ScriptedVendor } from './scripted-vendor.ts';
import { VirtualClock } from './virtual-clock.ts';

export const tenant = 'default';

/** The scripted vendor has the statuses of ACP, which keeps tests readable. */
const mappingLayer = {
  status: { running: 'pending', success: 'success', error: 'error', timeout: 'timeout' },
  output: 'output',
  error: 'error',
  interrupt: 'question',
  resume: '{"answer": payload}',
  errcodes: { default: 3000 },
};

export type Logged = {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

/** An engine on a real SQLite store, a scripted vendor and virtual time. */
export type Rig = {
  readonly engine: Engine;
  readonly vendor: ScriptedVendor;
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly logged: readonly Logged[];
  readonly counts: ReadonlyMap<string, number>;
  create(request?: RunRequest, agent?: string): Promise<Run>;
  read(run: Run): Promise<Run>;
  events(run: Run): Promise<readonly RunEvent[]>;
  /** Ends as a killed process would, with nothing finished or written, and reopens the store after a while. */
  crash(changed?: RigOptions, awayMs?: number): Promise<Rig>;
  close(): Promise<void>;
};

export type RigOptions = {
  readonly agent?: Partial<Agent>;
  /** Further agents, as the first one but for this. */
  readonly others?: readonly Partial<Agent>[];
  readonly mapping?: Readonly<Record<string, unknown>>;
  /** Of the backend `scripted`. */
  readonly options?: Partial<BackendOptions>;
  readonly webhooks?: WebhookOptions;
  readonly retentionMs?: number;
  /** What the engine gets in place of the store. */
  readonly wrapStore?: (store: Store) => Store;
  /** Backends of the first agent in place of `scripted`, in their order. */
  readonly places?: readonly PlacedBackend[];
  readonly schedules?: () => readonly Schedule[];
  readonly caps?: readonly Cap[];
  /** Left out, a SQLite file. */
  readonly storeUrl?: string;
  /** Left out, one of its own. */
  readonly clock?: VirtualClock;
  /** Left out, one whose answers are scripted. */
  readonly vendor?: ScriptedVendor;
};

export type PlacedBackend = {
  readonly name: string;
  readonly vendor: ScriptedVendor;
  readonly weight?: number;
  readonly tenants?: readonly string[];
  readonly options?: Partial<BackendOptions>;
};

const boundless = {
  name: 'scripted',
  requestsPerSecond: null,
  burst: null,
  maxConcurrentRuns: null,
  maxPauseMs: 300_000,
  push: null,
  secrets: [],
};

export async function openRig(options: RigOptions = {}): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-runs-'));
  return await build(folder, options.clock ?? new VirtualClock(), options.vendor ?? new ScriptedVendor(), options);
}

async function build(folder: string, clock: VirtualClock, vendor: ScriptedVendor, options: RigOptions): Promise<Rig> {
  const logged: Logged[] = [];
  const counts = new Map<string, number>();
  const log = recordingLog(logged);
  const opened = await openStore(options.storeUrl ?? `sqlite:${join(folder, 'runs.db')}?spacingMs=0`, { log });
  const store = options.wrapStore?.(opened) ?? opened;
  const agent = agentOver(vendor, options);
  const mortal = clock.mortal();
  const all = [agent, ...(options.others ?? []).map((other) => ({ ...agent, ...other }))];
  const agents: AgentDirectory = {
    all,
    defaultAgent: agent,
    find: (name) => all.find((one) => name === one.name || name === one.agentId) ?? null,
  };
  const engine = createEngine({
    agents,
    store,
    clock: mortal.clock,
    backends: [
      { ...boundless, ...options.options },
      ...(options.places ?? []).map(({ name, options: own }) => ({ ...boundless, ...own, name })),
    ],
    pacing: { floorMs: 100, watchedCeilingMs: 1000, ceilingMs: 10_000 },
    fence: { staleAfterMs: 900_000, restoreCommand: 'rungate restore' },
    lease: new Lease({ store, clock: mortal.clock, log: log }, { heartbeatMs: 5000, deadAfterMs: 15_000 }),
    // The store compares with the time of its machine, which is far ahead of the virtual one.
    idempotencyMs: 100 * 365 * 86_400_000,
    webhooks: options.webhooks,
    schedules: options.schedules,
    caps: () => options.caps ?? [],
    retentionMs: options.retentionMs ?? 30 * 86_400_000,
    replyOf: toReply,
    cache: { maxRuns: 100, maxBytes: 1_000_000 },
    log,
    metrics: { count: (name) => void counts.set(name, (counts.get(name) ?? 0) + 1), observe: () => {} },
  });
  await engine.start();
  let left = false;
  return {
    engine,
    vendor,
    clock,
    store,
    logged,
    counts,
    create: async (request = { input: { a: 1 } }, name = undefined) =>
      (await engine.api.runs.create({ tenant, agent: name, request })).run,
    read: (run) => engine.api.runs.get({ tenant, runId: run.runId }),
    events: (run) => store.events(run.runId, 0, 1000),
    crash: async (changed, awayMs = 0) => {
      left = true;
      mortal.kill();
      await store.close();
      await clock.advance(awayMs);
      return await build(folder, clock, vendor, changed ?? options);
    },
    close: async () => {
      if (!left) {
        const stopping = engine.stop();
        await clock.advance(60_000);
        await stopping;
        await store.close();
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function agentOver(vendor: ScriptedVendor, options: RigOptions): Agent {
  const layer = { ...mappingLayer, ...options.mapping };
  const capabilities = { resume: true, cancel: true, push: false, session: false };
  const agent = makeAgent({ connection: vendor, layer }, { capabilities, ...options.agent });
  return options.places === undefined ? agent : spreadOver(agent, options.places);
}

function spreadOver(agent: Agent, backends: readonly PlacedBackend[]): Agent {
  const places: AgentPlace[] = [];
  const agentAt = ({ name, vendor, tenants }: PlacedBackend): Agent => ({
    ...{ ...agent, backend: name, tenants, places },
    connectionFor: () => vendor,
  });
  for (const each of backends) places.push({ agent: agentAt(each), weight: each.weight ?? 1 });
  return { ...agent, backend: places[0]?.agent.backend ?? '', places };
}

function recordingLog(logged: Logged[]): Log {
  const at = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void logged.push({ level, message, fields });
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
  return log;
}

/** Every event of a stream, until it ends. */
export async function readAll(stream: AsyncIterable<readonly RunEvent[]>): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const batch of stream) events.push(...batch);
  return events;
}

export function kinds(events: readonly RunEvent[]): readonly string[] {
  return events.map(({ change }) => (change.kind === 'phase' ? change.phase : change.kind));
}
