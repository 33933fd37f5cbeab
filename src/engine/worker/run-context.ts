import type { Connection } from '../../contract/adapter/adapter.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { EventBus } from '../events/event-bus.ts';
import type { Backends } from '../limits/backends.ts';
import type { RunPermit } from '../limits/run-permit.ts';
import type { AgentDurations } from '../pacing/agent-durations.ts';
import type { PacingOptions } from '../pacing/pacing.ts';
import type { FaultRecorder } from '../state/fault-recorder.ts';
import type { RunHandle, RunHandleDeps } from '../state/run-handle.ts';
import type { BackendHealth } from './backend-health.ts';
import type { Canceller } from './canceller.ts';
import type { RunWait } from './run-wait.ts';
import type { UpstreamStopper } from './upstream-stopper.ts';

/** What all live runs of a process share. */
export type WorkerDeps = RunHandleDeps & {
  readonly bus: EventBus;
  readonly canceller: Canceller;
  readonly stopper: UpstreamStopper;
  readonly pacing: PacingOptions;
  readonly backends: Backends;
  /** Called whenever a run has to wait for something other than its vendor. */
  readonly onWait: () => void;
  readonly durations: AgentDurations;
  readonly faults: FaultRecorder;
  readonly health: BackendHealth;
  readonly log: Log;
  readonly metrics: Metrics;
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
  /** Names the run in every line. */
  readonly log: Log;
};

export function runLog(run: Run, agent: Agent, log: Log): Log {
  return log.child({ run_id: run.runId, agent: agent.name, backend: agent.backend });
}
