import type { BackendReport, Need, RunTotals } from '../../contract/api/admin-reports.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { Stop } from '../../contract/domain/operator.ts';
import type { RunGroup } from '../../contract/store/operations-store.ts';

/** A queue whose oldest run has waited for longer needs a person. */
const longQueueMs = 600_000;

export type NeedsInput = {
  readonly nowMs: number;
  readonly backends: readonly BackendReport[];
  readonly stops: readonly Stop[];
  /** Live runs. */
  readonly groups: readonly RunGroup[];
  /** Starts of unknown outcome within the last hour. */
  readonly unknownStarts: RunTotals;
  /** Deliveries that were given up, at most `maxDeliveries`. */
  readonly givenUp: number;
  readonly maxDeliveries: number;
};

/** What a person has to look at, the worst first. */
export function listNeeds(input: NeedsInput): readonly Need[] {
  const { backends, stops, groups, unknownStarts, givenUp, maxDeliveries, nowMs } = input;
  const needs: Need[] = backends.flatMap((backend) => backendNeed(backend, nowMs));
  if (unknownStarts.count > 0) {
    const text = `${count(unknownStarts.count, 'run')} ended within the last hour with ${errcodes.startUnknown}: it is not known whether the vendor started them`;
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

function backendNeed({ name, state, sinceMs, lastFault, liveRuns }: BackendReport, nowMs: number): readonly Need[] {
  const said = lastFault === null ? '' : `: ${lastFault.fault}`;
  const words: Readonly<Record<string, string>> = {
    unauthorised: 'has refused our credentials',
    down: 'has not answered',
    paused: 'has been paused, as it asked for,',
    degraded: 'has failed calls',
  };
  const verb = words[state];
  if (verb === undefined) return [];
  const text = `${name} ${verb} for ${sayAge(nowMs - sinceMs)}, with ${count(liveRuns, 'live run')} here${said}`;
  return [{ kind: 'backend', name, text, sinceMs }];
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
