import type { JsonObject } from '../domain/json.ts';
import type { Stop, StopName } from '../domain/operator.ts';
import type { Run, RunPhase, RunStatus, UpstreamRef } from '../domain/run.ts';

/** Conditions on runs of all tenants; what is left out does not matter. */
export type RunFilter = {
  readonly tenant?: string | undefined;
  /** Runs of these agents. */
  readonly agentIds?: readonly string[] | undefined;
  /** Runs at this backend: those of agents that have no other, and those of the others that name it. */
  readonly backend?:
    | { readonly name: string; readonly onlyAgentIds: readonly string[]; readonly otherAgentIds: readonly string[] }
    | undefined;
  readonly phases?: readonly RunPhase[] | undefined;
  readonly statuses?: readonly RunStatus[] | undefined;
  readonly errcodes?: readonly number[] | undefined;
  /** The replica that drives the run. */
  readonly owner?: string | undefined;
  readonly createdBeforeMs?: number | undefined;
  readonly createdFromMs?: number | undefined;
  readonly threadId?: string | undefined;
  /** Only runs that have not ended. */
  readonly isLive?: boolean | undefined;
  /**
   * A part, in any case, of the run's id, its thread's, its agent's name, its metadata, what is kept of the vendor's terminal
   * answer with its ids, or the description of its error.
   */
  readonly text?: string | undefined;
};

export type RunWalk = {
  readonly filter: RunFilter;
  /** Runs that are looked at, whether they match or not. */
  readonly maxExamined: number;
};

export type RunListWalk = RunWalk & {
  /** Only runs older than this one; null: from the newest on. */
  readonly before: string | null;
  readonly limit: number;
};

export type RunListing = {
  /** Newest first. */
  readonly runs: readonly RunHead[];
  readonly examined: number;
  /** The run that the next walk begins before; null: all were looked at. */
  readonly next: string | null;
};

/** A run without its payloads. */
export type RunHead = Pick<
  Run,
  | 'runId'
  | 'tenant'
  | 'agentId'
  | 'agentName'
  | 'threadId'
  | 'phase'
  | 'status'
  | 'owner'
  | 'waiting'
  | 'backend'
  | 'attempts'
  | 'createdAtMs'
  | 'updatedAtMs'
  | 'startedAtMs'
> & {
  /** Null where the run is too large to be read for a list. */
  readonly deadlineAtMs: number | null;
  readonly upstream: UpstreamRef | null;
  readonly error: { readonly errcode: number; readonly description: string } | null;
  readonly metadata: JsonObject;
};

/** Matching runs that are alike. */
export type RunGroup = {
  readonly agentId: string;
  readonly agentName: string;
  /** Of agents that have several; null: none yet. */
  readonly backend: string | null;
  readonly tenant: string;
  readonly phase: RunPhase;
  readonly status: RunStatus;
  readonly count: number;
  /** Creation of the oldest of them. */
  readonly oldestMs: number;
};

export type RunCount = {
  readonly groups: readonly RunGroup[];
  /** False: there are more runs than were looked at. */
  readonly isComplete: boolean;
};

/** What a replica says of itself with its heartbeats. */
export type ReplicaReport = {
  readonly version: string;
  /** Of the effective config without its secrets. */
  readonly configHash: string;
  readonly startedAtMs: number;
  readonly liveRuns: number;
  readonly parkedRuns: number;
  readonly isDraining: boolean;
  /** State of each backend by name, as this replica sees it. */
  readonly backends: Readonly<Record<string, string>>;
};

export type ReplicaRow = {
  readonly replica: string;
  /** Live runs that it owns. */
  readonly runs: number;
  readonly beatAtMs: number;
  /** Null: it is of a version that makes no reports. */
  readonly report: ReplicaReport | null;
  /** What operators want of it. */
  readonly shouldDrain: boolean;
};

/** What the admin API reads and writes, over all tenants and replicas. Rejects with `StorageFault`. */
export interface OperationsStore {
  /** Runs that match, newest first, at most `limit`. */
  walkRuns(walk: RunListWalk): Promise<RunListing>;
  /** How many runs match, in groups. `spreadAgentIds` are those whose runs name their backend. */
  countRuns(walk: RunWalk & { readonly spreadAgentIds: readonly string[] }): Promise<RunCount>;
  stops(): Promise<readonly Stop[]>;
  /** Takes the place of one with the same name. */
  putStop(stop: Stop): Promise<void>;
  /** False: there is none. */
  liftStop(name: StopName): Promise<boolean>;
  /** Replaces what the replica reported before. One that has sent no heartbeat has no report. */
  report(replica: string, report: ReplicaReport): Promise<void>;
  replicas(): Promise<readonly ReplicaRow[]>;
  /** False: there is no such replica. */
  setDrain(replica: string, shouldDrain: boolean): Promise<boolean>;
  /** Calls back when another process may have changed stops or drains. A signal can be lost. The result ends that. */
  onChange(listener: () => void): () => void;
}
