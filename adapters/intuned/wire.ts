import { z } from 'zod';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { HttpClient } from '../../src/contract/adapter/http-client.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { findReason } from '../../src/json/find-reason.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { pathPart } from '../path.ts';
import { type RunConfig, runConfig } from './options.ts';

/** Paths of the API, below the base URL. */
export const paths = {
  startRun: '/{workspaceId}/projects/{project}/run/start',
  getRun: '/{workspaceId}/projects/{project}/run/{runId}/result',
  triggerJob: '/{workspaceId}/projects/{project}/jobs/{job}/trigger',
  getJobRun: '/{workspaceId}/projects/{project}/jobs/{job}/runs/{runId}',
  terminateJobRun: '/{workspaceId}/projects/{project}/jobs/{job}/runs/{runId}/terminate',
  startWebTask: '/{workspaceId}/web-tasks/start',
  getWebTask: '/{workspaceId}/web-tasks/{runId}/result',
} as const;

/** What all calls of one connection have in common. */
export type Reach = {
  readonly http: HttpClient;
  readonly workspaceId: string;
  readonly shared: {
    readonly headers: Readonly<Record<string, string>>;
    readonly errorMessage: (body: Json) => string | null;
  };
};

/** What the sink of a run is called with, as far as it names the run. */
export const sinkCall = z.looseObject({
  apiInfo: z.looseObject({ name: z.string(), runId: pathPart }),
  project: z.looseObject({ id: z.string().optional(), name: z.string().optional() }).optional(),
});
/** What the vendor gives one attempt where neither run nor target say so. */
export const usualAttemptSeconds = 600;

const status = z.string().min(1);
export const startAnswer = z.looseObject({ runId: pathPart });
export const resultAnswer = z.looseObject({ status, runId: z.unknown().optional() });
export const triggerAnswer = z.looseObject({ jobRunId: pathPart });
export const jobRunAnswer = z.looseObject({ jobRun: z.looseObject({ status, id: z.unknown().optional() }) });
export const webTaskStartAnswer = z.looseObject({ webTaskId: pathPart });
export const webTaskAnswer = z.looseObject({ status, webTaskId: z.unknown().optional() });

/**
 * The message of an error body: `{message}`, `{error: {message}}`, `{error: "…"}`, or whatever else holds a reason. A
 * message goes before an error, which may be the name of the status alone.
 */
export function findErrorMessage(body: Json): string | null {
  return isJsonObject(body) && typeof body.message === 'string' ? body.message : findReason(body);
}

/** Refusals of a start that pass by themselves: nothing was started, and the same start is taken later. */
const passingCodes = new Set(['auth-session-already-in-use']);

/** A refusal that passes by itself is worth another try; every other fault stays what it is. */
export function judgeStartFault(error: unknown): unknown {
  if (!(error instanceof UpstreamFault) || error.consequence !== 'rejected' || !hasPassingCode(error.answer))
    return error;
  const { kind, message, httpStatus, retryAfterMs, answer, headers } = error;
  return new UpstreamFault({
    consequence: 'retry',
    kind,
    message,
    httpStatus,
    retryAfterMs,
    answer,
    headers,
    cause: error,
  });
}

/** The code stands in the body itself, or in its `error`. */
function hasPassingCode(answer: Json): boolean {
  if (!isJsonObject(answer)) return false;
  const { code, error } = answer;
  return (typeof code === 'string' && passingCodes.has(code)) || hasPassingCode(error ?? null);
}

/** @throws UpstreamFault where the config is not valid: nothing was sent, and nothing would be different the next time. */
export function readConfig(config: JsonObject): RunConfig {
  const run = runConfig.safeParse(config);
  if (run.success) return run.data;
  throw refuse(`the run's config is not valid: ${run.error.issues[0]?.path.join('.')}`);
}

/** Nothing was sent, and nothing would be different the next time. */
export function refuse(message: string): UpstreamFault {
  return new UpstreamFault({ consequence: 'rejected', kind: 'malformed', message });
}
