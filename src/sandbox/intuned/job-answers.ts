import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { SandboxRun } from '../run-table.ts';
import type { View } from '../script.ts';
import { encodeReason } from './result.ts';
import type { Project } from './runs.ts';

/** A job of a project: which API it runs, with which parameters each. */
export type Job = Project & {
  readonly id: string;
  readonly payload: readonly { readonly apiName: string; readonly parameters: JsonObject }[];
  readonly configuration: JsonObject;
  readonly createdAtMs: number;
  readonly isPaused: boolean;
};

const configuration: JsonObject = { retry: { maximumAttempts: 3 }, requestTimeout: 600 };

/** A job by itself; in a list, its members have other names, as the vendor's own client reads them. */
export function encodeJob(job: Job): JsonObject {
  return { ...encodeShared(job), projectId: job.project };
}

export function encodeListedJob(job: Job): JsonObject {
  return { ...encodeShared(job), workspace_id: job.workspaceId, project_id: job.project, source: 'API' };
}

function encodeShared({ id, payload, configuration: own, createdAtMs, isPaused }: Job): JsonObject {
  const state = isPaused ? 'PAUSED' : 'ACTIVE';
  return {
    id,
    configuration: { ...configuration, ...own },
    payload: [...payload],
    created_at: iso(createdAtMs),
    state,
  };
}

/** One execution of a job; null where the vendor no longer knows it. */
export function encodeJobRun(run: SandboxRun, view: View, job: Job): JsonObject | null {
  const ended = describeEnd(view, job.payload.length);
  if (ended === null) return null;
  const { endedAtMs, ...members } = ended;
  const [startedAt, endedAt] = [iso(run.startedAtMs), endedAtMs === null ? null : iso(endedAtMs)];
  return {
    id: run.runId,
    workspace_id: job.workspaceId,
    project_id: job.project,
    job_id: job.id,
    type: 'MANUAL',
    start_time: startedAt,
    end_time: endedAt,
    created_at: startedAt,
    updated_at: endedAt ?? startedAt,
    payloads: job.payload.length,
    ...members,
    job_configuration_snapshot: { configuration: { ...configuration, ...job.configuration } },
  };
}

/** The file with the results; there is none before the end, and nothing serves it. */
export function encodeJobResults(run: SandboxRun, view: View): JsonObject {
  if (view.kind !== 'completed') return {};
  const key = `${run.runId}.json`;
  const size = Buffer.byteLength(JSON.stringify(view.output));
  const expiration = iso(view.endedAtMs + 3_600_000);
  const results = { signed_url: `https://results.sandbox.example/${key}`, signed_url_expiration: expiration };
  return { results: { ...results, size, key, format: 'json' } };
}

type JobRunEnd = { readonly endedAtMs: number | null; readonly [member: string]: Json };

function describeEnd(view: View, payloads: number): JobRunEnd | null {
  const counts = { successful_runs: 0, failed_runs: 0 };
  switch (view.kind) {
    case 'queued':
    case 'running':
      return { status: 'PENDING', endedAtMs: null, ...counts };
    case 'odd':
      return { status: view.status, endedAtMs: null, ...counts };
    case 'forgotten':
      return null;
    case 'completed':
      return { status: 'SUCCESS', endedAtMs: view.endedAtMs, ...counts, successful_runs: payloads };
    case 'failed': {
      const { failure, endedAtMs } = view;
      // A job fails by itself for two reasons only; that its runs failed shows in the counts.
      const isOwn = failure.code === 'internal-server-error' || failure.code === 'insufficient-resource-credits';
      const end = { status: 'FAILURE', endedAtMs, ...counts, failed_runs: payloads };
      return isOwn ? { ...end, error: { ...withoutUndefined(failure), correlationId: 'sandbox-job' } } : end;
    }
    case 'canceled': {
      const status = view.reason === 'user-request' ? 'TERMINATED' : 'CANCELED';
      return { status, endedAtMs: view.endedAtMs, ...counts, reason: encodeReason(view) };
    }
    default:
      return assertNever(view);
  }
}

function withoutUndefined({ code, ...failure }: Extract<View, { readonly kind: 'failed' }>['failure']): JsonObject {
  return code === undefined ? failure : { ...failure, code };
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
