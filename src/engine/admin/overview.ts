import type { BackendReport, Need, ReplicaState, RunTotals } from '../../contract/api/admin-reports.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { Stop } from '../../contract/domain/operator.ts';
import type { RunGroup } from '../../contract/store/operations-store.ts';
import type { LiveRun } from '../worker/live-runs.ts';
import { isMissed } from './presence.ts';

/** A queue whose oldest run has waited for longer needs a person. */
const longQueueMs = 600_000;
/** Tenants that a sentence names. */
const maxTenants = 3;

export type NeedsInput = {
  readonly nowMs: number;
  /** Since when the store takes nothing; null: it answers. */
  readonly storeAwaySinceMs: number | null;
  readonly refusal: { readonly atMs: number; readonly problems: readonly string[] } | null;
  readonly replicas: readonly ReplicaState[];
  readonly backends: readonly BackendReport[];
  readonly stops: readonly Stop[];
  /** Those of this process. */
  readonly liveRuns: Iterable<Pick<LiveRun, 'unknownStatus'>>;
  /** Live runs. */
  readonly groups: readonly RunGroup[];
  /** Starts of unknown outcome of the last hour. */
  readonly unknownStarts: RunTotals;
  /** Runs of the last hour whose mapping failed. */
  readonly unmappable: RunTotals;
  /** What the newest of them says; null: there is none. */
  readonly newestUnmappable: string | null;
  /** Deliveries that were given up, at most `maxDeliveries`. */
  readonly givenUp: number;
  readonly maxDeliveries: number;
};

/** What a person has to look at, the worst first. */
export function listNeeds(input: NeedsInput): readonly Need[] {
  const { backends, stops, groups, unknownStarts, givenUp, maxDeliveries, nowMs, storeAwaySinceMs } = input;
  const needs: Need[] = [];
  if (storeAwaySinceMs !== null) {
    const text = `the store has not answered for ${sayAge(nowMs - storeAwaySinceMs)}: no runs are taken or started, and what the vendors answer is kept until it does`;
    needs.push({ kind: 'store', name: null, text, sinceMs: storeAwaySinceMs });
  }
  needs.push(...refusalNeed(input), ...input.replicas.flatMap((replica) => replicaNeed(replica, nowMs)));
  needs.push(...backends.flatMap((backend) => backendNeed(backend, nowMs)), ...mappingNeeds(input));
  if (unknownStarts.count > 0) {
    const text = `${count(unknownStarts.count, 'run')} of the last hour ended with ${errcodes.startUnknown}: it is not known whether the vendor started them`;
    needs.push({ kind: 'unknown-start', name: null, text, sinceMs: unknownStarts.oldestMs });
  }
  needs.push(...queueNeeds(groups, nowMs));
  for (const { kind, name, by, reason, atMs } of stops)
    needs.push({
      kind: 'stopped',
      name,
      text: `${kind} ${name} starts nothing: stopped by ${by} (${reason})`,
      sinceMs: atMs,
    });
  if (givenUp > 0) {
    const many =
      givenUp >= maxDeliveries ? `at least ${maxDeliveries} deliveries` : count(givenUp, 'delivery', 'deliveries');
    needs.push({
      kind: 'webhooks',
      name: null,
      text: `${many} of webhooks ${givenUp === 1 ? 'was' : 'were'} given up`,
      sinceMs: null,
    });
  }
  const asking = groups.filter(({ phase }) => phase === 'interrupted');
  if (asking.length > 0) {
    const runs = asking.reduce((sum, group) => sum + group.count, 0);
    const oldestMs = Math.min(...asking.map((group) => group.oldestMs));
    const text = `${count(runs, 'run')} ${runs === 1 ? 'waits' : 'wait'} for an answer; the oldest is ${sayAge(nowMs - oldestMs)} old`;
    needs.push({ kind: 'interrupted', name: null, text, sinceMs: oldestMs });
  }
  return needs;
}

function refusalNeed({ refusal, nowMs }: NeedsInput): readonly Need[] {
  if (refusal === null) return [];
  const [problem = 'no reason is known'] = refusal.problems;
  const text = `a changed config was refused ${sayAge(nowMs - refusal.atMs)} ago, and the one before stays in force: ${problem}`;
  return [{ kind: 'config', name: null, text, sinceMs: refusal.atMs }];
}

