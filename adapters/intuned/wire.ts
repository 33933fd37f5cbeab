import { z } from 'zod';
import type { Json } from '../../src/contract/domain/json.ts';
import { findReason } from '../../src/json/find-reason.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { pathPart } from '../path.ts';

/** Paths of the Run API, below the base URL (design, section 9). */
export const paths = {
  start: '/{workspaceId}/projects/{project}/run/start',
  result: '/{workspaceId}/projects/{project}/run/{runId}/result',
};

/** What the sink of a run is called with, as far as it names the run. */
export const sinkCall = z.looseObject({
  apiInfo: z.looseObject({ name: z.string(), runId: pathPart }),
  project: z.looseObject({ id: z.string().optional(), name: z.string().optional() }).optional(),
});
/** What the vendor gives one attempt where neither run nor target say so. */
export const usualAttemptSeconds = 600;

export const startAnswer = z.looseObject({ runId: pathPart });
export const resultAnswer = z.looseObject({ status: z.string().min(1), runId: z.unknown().optional() });

/**
 * The message of an error body: `{message}`, `{error: {message}}`, `{error: "…"}`, or whatever else holds a reason. A
 * message goes before an error, which may be the name of the status alone.
 */
export function findErrorMessage(body: Json): string | null {
  return isJsonObject(body) && typeof body.message === 'string' ? body.message : findReason(body);
}
