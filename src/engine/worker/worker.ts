import type { Agent, AgentDirectory } from '../../contract/domain/agent.ts';
import type { Run } from '../../contract/domain/run.ts';
import { agentNow, agentOf } from '../placement.ts';
import { chooseBackend } from './backend-choice.ts';
import { type FastStart, FastStarts } from './fast-start.ts';
import type { LiveRuns, Renewal } from './live-runs.ts';
import { ParkedRuns } from './parked-runs.ts';
import type { WorkerDeps } from './run-context.ts';
import { RunLoop } from './run-loop.ts';
import type { RunLoopExits, RunOrigin } from './run-origin.ts';

/**
 * Recovered runs are first polled this far apart, so that a restart is no stampede; and no further, so that the last of a
 * thousand waits for one second in addition to the start itself.
 */
const spacingMs = 1;

/** Drives the live runs of this process: with one run loop each, but for those that are parked. */
export class Worker {
  readonly #deps: WorkerDeps;
  readonly #agents: AgentDirectory;
  readonly #live: LiveRuns;
  /** Timers of live runs whose agent the config does not have: only their deadline can be kept. */
  readonly #deadlineTimers = new Map<string, { readonly run: Run; readonly cancel: () => void }>();
  readonly #fastStarts: FastStarts;
  readonly #parked: ParkedRuns;
  #stopped = false;

  constructor(deps: WorkerDeps, agents: AgentDirectory, live: LiveRuns) {
    this.#deps = deps;
    this.#agents = agents;
    this.#live = live;
    this.#fastStarts = new FastStarts(deps);
    this.#parked = new ParkedRuns({
      ...deps,
      live,
      unpark: (run, { agent, memory }) => this.#drive(run, agentNow(agents, run, agent), { kind: 'parked', memory }),
    });
  }

  /** Null: the run has to wait before its start, so it is to be written as queued. */
  prepare(draft: Run, agent: Agent): FastStart | null {
    return this.#fastStarts.prepare(draft, agent);
  }

  /** The run of a prepared start was not written, or it is not known whether it was. */
  abandon(fastStart: FastStart): void {
    this.#fastStarts.abandon(fastStart);
  }

  /** Drives a run that was just written, in the turn in which it is durable. */
  begin(run: Run, agent: Agent, fastStart: FastStart | null): void {
    if (fastStart === null) {
      // On a shared store it may have been found, as a run that this process lost track of, before its write was answered.
      if (!this.#stopped && this.#live.get(run.runId) === undefined)
        this.#drive(run, this.#choose(run, agent), { kind: 'new' });
      return;
    }
    // Also while this process stops: what is written as starting is started.
    this.#drive(run, fastStart.agent, { kind: 'fast-start', fastStart });
    this.#fastStarts.settle(run.runId);
    // The config has changed while it was being written.
    if (agentNow(this.#agents, run, fastStart.agent) !== fastStart.agent)
      this.#live.get(run.runId)?.renew({ agentNow: this.#agentNow, isElsewhere: false });
  }

  /**
   * Drives a run that another process drove before, or that this one lost track of. One that is parked here learns of the
   * claim, so that an older state of it that is being read does not count.
   */
  recover(run: Run): void {
    const known = this.#live.get(run.runId);
    if (known?.isParked === true) known.refresh(run);
    if (this.#stopped || known !== undefined || this.#deadlineTimers.has(run.runId)) return;
    // It begins, or is given up, when its write is answered: a second loop could start it twice.
    if (this.#fastStarts.isOpen(run.runId)) return;
    const agent = agentOf(this.#agents, run);
    if (agent === null) {
      // Another replica, or this one after its config is mended, may know the agent: the run is kept, not ended.
      this.#deps.log.warn({ run_id: run.runId, agent: run.agentName }, 'a live run belongs to no agent of this config');
      this.#keepDeadline(run);
      return;
    }
    const pollWithinMs = Math.min(this.#live.size * spacingMs, this.#deps.pacing.ceilingMs);
    const isUnsent = run.phase === 'starting' && this.#fastStarts.takeUnsent(run.runId);
    this.#drive(run, this.#choose(run, agent), { kind: 'recovered', pollWithinMs, isUnsent });
  }

  /** A run that no backend may have begins at the best one. */
  #choose(run: Run, agent: Agent): Agent {
    if (run.phase !== 'queued' || run.backend !== undefined) return agent;
    return chooseBackend(this.#deps, agent, { run, memory: null, isPlaced: false }).agent;
  }

  #drive(run: Run, agent: Agent, origin: RunOrigin): void {
    const loop = new RunLoop(this.#deps, this.#exits, { run, agent, origin });
    this.#live.set(loop);
    loop.start();
  }

  /** One for all loops. */
  readonly #exits: RunLoopExits = {
    onOver: (loop) => this.#live.delete(loop),
    onPark: (parked, delayMs) => this.#parked.park(parked, delayMs),
    onMove: ({ run, agent, memory }) => this.#drive(run, agent, { kind: 'parked', memory }),
  };

  /** Goes on with every live run as the config in force has its agent; `changed` are the backends with another account or other limits. */
  renew(changed: ReadonlySet<string>): void {
    for (const live of [...this.#live.values()])
      live.renew({ agentNow: this.#agentNow, isElsewhere: changed.has(live.backend) });
    for (const [runId, { run, cancel }] of [...this.#deadlineTimers]) {
      if (agentOf(this.#agents, run) === null) continue;
      cancel();
      this.#deadlineTimers.delete(runId);
      this.recover(run);
    }
  }

  readonly #agentNow: Renewal['agentNow'] = (run, agent) => agentNow(this.#agents, run, agent);

  #keepDeadline(run: Run): void {
    const { clock, canceller, log } = this.#deps;
    const cancel = clock.schedule(Math.max(0, run.deadlineAtMs - clock.nowMs()), () => {
      this.#deadlineTimers.delete(run.runId);
      canceller
        .expire(run, null, 'it was waiting for a replica whose config has its agent')
        .catch((error: unknown) => log.warn({ run_id: run.runId, err: error }, 'deadline could not be recorded'));
    });
    this.#deadlineTimers.set(run.runId, { run, cancel });
  }

  /** Stops every run loop. Resolves when the vendor calls that were under way are finished and recorded. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { cancel } of this.#deadlineTimers.values()) cancel();
    const stopAll = () => Promise.all([...this.#live.values()].map((run) => run.stop()));
    const stopped = stopAll();
    // Loops that begin from here on are those of runs that were being written as starting.
    await this.#fastStarts.close();
    await stopped;
    await stopAll();
  }
}
