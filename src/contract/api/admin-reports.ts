import type { Agent } from '../domain/agent.ts';
import type { RunEvent } from '../domain/event.ts';
import type { Json } from '../domain/json.ts';
import type { MappedStatus } from '../domain/mapping.ts';
import type { Role, RunNotes, Stop } from '../domain/operator.ts';
import type { Run, RunPhase, RunStatus } from '../domain/run.ts';
import type { RunWebhook } from '../domain/run-webhook.ts';
import type { Fire, Schedule } from '../domain/schedule.ts';
import type { Delivery } from '../domain/webhook.ts';
import type { ReplicaReport, RunHead } from '../store/operations-store.ts';

/** A run in a list. `backend` is filled in where the agent has only one. */
export type RunRow = RunHead & {
  /** By the clock of the replica that answers. */
  readonly ageMs: number;
  /** Names what holds it up, in a sentence; null: nothing does. */
  readonly waitsFor: string | null;
};

export type RunPage = {
  readonly runs: readonly RunRow[];
  /** Runs that were looked at for the page. */
  readonly examined: number;
  /** Asks for what follows; null: nothing does. A page may have fewer runs than its limit and still have a next one. */
  readonly nextCursor: string | null;
};

/** How many runs match, by what they have in common. */
export type RunTotals = {
  readonly count: number;
  /** False: older runs were not looked at, so that there may be more. */
  readonly isComplete: boolean;
  readonly oldestMs: number | null;
  readonly byPhase: Readonly<Partial<Record<RunPhase, number>>>;
  readonly byStatus: Readonly<Partial<Record<RunStatus, number>>>;
  readonly byBackend: Readonly<Record<string, number>>;
  readonly byAgent: Readonly<Record<string, number>>;
  readonly byTenant: Readonly<Record<string, number>>;
};

/** One step of a run's life, in the order of time. */
export type TimelineEntry = {
  readonly atMs: number;
  readonly kind:
    | 'accepted'
    | 'queued'
    | 'start'
    | 'running'
    | 'looks'
    | 'partial'
    | 'interrupt'
    | 'resumed'
    | 'action'
    | 'end'
    | 'webhook';
  /** A sentence. */
  readonly text: string;
  /** Null where it is not known, or it took no time. */
  readonly tookMs: number | null;
  /** Whose fault it was, where something went wrong. */
  readonly fault: 'vendor' | 'client' | 'gateway' | 'operator' | null;
};

export type Reveal = 'input' | 'output';

/** One run with all that is known of it. What was not asked for is left out. */
export type RunReport = {
  readonly row: RunRow;
  readonly version: number;
  readonly notes: RunNotes;
  /** `X-Request-Id` of the request that created it; null where that is not known. */
  readonly requestId: string | null;
  readonly traceId: string | null;
  readonly timeline: readonly TimelineEntry[];
  /** What is kept of the vendor's terminal answer: the raw side of the outcome. */
  readonly vendor: Json;
  /** The vendor's own page of the run; null: its backend names none, or the run has no id there yet. */
  readonly vendorUrl: string | null;
  /** What the run cost, by its mapping; null: not known. */
  readonly cost: number | null;
  readonly deliveries: readonly Omit<Delivery, 'body'>[];
  readonly webhook: string | null;
  /** The receivers of its changes; URLs without their queries, and no secrets. */
  readonly webhooks: readonly Pick<RunWebhook, 'id' | 'url' | 'protocol' | 'events'>[];
  /** The newest events, oldest first, without payloads. */
  readonly events: readonly (Pick<RunEvent, 'seq' | 'atMs' | 'status'> & { readonly kind: string })[];
  readonly input?: Pick<Run['request'], 'input' | 'messages' | 'config'> | undefined;
  readonly output?: Run['outcome'] | undefined;
};

/** Calls of the last five minutes to a backend, as one replica counts them. */
export type CallCounts = {
  readonly calls: number;
  readonly failed: number;
  /** Milliseconds, from a histogram: upper bounds. Null without calls. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
};

export type BackendReport = {
  readonly name: string;
  /** The vendor's product, by its adapter. */
  readonly adapter: string;
  readonly state: string;
  readonly sinceMs: number;
  /** The tenants with credentials of their own whose state is not `ok`. */
  readonly impaired: readonly { readonly tenants: readonly string[]; readonly state: string }[];
  readonly lastFault: {
    readonly atMs: number;
    readonly operation: string;
    readonly httpStatus: number | null;
    /** In the words of the vendor or of the connection. */
    readonly fault: string;
    readonly runId: string | null;
  } | null;
  readonly calls: CallCounts;
  readonly budget: {
    readonly requestsPerSecond: number | null;
    readonly requestsInUse: number;
    readonly maxConcurrentRuns: number | null;
    readonly runsHeld: number;
  };
  readonly queue: { readonly calls: number; readonly starts: number };
  /** Until the next probe; null: none is awaited. */
  readonly probeInMs: number | null;
  readonly liveRuns: number;
  readonly stop: Stop | null;
  readonly agents: readonly string[];
  /** The same backend, as other replicas reported it with their last heartbeats. */
  readonly elsewhere: readonly { readonly replica: string; readonly state: string }[];
};