function replicaNeed(state: ReplicaState, nowMs: number): readonly Need[] {
  const { replica, isAlive, beatAtMs, runs } = state;
  if (isAlive || !isMissed(state, nowMs)) return [];
  const fate = runs === 0 ? 'its runs were claimed by others' : `${count(runs, 'run')} of it wait to be claimed`;
  const text = `replica ${replica} has not been heard for ${sayAge(nowMs - beatAtMs)}; ${fate}`;
  return [{ kind: 'replica', name: replica, text, sinceMs: beatAtMs }];
}

function backendNeed(backend: BackendReport, nowMs: number): readonly Need[] {
  const { name, state, sinceMs, lastFault, liveRuns, impaired } = backend;
  const said = lastFault === null ? '' : `: ${lastFault.fault}`;
  const words: Readonly<Record<string, string>> = {
    unauthorised: 'has refused our credentials',
    down: 'has not answered',
    paused: 'has been paused, as it asked for,',
    degraded: 'has failed calls',
  };
  const verb = words[state];
  if (verb === undefined) return [];
  const tenants = impaired.flatMap((each) => (each.state === state ? each.tenants : []));
  const more = tenants.length > maxTenants ? ` and ${tenants.length - maxTenants} more` : '';
  const whose = tenants.length === 0 ? '' : ` for ${tenants.slice(0, maxTenants).join(', ')}${more}`;
  const text = `${name}${whose} ${verb} for ${sayAge(nowMs - sinceMs)}, with ${count(liveRuns, 'live run')} here${said}`;
  return [{ kind: 'backend', name, text, sinceMs }];
}

/** Statuses and expressions of mappings that no longer fit what vendors answer. */
function mappingNeeds({ liveRuns, unmappable, newestUnmappable }: NeedsInput): readonly Need[] {
  const kinds = new Map<string, { readonly agentName: string; readonly text: string; runs: number }>();
  for (const { unknownStatus } of liveRuns) {
    if (unknownStatus === null) continue;
    const { agentName, vendorStatus, nearest } = unknownStatus;
    const key = `${agentName} ${vendorStatus}`;
    const hint = nearest === undefined ? '' : ` (it has "${nearest}")`;
    const text = `of ${agentName} here with the status "${vendorStatus}" of the vendor, which is not in the mapping${hint}: pending until their deadline`;
    const known = kinds.get(key) ?? { agentName, text, runs: 0 };
    known.runs += 1;
    kinds.set(key, known);
  }
  const needs = [...kinds.values()].map(({ agentName, text, runs }): Need => {
    return { kind: 'mapping', name: agentName, text: `${count(runs, 'live run')} ${text}`, sinceMs: null };
  });
  for (const [agentName, runs] of Object.entries(unmappable.byAgent)) {
    const newest = newestUnmappable === null ? '' : `; the newest: ${newestUnmappable}`;
    const text = `${count(runs, 'run')} of ${agentName} of the last hour ended with ${errcodes.mappingFailed}: the mapping failed on what the vendor answered${newest}`;
    needs.push({ kind: 'mapping', name: agentName, text, sinceMs: unmappable.oldestMs });
  }
  return needs;
}

function queueNeeds(groups: readonly RunGroup[], nowMs: number): readonly Need[] {
  const queued = Map.groupBy(
    groups.filter(({ phase }) => phase === 'queued'),
    ({ backend }) => backend,
  );
  return [...queued].flatMap(([backend, waiting]): readonly Need[] => {
    const oldestMs = Math.min(...waiting.map((group) => group.oldestMs));
    if (nowMs - oldestMs < longQueueMs) return [];
    const runs = waiting.reduce((sum, group) => sum + group.count, 0);
    const where = backend === null ? 'a backend' : backend;
    const text = `${count(runs, 'run')} ${runs === 1 ? 'waits' : 'wait'} for ${where}; the oldest for ${sayAge(nowMs - oldestMs)}`;
    return [{ kind: 'queue', name: backend, text, sinceMs: oldestMs }];
  });
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

function sayAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
