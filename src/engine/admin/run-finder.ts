import type { RunListQuery, RunSelection } from '../../contract/api/admin.ts';
import type { RunPage, RunRow, RunTotals } from '../../contract/api/admin-reports.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { RunFilter, RunGroup, RunHead } from '../../contract/store/operations-store.ts';
import type { Store } from '../../contract/store/store.ts';
import { upstreamKeyOf } from '../state/upstream-key.ts';
import { translateStorageFault } from '../storage-errors.ts';
import type { LiveRuns } from '../worker/live-runs.ts';
import { describeWaiting } from '../worker/run-wait.ts';

/** What finding runs takes of an agent. */
export type FindableAgent = Pick<Agent, 'agentId' | 'name' | 'backend' | 'tenants'> & {
  readonly places?: readonly { readonly agent: Pick<Agent, 'backend' | 'tenants'> }[] | undefined;
};

export type RunFinderDeps = {
  readonly agents: { readonly all: readonly FindableAgent[]; find(idOrName: string): FindableAgent | null };
  readonly store: Store;
  readonly live: Pick<LiveRuns, 'waitingFor'>;
  readonly clock: Clock;
};

/** Runs that one page looks at, and one count. */
const maxExamined = 20_000;

/** Finds and counts runs over all tenants. Rejects with `GatewayError`. */
export class RunFinder {
  readonly #deps: RunFinderDeps;

  constructor(deps: RunFinderDeps) {
    this.#deps = deps;
  }

