import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { instantOf } from '../shared/answers.ts';

/** Agents and workflows are the same thing under two names. */
export type Kind = 'agent' | 'workflow';

/** The id of what runs: the thread's, whose runs one agent at the vendor may serve, else the run's own. */
export function ownerIdOf({ threadId, runId }: Pick<Run, 'threadId' | 'runId'>): string {
  return threadId ?? runId;
}

/** Both answers that are documented for a start, in one. */
export function encodeStarted(run: Run, kind: Kind): JsonObject {
  return { [`${kind}Id`]: ownerIdOf(run), runId: run.runId, status: 'queued' };
}

export function encodeRun(run: Run, kind: Kind, name: string): JsonObject {
  const { runId, phase, request, createdAtMs, updatedAtMs } = run;
  const isDone = phase === 'done';
  const members: Readonly<Record<string, Json | undefined>> = {
    [`${kind}Id`]: ownerIdOf(run),
    runId,
    [`${kind}Name`]: name,
    status: statusOf(run),
    input: request.input,
    ...encodeOutcome(run),
    createdAt: instantOf(createdAtMs),
    completedAt: isDone ? instantOf(updatedAtMs) : undefined,
  };
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined && value !== null),
  ) as JsonObject;
}

function statusOf({ phase, outcome }: Run): string {
  switch (phase) {
    case 'queued':
    case 'starting':
      return 'queued';
    case 'running':
    case 'interrupted':
    case 'resuming':
    case 'delivering':
      return 'running';
    case 'done':
      return outcome?.kind === 'result' ? 'completed' : 'failed';
    default:
      return assertNever(phase);
  }
}

/** What an agent that waits for an event shows is its output so far. */
function encodeOutcome({ phase, outcome }: Run): JsonObject {
  if (outcome === null) return {};
  switch (outcome.kind) {
    case 'result':
      return { output: outcome.value };
    case 'interrupt':
      return phase === 'interrupted' ? { output: outcome.payload } : {};
    case 'error':
      return { error: outcome.description };
    default:
      return assertNever(outcome);
  }
}
