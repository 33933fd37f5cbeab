import type { CapReport } from '../domain/cap.ts';
import type { EventBatches, SentEvent } from '../domain/event.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import type { Actor, Stop, StopName } from '../domain/operator.ts';
import type { RunPhase, RunStatus } from '../domain/run.ts';
import type { Delivery, DeliveryState } from '../domain/webhook.ts';
import type {
  AgentReport,
  BackendReport,
  BulkOutcome,
  ConfigCheck,
  ConfigReport,
  DebugLog,
  MappingTrial,
  Overview,
  QueueReport,
  ReloadOutcome,
  ReplicaState,
  Reveal,
  RunPage,
  RunReport,
  RunTotals,
  ScheduleReport,
  Whoami,
} from './admin-reports.ts';

/** Which runs an operator means, over all tenants; what is left out does not matter. Names are those of the config. */
export type RunSelection = {
  readonly tenant?: string | undefined;
  readonly agent?: string | undefined;
  readonly backend?: string | undefined;
  readonly phases?: readonly RunPhase[] | undefined;
  readonly statuses?: readonly RunStatus[] | undefined;
  readonly errcodes?: readonly number[] | undefined;
  /** The replica that drives the run. */
  readonly owner?: string | undefined;
  readonly olderThanMs?: number | undefined;
  readonly youngerThanMs?: number | undefined;
  readonly threadId?: string | undefined;
  readonly isLive?: boolean | undefined;
  /** What the vendor calls the run, whole. */
  readonly vendorId?: string | undefined;
  /** Part of an id, of the agent's name, of metadata, or of what an error says. */
  readonly text?: string | undefined;
};

export type RunListQuery = RunSelection & {
  /** Only these, whatever their age; at most {@link adminBounds.ids}. */
  readonly runIds?: readonly string[] | undefined;
  /** 1 to 200. */
  readonly limit: number;
  readonly cursor: string | null;
};

/** Many runs: by their ids, or by what they have in common. */
export type BulkCommand = {
  readonly runIds: readonly string[] | null;
  readonly selection: RunSelection | null;
  readonly isDryRun: boolean;
  /** Runs that are acted on at most; more are left to the next request. */
  readonly max: number;
};

/** A run that an operator makes. */
export type ManualRun = {
  /** UUID or configured name. */
  readonly agent: string;
  /** Null: the operator's own. */
  readonly tenant: string | null;
  readonly input: Json | undefined;
  readonly config: JsonObject | undefined;
};

/** A vendor's answer, and parts that are laid over the mapping of the agent. */
export type TryMapping = {
  readonly agent: string;
  /** The vendor's word for the status. */
  readonly status: string;
  readonly raw: Json;
  readonly part: JsonObject;
};

export type DeliverySelection = {
  readonly runId?: string | undefined;
  readonly states?: readonly DeliveryState[] | undefined;
};

/** Bounds of requests. */
export const adminBounds = {
  ...{
    pageSize: 200,
    ids: 100,
    bulk: 1000,
    debugLogSeconds: 3600,
    textLength: 200,
    reasonLength: 500,
    deliveries: 1000,
  },
} as const;

/**
 * What operators see and do, over all tenants, in no protocol's words. Every method throws `GatewayError`: `role_required`
 * where the caller has no role for it.
 */
export interface Admin {
  whoami(): Whoami;
  overview(): Promise<Overview>;
  findRuns(query: RunListQuery): Promise<RunPage>;
  countRuns(selection: RunSelection): Promise<RunTotals>;
  /** What is revealed is logged with the caller's name, and takes the role `operator`. */
  findRun(runId: string, reveal: readonly Reveal[]): Promise<RunReport>;
  /** Ends live runs as cancelled. */
  cancelRuns(command: BulkCommand): Promise<BulkOutcome>;
  /** Makes new runs of runs that are done, with `metadata.replay_of`. */
  replayRuns(command: BulkCommand): Promise<BulkOutcome>;
  /** Resolves with the id of the run, which has `started_by` in its metadata. */
  startRun(run: ManualRun): Promise<string>;
  /** Answers what an interrupted run asks. */
  resumeRun(runId: string, payload: Json): Promise<void>;
  backends(): Promise<readonly BackendReport[]>;
  backend(name: string): Promise<BackendReport>;
  /** Lets the next call of the backend go at once, whatever its pause or circuit, and polls up to 200 runs that wait for it. */
  probeBackend(name: string): Promise<BackendReport>;
  queues(): Promise<readonly QueueReport[]>;
  replicas(): Promise<readonly ReplicaState[]>;
  /** A replica that drains takes no new runs and claims none; what it has goes on. */
  setDrain(replica: string, shouldDrain: boolean): Promise<ReplicaState>;
  /** Lets the replica that answers log all it does, with one run or at all, for a while; 0 ms end that. */
  setDebugLog(scope: { readonly runId: string | null; readonly forMs: number }): Promise<DebugLog>;
  /** Newest first. */
  deliveries(selection: DeliverySelection & { readonly limit: number }): Promise<readonly Delivery[]>;
  redrive(selection: DeliverySelection): Promise<number>;
  agents(): readonly AgentReport[];
  /** Changes nothing. */
  tryMapping(trial: TryMapping): Promise<MappingTrial>;
  config(options: { readonly isCompared: boolean }): Promise<ConfigReport>;
  /** Reads the file anew, or `text` in its place, and changes nothing. */
  checkConfig(text: string | null): Promise<ConfigCheck>;
  reloadConfig(): Promise<ReloadOutcome>;
  schedules(): Promise<readonly ScheduleReport[]>;
  /** What the caps of the config have used, over all replicas. */
  caps(): Promise<readonly CapReport[]>;
  stops(): Promise<readonly Stop[]>;
  /** Nothing of that name is started from now on, by this replica at once and by all others within seconds. */
  stop(name: StopName, reason: string): Promise<Stop>;
  lift(name: StopName): Promise<void>;
  /** Changes of runs, backends, stops and replicas. Begins with `reset` where what follows `lastSeen` is no longer known. */
  watch(lastSeen: number | null): EventBatches<SentEvent>;
}

/** The config that this process runs, for the admin API. */
export interface ConfigAdmin {
  /** Of the config in force. */
  readonly hash: string;
  /** Why the newest reload was refused; null: it was taken. */
  readonly refusal: { readonly atMs: number; readonly problems: readonly string[] } | null;
  current(): Omit<ConfigReport, 'check'>;
  /** What the file would change, or `text` in its place. Changes nothing. */
  check(text: string | null): Promise<ConfigCheck>;
  /** `by`: the operator who asks for it. */
  reload(by: string): Promise<ReloadOutcome>;
}

/** The use cases as one person uses them: what is done is logged, and noted with the run, under this name. */
export type AdminFor = (actor: Actor) => Omit<Admin, 'whoami'>;
