import { assertNever } from '../../contract/domain/assert-never.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { SandboxRun } from '../run-table.ts';
import type { View } from '../script.ts';

export type RestackKind = 'agent' | 'workflow';

/** A run in Restack's words; null where the vendor no longer knows it. */
export function encodeResult(run: SandboxRun, kind: RestackKind, name: string, view: View): JsonObject | null {
  const base = {
    runId: run.runId,
    [kind === 'agent' ? 'agentName' : 'workflowName']: name,
    input: run.input,
    createdAt: new Date(run.startedAtMs).toISOString(),
  };
  switch (view.kind) {
    case 'queued':
      return { ...base, status: 'queued' };
    case 'running':
      return { ...base, status: 'running', ...(view.output === undefined ? {} : { output: view.output }) };
    case 'odd':
      return { ...base, status: view.status };
    case 'forgotten':
      return null;
    case 'completed':
      return { ...base, status: 'completed', output: view.output, completedAt: isoTime(view.endedAtMs) };
    // Restack has no word for a canceled run, and sends only the message of a failure.
    case 'failed':
      return { ...base, status: 'failed', error: view.failure.message, completedAt: isoTime(view.endedAtMs) };
    case 'canceled':
      return { ...base, status: 'failed', error: view.message, completedAt: isoTime(view.endedAtMs) };
    default:
      return assertNever(view);
  }
}

function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}
