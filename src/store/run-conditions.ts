import { assertNever } from '../contract/domain/assert-never.ts';
import { type RunPhase, type RunStatus, runStatuses } from '../contract/domain/run.ts';
import type { RunConditions } from '../contract/store/store.ts';

export const liveStatuses: readonly RunStatus[] = ['pending', 'interrupted'];
export const endedStatuses: readonly RunStatus[] = ['success', 'error', 'timeout'];
export const failedStatuses: readonly RunStatus[] = ['error', 'timeout'];

/** The statuses that runs may have which meet the conditions. */
export function statusesOf({ status, statuses, phases, errcodes }: RunConditions): readonly RunStatus[] {
  return runStatuses.filter(
    (each) =>
      (status === undefined || each === status) &&
      (statuses === undefined || statuses.includes(each)) &&
      (phases === undefined || phases.some((phase) => statusesIn(phase).includes(each))) &&
      (errcodes === undefined || failedStatuses.includes(each) || statuses?.includes(each) === true),
  );
}

/** The phases that have to be compared, because no status says which of them a run is in; undefined: none. */
export function comparedPhases({ phases }: RunConditions): readonly RunPhase[] | undefined {
  return phases?.some((phase) => statusesIn(phase).includes('pending')) ? phases : undefined;
}

function statusesIn(phase: RunPhase): readonly RunStatus[] {
  switch (phase) {
    case 'queued':
    case 'starting':
    case 'running':
    case 'resuming':
    case 'delivering':
      return ['pending'];
    case 'interrupted':
      return ['interrupted'];
    case 'done':
      return endedStatuses;
    default:
      return assertNever(phase);
  }
}