  async find({ limit, cursor, vendorId, runIds, ...selection }: RunListQuery): Promise<RunPage> {
    const filter = this.filterOf(selection);
    if (runIds !== undefined) return await this.#findByIds(runIds, filter, vendorId);
    if (vendorId !== undefined) return await this.#findByVendorId(vendorId, filter);
    const walk = { filter, before: cursor, maxExamined, limit };
    const { runs, examined, next } = await translateStorageFault(this.#deps.store.operations.walkRuns(walk));
    return { runs: runs.map((run) => this.rowOf(run)), examined, nextCursor: next };
  }

  async count({ vendorId, ...selection }: RunSelection): Promise<RunTotals> {
    if (vendorId !== undefined) {
      const { runs } = await this.#findByVendorId(vendorId, this.filterOf(selection));
      return totalsOf(
        runs.map((run) => ({ ...run, backend: run.backend ?? null, count: 1, oldestMs: run.createdAtMs })),
        true,
      );
    }
    const { groups, isComplete } = await this.groups(this.filterOf(selection));
    return totalsOf(groups, isComplete);
  }

  /** Matching runs in groups, each with its backend where that is known. */
  async groups(filter: RunFilter): Promise<{ readonly groups: readonly RunGroup[]; readonly isComplete: boolean }> {
    const { agents, store } = this.#deps;
    const spreadAgentIds = agents.all.filter(({ places }) => places !== undefined).map(({ agentId }) => agentId);
    const walk = { filter, maxExamined, spreadAgentIds };
    const { groups, isComplete } = await translateStorageFault(store.operations.countRuns(walk));
    const withBackends = groups.map((group) => ({ ...group, backend: group.backend ?? this.#onlyBackendOf(group) }));
    return { groups: withBackends, isComplete };
  }

  /** Throws `agent_not_found`. */
  filterOf(selection: Omit<RunSelection, 'vendorId'>): RunFilter {
    const { agents, clock } = this.#deps;
    const { agent, backend, olderThanMs, youngerThanMs, ...same } = selection;
    const found = agent === undefined ? undefined : agents.find(agent);
    if (found === null) throw new GatewayError('agent_not_found', { detail: `the config has no agent "${agent}"` });
    const nowMs = clock.nowMs();
    return {
      ...same,
      agentIds: found === undefined ? undefined : [found.agentId],
      createdBeforeMs: olderThanMs === undefined ? undefined : nowMs - olderThanMs,
      createdFromMs: youngerThanMs === undefined ? undefined : nowMs - youngerThanMs,
      backend:
        backend === undefined
          ? undefined
          : {
              name: backend,
              onlyAgentIds: agents.all
                .filter((each) => each.places === undefined && each.backend === backend)
                .map(({ agentId }) => agentId),
              otherAgentIds: agents.all.filter(({ places }) => places !== undefined).map(({ agentId }) => agentId),
            },
    };
  }

  /** A run as lists show it: what it waits for is as this process knows it, where it drives the run. */
  rowOf(head: RunHead): RunRow {
    const { live, clock } = this.#deps;
    const known = live.waitingFor(head.runId);
    const { waiting: recorded, ...rest } = head;
    const waiting = known === undefined ? recorded : (known ?? undefined);
    const backend = head.backend ?? this.#onlyBackendOf(head) ?? undefined;
    return {
      ...rest,
      ...(backend === undefined ? {} : { backend }),
      ...(waiting === undefined ? {} : { waiting }),
      ageMs: Math.max(0, clock.nowMs() - head.createdAtMs),
      waitsFor: waiting === undefined ? null : describeWaiting(waiting.cause),
    };
  }

  /** A walk that begins at the run itself looks at nothing else, so that one filter means the same wherever it is used. */
  async #findByIds(runIds: readonly string[], filter: RunFilter, vendorId: string | undefined): Promise<RunPage> {
    if (vendorId !== undefined) {
      const { runs } = await this.#findByVendorId(vendorId, filter);
      const named = runs.filter(({ runId }) => runIds.includes(runId));
      return { runs: named, examined: named.length, nextCursor: null };
    }
    const { operations } = this.#deps.store;
    const found: RunRow[] = [];
    for (const runId of new Set(runIds)) {
      const walk = { filter, before: idAfter(runId), maxExamined: 1, limit: 1 };
      const { runs } = await translateStorageFault(operations.walkRuns(walk));
      found.push(...runs.filter((run) => run.runId === runId).map((run) => this.rowOf(run)));
    }
    const newestFirst = found.toSorted((one, other) => (one.runId < other.runId ? 1 : -1));
    return { runs: newestFirst, examined: found.length, nextCursor: null };
  }

  /** An id means something to the account alone that gave it, so each account is asked for. */
  async #findByVendorId(vendorId: string, filter: RunFilter): Promise<RunPage> {
    const { agents, store } = this.#deps;
    const keys = new Set(
      agents.all
        .flatMap((agent) => [agent, ...(agent.places ?? []).map((place) => place.agent)])
        .flatMap((agent) => (agent.tenants ?? ['']).map((tenant) => upstreamKeyOf(agent, tenant, vendorId))),
    );
    const found: RunRow[] = [];
    for (const key of keys) {
      const runId = await translateStorageFault(store.findByUpstream(key));
      const run = runId === null ? null : await translateStorageFault(store.findOfAnyTenant(runId));
      if (run !== null && matches(run, filter)) found.push(this.rowOf(headOf(run)));
    }
    return { runs: found, examined: found.length, nextCursor: null };
  }

  #onlyBackendOf({ agentId }: Pick<Run, 'agentId'>): string | null {
    const agent = this.#deps.agents.find(agentId);
    return agent === null || agent.places !== undefined ? null : agent.backend;
  }
}

export function headOf(run: Run): RunHead {
  const { runId, tenant, agentId, agentName, threadId, phase, status, owner, waiting, backend, attempts } = run;
  const { createdAtMs, updatedAtMs, startedAtMs, deadlineAtMs, upstream, outcome, request } = run;
  return {
    ...{ runId, tenant, agentId, agentName, threadId, phase, status, owner, attempts },
    ...(waiting === undefined ? {} : { waiting }),
    ...(backend === undefined ? {} : { backend }),
    ...{ createdAtMs, updatedAtMs, startedAtMs, deadlineAtMs, upstream },
    error: outcome?.kind === 'error' ? { errcode: outcome.errcode, description: outcome.description } : null,
    metadata: request.metadata ?? {},
  };
}

/** The smallest text above an id among texts of its length. */
function idAfter(runId: string): string {
  return `${runId.slice(0, -1)}${String.fromCharCode(runId.charCodeAt(runId.length - 1) + 1)}`;
}

/** Whether a run that was found in another way passes a filter; its text is left aside. */
function matches(run: Run, filter: RunFilter): boolean {
  const { tenant, agentIds, phases, statuses, errcodes, owner, threadId, isLive, backend } = filter;
  const errcode = run.outcome?.kind === 'error' ? run.outcome.errcode : null;
  const { createdBeforeMs = Number.POSITIVE_INFINITY, createdFromMs = 0 } = filter;
  return (
    (tenant === undefined || run.tenant === tenant) &&
    (agentIds === undefined || agentIds.includes(run.agentId)) &&
    (phases === undefined || phases.includes(run.phase)) &&
    (statuses === undefined || statuses.includes(run.status)) &&
    (errcodes === undefined || (errcode !== null && errcodes.includes(errcode))) &&
    (owner === undefined || run.owner === owner) &&
    (threadId === undefined || run.threadId === threadId) &&
    (isLive === undefined || isLive === (run.phase !== 'done')) &&
    (backend === undefined || run.backend === backend.name || backend.onlyAgentIds.includes(run.agentId)) &&
    run.createdAtMs < createdBeforeMs &&
    run.createdAtMs >= createdFromMs
  );
}

/** What runs have that are at no backend yet. */
const nowhere = 'none';

export function totalsOf(groups: readonly RunGroup[], isComplete: boolean): RunTotals {
  const sumBy = (keyOf: (group: RunGroup) => string): Readonly<Record<string, number>> => {
    const sums = new Map<string, number>();
    for (const group of groups) sums.set(keyOf(group), (sums.get(keyOf(group)) ?? 0) + group.count);
    return Object.fromEntries([...sums].toSorted(([, one], [, other]) => other - one));
  };
  return {
    count: groups.reduce((sum, { count }) => sum + count, 0),
    isComplete,
    oldestMs: groups.length === 0 ? null : Math.min(...groups.map(({ oldestMs }) => oldestMs)),
    byPhase: sumBy(({ phase }) => phase),
    byStatus: sumBy(({ status }) => status),
    byBackend: sumBy(({ backend }) => backend ?? nowhere),
    byAgent: sumBy(({ agentName }) => agentName),
    byTenant: sumBy(({ tenant }) => tenant),
  };
}
