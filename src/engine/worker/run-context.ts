import type { Connection } from '../../contract/adapter/adapter.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Tracer } from '../../contract/domain/trace.ts';
import type { EventBus } from '../events/event-bus.ts';
import type { RemoteWatchers } from '../events/remote-watchers.ts';
import type { Backends } from '../limits/backends.ts';
import type { RunPermit } from '../limits/run-permit.ts';
import type { Stops } from '../limits/stops.ts';
import type { AgentDurations } from '../pacing/agent-durations.ts';
import type { PacingOptions } from '../pacing/pacing.ts';
import type { FaultRecorder } from '../state/fault-recorder.ts';
import type { RunHandle, RunHandleDeps } from '../state/run-handle.ts';
import { runLogFields } from '../state/run-log-fields.ts';
import type { BackendHealth } from './backend-health.ts';
import type { Canceller } from './canceller.ts';
import type { RunMemory } from './run-memory.ts';
import type { RunWait } from './run-wait.ts';
import type { UpstreamStopper } from './upstream-stopper.ts';

type LogFields = Parameters<Log['info']>[0];

/** What all live runs of a process share. */
export type WorkerDeps = RunHandleDeps & {
  readonly bus: EventBus;
  readonly remoteWatchers: RemoteWatchers;
  readonly canceller: Canceller;
  readonly stopper: UpstreamStopper;
  readonly pacing: PacingOptions;
  readonly backends: Backends;
  /** What operators have stopped from starting. */
  readonly stops: Stops;
  /** Called whenever a run has to wait for something other than its vendor. */
  readonly onWait: () => void;
  readonly durations: AgentDurations;
  readonly faults: FaultRecorder;
  readonly health: BackendHealth;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tracer?: Tracer | undefined;
};

/** What belongs to one live run, made once and handed to all that works on it. */
export type RunContext = {
  readonly deps: WorkerDeps;
  readonly agent: Agent;
  /** With the credentials of the run's tenant. */
  readonly connection: Connection;
  readonly handle: RunHandle;
  readonly runPermit: RunPermit;
  /** What the run waits for, for its readers and for its end. */
  readonly wait: RunWait;
  /** What outlives the loop. */
  readonly memory: RunMemory;
  /** Names the run in every line. */
  readonly log: Log;
};

/** Whether a client watches the run or its thread, at whichever replica. */
export function isWatched({ deps, handle }: RunContext): boolean {
  const { runId, threadId } = handle.run;
  return deps.bus.isWatched(runId, threadId) || deps.remoteWatchers.isWatched(runId, threadId);
}

/** Names a run in every line. The log beneath is made when a line is written, which for most live runs is never. */
export class RunLog implements Log {
  readonly #log: Log;
  readonly #run: Run;
  readonly #agent: Agent;

  constructor(log: Log, run: Run, agent: Agent) {
    this.#log = log;
    this.#run = run;
    this.#agent = agent;
  }

  debug(fields: LogFields, message: string): void {
    this.#named.debug(fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.#named.info(fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.#named.warn(fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.#named.error(fields, message);
  }

  child(fields: LogFields): Log {
    return this.#named.child(fields);
  }

  get #named(): Log {
    const { name, backend } = this.#agent;
    return this.#log.child({ ...runLogFields(this.#run), agent: name, backend });
  }
}
