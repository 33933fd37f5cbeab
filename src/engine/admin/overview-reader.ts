import type { ConfigAdmin } from '../../contract/api/admin.ts';
import type { Overview, ReplicaState, RunTotals } from '../../contract/api/admin-reports.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { ReplicaRow } from '../../contract/store/operations-store.ts';
import type { Store } from '../../contract/store/store.ts';
import type { Stops } from '../limits/stops.ts';
import { translateStorageFault } from '../storage-errors.ts';
import type { LiveRuns } from '../worker/live-runs.ts';
import type { BackendReports } from './backend-reports.ts';
import { listNeeds, type NeedsInput } from './overview.ts';
import type { Presence } from './presence.ts';
import { type RunFinder, totalsOf } from './run-finder.ts';

export type OverviewDeps = {
  readonly store: Store;
  readonly stops: Stops;
  readonly live: LiveRuns;
  readonly clock: Clock;
  readonly replica: string;
  readonly version: string;
  readonly config: ConfigAdmin;
  readonly presence: Presence;
  readonly finder: RunFinder;
  readonly reports: BackendReports;
  readonly describeReplica: (row: ReplicaRow) => ReplicaState;
};

const hourMs = 3_600_000;
const maxGivenUp = 100;
/** A store that takes longer is shown as away, so that operators see it within seconds. */
const patienceMs = 3000;

/** What is read from the store for an overview. */
type Read = Pick<
  NeedsInput,
  'groups' | 'unknownStarts' | 'unmappable' | 'newestUnmappable' | 'givenUp' | 'replicas'
> & {
  readonly live: RunTotals;
  readonly ended: RunTotals;
  readonly isAway: boolean;
};

/** Reads what needs a person, also while the store is away: then from what this process knows. */
export async function readOverview(deps: OverviewDeps): Promise<Overview> {
  const { clock, stops, presence, reports, config, live } = deps;
  const read = await readStored(deps);
  const nowMs = clock.nowMs();
  return {
    ...{ version: deps.version, replica: deps.replica, configHash: config.hash },
    ...{ live: read.live, ended: read.ended, stops: stops.all },
    needs: listNeeds({
      ...read,
      ...{ nowMs, refusal: config.refusal, stops: stops.all, maxDeliveries: maxGivenUp, liveRuns: live.values() },
      backends: reports.all(presence.replicas),
      storeAwaySinceMs: presence.storeAwaySinceMs ?? (read.isAway ? nowMs : null),
    }),
  };
}

async function readStored(deps: OverviewDeps): Promise<Read> {
  const late = Promise.withResolvers<null>();
  const cancel = deps.clock.schedule(patienceMs, () => late.resolve(null));
  try {
    return (await Promise.race([readAll(deps), late.promise])) ?? readKnown(deps);
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'storage_unavailable') return readKnown(deps);
    throw error;
  } finally {
    cancel();
  }
}

async function readAll({ finder, store, clock, describeReplica }: OverviewDeps): Promise<Read> {
  const ofHour = { createdFromMs: clock.nowMs() - hourMs };
  const failed = { errcodes: [errcodes.mappingFailed] };
  const [live, ended, unknown, unmappable, givenUp, replicas] = await Promise.all([
    finder.groups({ isLive: true }),
    finder.groups({ ...ofHour, isLive: false }),
    finder.groups({ ...ofHour, errcodes: [errcodes.startUnknown] }),
    finder.groups({ ...ofHour, ...failed }),
    translateStorageFault(store.outbox.list({ states: ['failed'], limit: maxGivenUp })),
    translateStorageFault(store.operations.replicas()),
  ]);
  const newest =
    unmappable.groups.length === 0
      ? []
      : (await finder.find({ ...failed, youngerThanMs: hourMs, limit: 1, cursor: null })).runs;
  return {
    ...{ groups: live.groups, givenUp: givenUp.length, replicas: replicas.map(describeReplica), isAway: false },
    live: totalsOf(live.groups, live.isComplete),
    ended: totalsOf(ended.groups, ended.isComplete),
    unknownStarts: totalsOf(unknown.groups, unknown.isComplete),
    unmappable: totalsOf(unmappable.groups, unmappable.isComplete),
    newestUnmappable: newest[0]?.error?.description ?? null,
  };
}

/** Live runs of this process alone, and nothing of those that have ended. */
function readKnown({ live }: OverviewDeps): Read {
  const groups = [...live.values()].map((run) => ({
    ...{ agentId: '', agentName: run.run?.agentName ?? 'unknown', backend: run.backend, tenant: run.tenant },
    ...{ phase: run.phase, status: 'pending' as const, count: 1, oldestMs: run.run?.createdAtMs ?? Date.now() },
  }));
  const none = totalsOf([], false);
  return {
    ...{ groups: [], givenUp: 0, replicas: [], isAway: true },
    ...{ live: { ...totalsOf(groups, false), oldestMs: null }, ended: none, unknownStarts: none },
    ...{ unmappable: none, newestUnmappable: null },
  };
}