/** Runs that wait for their start at one backend, over all replicas. */
export type QueueReport = {
  /** Null: at none yet, because their agent has several. */
  readonly backend: string | null;
  readonly waiting: number;
  /** Creation of the run that has waited longest; null: none waits. */
  readonly oldestMs: number | null;
  readonly running: number;
  /** Starts a minute of this replica, over the last five. */
  readonly startsPerMinute: number;
  /** When it will be empty at that rate, if nothing comes; null: it is not known. */
  readonly emptyInMs: number | null;
  /** False: there are more live runs than were looked at. */
  readonly isComplete: boolean;
};

export type ReplicaState = {
  readonly replica: string;
  /** The one that answers. */
  readonly isSelf: boolean;
  readonly isAlive: boolean;
  readonly beatAtMs: number;
  /** Live runs that it owns, by the store. */
  readonly runs: number;
  readonly shouldDrain: boolean;
  readonly report: ReplicaReport | null;
};

/** What the log of one replica says more of. */
export type DebugLog = {
  /** The one that answers, whose log it is. */
  readonly replica: string;
  /** Null: of everything. */
  readonly runId: string | null;
  /** Null: of nothing any more. */
  readonly untilMs: number | null;
  /** The replica that drives the run, if any does. */
  readonly owner: string | null;
};

export type AgentReport = Pick<Agent, 'agentId' | 'name' | 'version' | 'description' | 'metadata' | 'schemas'> & {
  readonly backends: readonly { readonly name: string; readonly weight: number }[];
  readonly tenants: readonly string[] | null;
  readonly capabilities: Agent['capabilities'];
  readonly stop: Stop | null;
};

/** The config as this replica runs it. */
export type ConfigReport = {
  readonly file: string;
  /** Of the effective config without its secrets. */
  readonly hash: string;
  readonly loadedAtMs: number;
  /** Defaults included, secrets taken out. */
  readonly effective: Json;
  /** Reloads of this process, newest first; the last is its start, unless there were more than are kept. */
  readonly history: readonly ReloadRecord[];
  /** How the file differs now; null: it was not compared. */
  readonly check: ConfigCheck | null;
};

/** What became of a reload, or of several with the same cause and end in a row. */
export type ReloadRecord = {
  /** Of the newest of them. */
  readonly atMs: number;
  readonly times: number;
  /** Who or what asked: an operator, a signal, a backend whose vendor refuses the credentials. */
  readonly cause: string;
  readonly outcome: 'started' | 'applied' | 'unchanged' | 'refused';
  /** Of the config in force before; null: there was none. */
  readonly hashBefore: string | null;
  /** Of the config in force after it. Secrets are not hashed, so a reload that changes them alone keeps it. */
  readonly hash: string;
  /** Why it was refused. */
  readonly problems: readonly string[];
};

/** What the file would change. */
export type ConfigCheck = {
  /** As `rungate check` prints them; empty for a file that would be taken. */
  readonly problems: readonly string[];
  readonly hash: string | null;
  readonly changes: readonly ConfigChange[];
};

/** `before` and `after` are null where the path is not there. Secrets are taken out, so one that changes does not show. */
export type ConfigChange = { readonly path: string; readonly before: Json; readonly after: Json };

/** What became of a reload; `problems` say why the old config stays in force. */
export type ReloadOutcome = {
  readonly isApplied: boolean;
  readonly hash: string;
  readonly problems: readonly string[];
};

/** A schedule of the config in force. */
export type ScheduleReport = Omit<Schedule, 'times' | 'input' | 'config' | 'metadata'> & {
  /** Null: it is disabled, or no time comes. */
  readonly nextMs: number | null;
  /** The time whose run waits for the end of another; null: none does. */
  readonly waitingMs: number | null;
  /** What became of its last time; null: none has come. */
  readonly last: Fire | null;
};

export type Overview = {
  readonly version: string;
  readonly replica: string;
  readonly configHash: string;
  readonly live: RunTotals;
  /** Of the last hour. */
  readonly ended: RunTotals;
  readonly stops: readonly Stop[];
  /** What needs a person, the worst first, in sentences. */
  readonly needs: readonly Need[];
};

export type Need = {
  readonly kind:
    | 'store'
    | 'config'
    | 'replica'
    | 'backend'
    | 'mapping'
    | 'unknown-start'
    | 'queue'
    | 'stopped'
    | 'webhooks'
    | 'interrupted';
  /** Of the backend, the agent, the replica or what is stopped, where it is about one. */
  readonly name: string | null;
  readonly text: string;
  readonly sinceMs: number | null;
};

/** What an action did to many runs, or would do. */
export type BulkOutcome = {
  readonly isDryRun: boolean;
  /** Runs that match and can be acted on. */
  readonly matched: number;
  /** False: there are more; ask again. */
  readonly isComplete: boolean;
  readonly done: readonly { readonly runId: string; readonly newRunId?: string | undefined }[];
  readonly refused: readonly { readonly runId: string; readonly reason: string }[];
};

/** What a mapping makes of a vendor's answer; null where `problems` say why it makes nothing. */
export type MappingTrial = {
  readonly problems: readonly string[];
  readonly mapped: MappedStatus | null;
  readonly tookMs: number;
};

export type Whoami = { readonly name: string; readonly tenant: string; readonly role: Role };
