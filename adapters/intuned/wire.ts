import { z } from 'zod';
import type { Json } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { pathPart } from '../path.ts';

/** Paths of the Run API, below the base URL (design, section 9). */
export const paths = {
  start: '/{workspaceId}/projects/{project}/run/start',
  result: '/{workspaceId}/projects/{project}/run/{runId}/result',
};

export const startAnswer = z.looseObject({ runId: pathPart });
export const resultAnswer = z.looseObject({ status: z.string().min(1), runId: z.unknown().optional() });

/** The message of an error body: `{message}`, `{error: {message}}` or `{error: "…"}`. */
export function findErrorMessage(body: Json): string | null {
  if (!isJsonObject(body)) return null;
  const { message, error } = body;
  if (typeof message === 'string') return message;
  if (typeof error === 'string') return error;
  return isJsonObject(error) && typeof error.message === 'string' ? error.message : null;
}
