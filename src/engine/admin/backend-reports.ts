import type { BackendReport, QueueReport } from '../../contract/api/admin-reports.ts';
import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { WaitingCause } from '../../contract/domain/waiting.ts';
import type { ReplicaRow } from '../../contract/store/operations-store.ts';
import type { Backends } from '../limits/backends.ts';
import { noCalls, quantileMs, statisticsMinutes } from '../limits/call-statistics.ts';
import type { Stops } from '../limits/stops.ts';
import { agentAt } from '../placement.ts';
import type { BackendHealth, BackendStatus } from '../worker/backend-health.ts';
import type { LiveRuns } from '../worker/live-runs.ts';
import type { RunFinder } from './run-finder.ts';

export type BackendReportsDeps = {
  readonly agents: AgentDirectory;
  readonly backends: Backends;
  readonly health: BackendHealth;
  readonly stops: Stops;
  readonly live: LiveRuns;
  readonly clock: Clock;
  readonly replica: string;
  /** The vendor's product, by the name of a backend. */
  readonly adapterOf: (backend: string) => string;
};

const minuteMs = 60_000;
/** Runs that a probe polls, most of which queue up behind the first. */
const maxProbed = 200;
const vendorCauses: ReadonlySet<WaitingCause> = new Set([
  'rate-limited',
  'circuit-open',
  'unauthorised',
  'vendor-fault',
]);

/** How backends and their queues are, as this process sees them. */
export class BackendReports {
  readonly #deps: BackendReportsDeps;
  readonly #finder: RunFinder;

  constructor(deps: BackendReportsDeps, finder: RunFinder) {
    this.#deps = deps;
    this.#finder = finder;
  }

  all(replicas: readonly ReplicaRow[]): readonly BackendReport[] {
    return this.#deps.health.states().map((status) => this.#describe(status, replicas));
  }

  /** Throws `backend_not_found`. */
  one(name: string, replicas: readonly ReplicaRow[]): BackendReport {
    const status = this.#deps.health.states().find((each) => each.name === name);
    if (status === undefined) throw backendNotFound(name);
    return this.#describe(status, replicas);
  }

  /**
   * The next call goes at once, and the runs that wait for the vendor are polled: each keeps to the pause that its own call was
   * asked for, also after a probe has ended it. Where none waits, one is polled, so that there is a call. Throws
   * `backend_not_found`.
   */
  probe(name: string): void {
    const { backends, live } = this.#deps;
    if (backends.usageOf(name) === null) throw backendNotFound(name);
    backends.hasten(name);
    const started = [...live.values()].filter((run) => run.backend === name && run.isStarted);
    const waiting = started.filter((run) => run.waiting !== null && vendorCauses.has(run.waiting.cause));
    for (const run of waiting.length > 0 ? waiting.slice(0, maxProbed) : started.slice(0, 1)) run.pollNow();
  }

  /** Over all replicas. */
  async queues(): Promise<readonly QueueReport[]> {
    const { backends, clock } = this.#deps;
    const { groups, isComplete } = await this.#finder.groups({ isLive: true });
    const names = new Set<string | null>(this.#deps.health.states().map(({ name }) => name));
    for (const { backend } of groups) names.add(backend);
    return [...names].map((backend): QueueReport => {
      const here = groups.filter((group) => group.backend === backend);
      const queued = here.filter(({ phase }) => phase === 'queued');
      const waiting = queued.reduce((sum, { count }) => sum + count, 0);
      const { starts } = (backend === null ? null : backends.usageOf(backend)?.calls) ?? noCalls;
      const startsPerMinute = starts / statisticsMinutes;
      return {
        backend,
        waiting,
        oldestMs: queued.length === 0 ? null : Math.min(...queued.map(({ oldestMs }) => oldestMs), clock.nowMs()),
        running: here.reduce((sum, { count }) => sum + count, 0) - waiting,
        startsPerMinute,
        emptyInMs: waiting === 0 ? 0 : startsPerMinute === 0 ? null : Math.ceil((waiting / startsPerMinute) * minuteMs),
        isComplete,
      };
    });
  }

  #describe({ name, state, sinceMs, impaired }: BackendStatus, replicas: readonly ReplicaRow[]): BackendReport {
    const { agents, backends, health, stops, live, adapterOf, replica } = this.#deps;
    const usage = backends.usageOf(name);
    const calls = usage?.calls ?? noCalls;
    return {
      ...{ name, state, sinceMs, impaired, adapter: adapterOf(name) },
      lastFault: health.lastFaultAt(name),
      calls: {
        ...{ calls: calls.calls, failed: calls.failed },
        ...{ p50Ms: quantileMs(calls, 0.5), p95Ms: quantileMs(calls, 0.95) },
      },
      budget: {
        requestsPerSecond: usage?.options.requestsPerSecond ?? null,
        requestsInUse: usage?.requestsInUse ?? 0,
        maxConcurrentRuns: usage?.options.maxConcurrentRuns ?? null,
        runsHeld: usage?.runsHeld ?? 0,
      },
      queue: { calls: usage?.waitingCalls ?? 0, starts: usage?.waitingStarts ?? 0 },
      probeInMs: usage?.probeInMs ?? null,
      liveRuns: live.countAt(name),
      stop: stops.find({ kind: 'backend', name }),
      agents: agents.all.filter((agent) => agentAt(agent, name) !== null).map((agent) => agent.name),
      elsewhere: replicas.flatMap(({ replica: other, report }) => {
        const seen = report?.backends[name];
        return other === replica || seen === undefined ? [] : [{ replica: other, state: seen }];
      }),
    };
  }
}

function backendNotFound(name: string): GatewayError {
  return new GatewayError('backend_not_found', { detail: `the config has no backend "${name}"` });
}
