import type { AdminFor, ConfigAdmin, TryMapping } from '../../contract/api/admin.ts';
import type { AgentReport, BackendReport, MappingTrial, ReplicaState } from '../../contract/api/admin-reports.ts';
import type { Agent, AgentDirectory } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Log, Verbosity } from '../../contract/domain/log.ts';
import { MappingFault } from '../../contract/domain/mapping.ts';
import type { Actor, Stop, StopName } from '../../contract/domain/operator.ts';
import type { ReplicaRow } from '../../contract/store/operations-store.ts';
import type { CapReadings } from '../limits/caps.ts';
import type { Stops } from '../limits/stops.ts';
import type { Scheduler } from '../schedules/scheduler.ts';
import { translateStorageFault } from '../storage-errors.ts';
import { BackendReports, type BackendReportsDeps } from './backend-reports.ts';
import { BulkActions, type BulkActionsDeps } from './bulk-actions.ts';
import type { ChangeStream } from './change-stream.ts';
import { readOverview } from './overview-reader.ts';
import type { Presence } from './presence.ts';
import { RunFinder, type RunFinderDeps } from './run-finder.ts';
import { reportRun } from './run-reports.ts';

export type AdminDeps = Omit<RunFinderDeps, 'agents'> &
  BackendReportsDeps &
  BulkActionsDeps & {
    readonly agents: AgentDirectory;
    readonly stops: Stops;
    readonly scheduler: Scheduler;
    readonly capReadings: Pick<CapReadings, 'read'>;
    readonly presence: Presence;
    readonly changeStream: ChangeStream;
    readonly config: ConfigAdmin;
    readonly consoleUrlOf: (backend: string) => string | null;
    readonly version: string;
    readonly deadAfterMs: number;
    readonly log: Log;
    /** Left out, the log keeps to its level. */
    readonly verbosity?: Verbosity | undefined;
  };

const owed = ['waiting', 'failed', 'stopped'] as const;

