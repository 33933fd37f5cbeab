import { z } from 'zod';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { findScript } from '../agents.ts';
import type { Ids } from '../ids.ts';
import type { RunTable, SandboxRun } from '../run-table.ts';
import type { Ended, View } from '../script.ts';
import type { Reply } from '../wire-host.ts';
import { describe, fail } from './errors.ts';

const startBody = z.looseObject({
  task: z.string().min(1),
  startUrl: z.string().optional(),
  parameters: z.custom<JsonObject>(isJsonObject, 'must be an object').optional(),
  outputSchema: z.unknown().optional(),
  reuseKey: z.string().optional(),
  model: z.enum(['haiku', 'sonnet', 'opus']).optional(),
});

export type WebTasksDeps = { readonly runs: RunTable; readonly ids: Ids };

/** Web tasks of a workspace. The first word of a task that names an agent of the sandbox chooses it; others are echoed. */
export function intunedWebTasks({ runs, ids }: WebTasksDeps) {
  return {
    start(workspaceId: string, body: unknown): Reply {
      const parsed = startBody.safeParse(body);
      if (!parsed.success) return fail(400, describe(parsed.error));
      const { task, parameters = {} } = parsed.data;
      const word = task.split(/\s/, 1)[0] ?? '';
      const script = findScript('api', word) ?? findScript('api', 'echo');
      if (script === null) return fail(404, 'no such task');
      const order = { vendor: 'intuned', scope: scopeOf(workspaceId), agent: word, script } as const;
      const { run, fault } = runs.start({ ...order, input: parameters, runId: ids.uuid(), groupId: '' });
      if (run === null) return { ...fail(500, 'not started'), fault };
      return { status: 200, body: { webTaskId: run.runId, status: 'pending' }, fault };
    },

    observe(workspaceId: string, webTaskId: string): Reply {
      const run = runs.find('intuned', scopeOf(workspaceId), webTaskId);
      if (run === null) return fail(404, 'web task not found');
      const { view, fault } = runs.observe(run);
      const answer = encodeTask(run, view);
      return answer === null ? { ...fail(404, 'web task not found'), fault } : { status: 200, body: answer, fault };
    },
  };
}

/** A web task in Intuned's words: `completed` says that it is over, `outcome` whether it succeeded. */
function encodeTask(run: SandboxRun, view: View): JsonObject | null {
  const base = { webTaskId: run.runId, createdAt: iso(run.startedAtMs) };
  const startedAt = iso(run.begunAtMs);
  switch (view.kind) {
    case 'queued':
      return { ...base, status: 'pending' };
    case 'running':
      return { ...base, status: 'started', startedAt };
    case 'odd':
      return { ...base, status: view.status };
    case 'forgotten':
      return null;
    case 'canceled':
      return { ...base, status: 'canceled', startedAt, completedAt: iso(view.endedAtMs) };
    case 'completed':
    case 'failed':
      return { ...base, status: 'completed', startedAt, completedAt: iso(view.endedAtMs), ...encodeOutcome(run, view) };
    default:
      return assertNever(view);
  }
}

function encodeOutcome(run: SandboxRun, view: Extract<Ended, { readonly kind: 'completed' | 'failed' }>): JsonObject {
  const cost = { aiUsd: 0.0125 };
  if (view.kind === 'failed') {
    const { code = 'internal-error', message } = view.failure;
    return { outcome: 'failed', cost, error: { code, message } };
  }
  return { outcome: 'success', cost, result: encodeOutput(run, view.output, view.endedAtMs) };
}

/** A large output is a file; `asFile` in the parameters makes any output one. */
function encodeOutput({ runId, input }: SandboxRun, data: Json, endedAtMs: number): JsonObject {
  if (!isJsonObject(input) || input.asFile !== true) return { type: 'inline', data };
  const sizeBytes = Buffer.byteLength(JSON.stringify(data));
  const url = `https://results.sandbox.example/${runId}.json`;
  return {
    type: 'file',
    file: { url, contentType: 'application/json', sizeBytes, expiresAt: iso(endedAtMs + 3_600_000) },
  };
}

function scopeOf(workspaceId: string): string {
  return `${workspaceId}\nweb task`;
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