/** The use cases of operators, for whom they are noted. */
export function createAdmin(deps: AdminDeps): AdminFor {
  const { store, stops, clock, log, config, presence, changeStream } = deps;
  const { operations, outbox } = store;
  const finder = new RunFinder(deps);
  const reports = new BackendReports(deps, finder);
  const bulk = new BulkActions(deps, finder);
  const readReplicas = () => translateStorageFault(operations.replicas());

  return (actor) => {
    const act = (message: string, fields: Readonly<Record<string, unknown>> = {}): void =>
      log.warn({ by: actor.name, by_tenant: actor.tenant, ...fields }, message);

    return {
      overview: () => readOverview({ ...deps, finder, reports, describeReplica: (row) => describeReplica(row, deps) }),
      findRuns: (query) => finder.find(query),
      countRuns: (selection) => finder.count(selection),
      findRun: async (runId, reveal) => {
        const report = await reportRun({ store, finder, consoleUrlOf: deps.consoleUrlOf }, runId, reveal);
        if (reveal.length > 0) act('payloads shown', { run_id: runId, tenant: report.row.tenant, shown: reveal });
        return report;
      },
      cancelRuns: async (command) => {
        const outcome = await bulk.cancel(command, actor);
        if (!command.isDryRun) act('runs cancelled', { runs: outcome.done.length });
        return outcome;
      },
      replayRuns: async (command) => {
        const outcome = await bulk.replay(command, actor);
        if (!command.isDryRun) act('runs replayed', { runs: outcome.done.length });
        return outcome;
      },
      startRun: async ({ agent, tenant, input, config: settings }) => {
        const metadata = { started_by: actor.name };
        const request = { ...{ input, metadata }, ...(settings === undefined ? {} : { config: settings }) };
        const { run } = await deps.runs.create({ tenant: tenant ?? actor.tenant, agent, request });
        act('run started by an operator', { run_id: run.runId, tenant: run.tenant, agent: run.agentName });
        return run.runId;
      },
      resumeRun: async (runId, payload) => {
        const found = await translateStorageFault(store.findOfAnyTenant(runId));
        if (found === null) throw new GatewayError('run_not_found');
        const { tenant } = found;
        const action = { action: 'resume', by: actor.name, atMs: clock.nowMs() } as const;
        await deps.runs.resume({ tenant, runId }, payload, { action });
        act('run resumed by an operator', { run_id: runId, tenant });
      },
      backends: async () => reports.all(await readReplicas()),
      backend: async (name) => reports.one(name, await readReplicas()),
      probeBackend: async (name): Promise<BackendReport> => {
        reports.probe(name);
        act('backend probed', { backend: name });
        return reports.one(name, await readReplicas());
      },
      queues: () => reports.queues(),
      replicas: async () => (await readReplicas()).map((row) => describeReplica(row, deps)),
      setDrain: async (replica, shouldDrain) => {
        if (!(await translateStorageFault(operations.setDrain(replica, shouldDrain)))) throw replicaNotFound(replica);
        act(shouldDrain ? 'replica is to drain' : 'replica is to take runs again', { replica });
        await presence.refresh();
        const row = (await readReplicas()).find((each) => each.replica === replica);
        if (row === undefined) throw replicaNotFound(replica);
        changeStream.note('replica', replica, () => ({}));
        return describeReplica(row, deps);
      },
      setDebugLog: async ({ runId, forMs }) => {
        if (deps.verbosity === undefined) throw new GatewayError('not_supported');
        const run = runId === null ? null : await translateStorageFault(store.findOfAnyTenant(runId));
        if (runId !== null && run === null) throw new GatewayError('run_not_found');
        deps.verbosity.raise({ runId, forMs });
        act('debug log set', { of_run: runId ?? 'all', for_ms: forMs });
        const untilMs = forMs === 0 ? null : clock.nowMs() + forMs;
        return { replica: deps.replica, runId, untilMs, owner: run?.phase === 'done' ? null : (run?.owner ?? null) };
      },
      deliveries: ({ runId, states, limit }) =>
        translateStorageFault(
          outbox.list({ runId, states: states ?? (runId === undefined ? owed : undefined), limit }),
        ),
      redrive: async ({ runId, states = ['failed', 'stopped'] }) => {
        const wanted = states.filter((state) => state !== 'delivered');
        const redriven = await translateStorageFault(outbox.redrive({ runId, states: wanted, nowMs: clock.nowMs() }));
        act('webhooks redriven', { run_id: runId, states: wanted, deliveries: redriven });
        return redriven;
      },
      agents: () => deps.agents.all.map((agent) => describeAgent(agent, stops)),
      tryMapping: async (trial) => await tryMapping(deps, trial),
      config: async ({ isCompared }) => ({
        ...config.current(),
        check: isCompared ? await config.check(null) : null,
      }),
      checkConfig: (text) => config.check(text),
      reloadConfig: async () => {
        const outcome = await config.reload(actor.name);
        act('config reload asked for', { applied: outcome.isApplied, config_hash: outcome.hash });
        changeStream.note('config', 'config', () => ({}));
        return outcome;
      },
      schedules: () => translateStorageFault(deps.scheduler.report()),
      caps: () => translateStorageFault(deps.capReadings.read()),
      stops: async () => stops.all,
      stop: async (name, reason) => await putStop(name, reason, actor),
      lift: async (name) => {
        const isLifted = await translateStorageFault(operations.liftStop(name));
        await presence.refresh();
        if (!isLifted)
          throw new GatewayError('stop_not_found', { detail: `no stop of the ${name.kind} "${name.name}"` });
        act('stop lifted', name);
      },
      watch: (lastSeen) => changeStream.watch(lastSeen),
    };
  };

  async function putStop(name: StopName, reason: string, actor: Actor): Promise<Stop> {
    refuseUnknown(name);
    const stop: Stop = { ...name, reason, by: actor.name, atMs: clock.nowMs() };
    // Known here before it is written, so that nothing starts while it is; taken back where it could not be.
    stops.replace([...stops.all.filter((each) => each.kind !== stop.kind || each.name !== stop.name), stop]);
    try {
      await translateStorageFault(operations.putStop(stop));
    } finally {
      await presence.refresh();
    }
    return stop;
  }

  /** Tenants are not listed anywhere, so any name may be one. */
  function refuseUnknown({ kind, name }: StopName): void {
    if (kind === 'backend') reports.one(name, []);
    if (kind === 'agent' && deps.agents.find(name)?.name !== name) throw new GatewayError('agent_not_found');
  }
}

async function tryMapping(
  { agents, clock }: AdminDeps,
  { agent, status, raw, part }: TryMapping,
): Promise<MappingTrial> {
  const found = agents.find(agent);
  if (found === null) throw new GatewayError('agent_not_found', { detail: `the config has no agent "${agent}"` });
  const amended = found.mapping.amend(part);
  if (amended.kind === 'refused') return { problems: amended.problems, mapped: null, tookMs: 0 };
  const sinceMs = clock.monotonicMs();
  try {
    const mapped = await amended.mapping.read({ status, raw });
    return { problems: [], mapped, tookMs: clock.monotonicMs() - sinceMs };
  } catch (error) {
    if (!(error instanceof MappingFault)) throw error;
    return { problems: [error.message], mapped: null, tookMs: clock.monotonicMs() - sinceMs };
  }
}

function replicaNotFound(replica: string): GatewayError {
  return new GatewayError('replica_not_found', { detail: `"${replica}"` });
}

function describeReplica(row: ReplicaRow, { replica, clock, deadAfterMs }: AdminDeps): ReplicaState {
  const isSelf = row.replica === replica;
  return { ...row, isSelf, isAlive: isSelf || clock.nowMs() - row.beatAtMs < deadAfterMs };
}

function describeAgent(agent: Agent, stops: Stops): AgentReport {
  const { agentId, name, version, description, metadata, schemas, capabilities, places, tenants } = agent;
  return {
    ...{ agentId, name, version, description, metadata, schemas, capabilities },
    backends: (places ?? [{ agent, weight: 1 }]).map((place) => ({
      name: place.agent.backend,
      weight: place.weight,
    })),
    tenants: tenants ?? null,
    stop: stops.find({ kind: 'agent', name }),
  };
}
