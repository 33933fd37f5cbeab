import { z } from 'zod';
import type { Json } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { pathPart } from '../path.ts';

/** Documented is `{runId, status}`; the engine itself answers `{agentId, runId}` or `{workflowId, runId}`. */
export const startAnswer = z.looseObject({
  runId: pathPart,
  agentId: pathPart.nullish(),
  workflowId: pathPart.nullish(),
});

export const runAnswer = z.looseObject({
  status: z.string().min(1),
  runId: z.unknown().optional(),
  agentId: pathPart.nullish().catch(null),
});

/** The status says it all, whatever the body is. */
export const eventAnswer = z.unknown();

/** What a mapping's `resume` must make, and a `cancelEvent` is. */
export const agentEvent = z.looseObject({ eventName: z.string().min(1), eventInput: z.custom<Json>().optional() });
export type AgentEvent = z.infer<typeof agentEvent>;

/** The message of an error body: `{error: "…"}`, `{message}` or `{detail}`. */
export function findErrorMessage(body: Json): string | null {
  if (!isJsonObject(body)) return null;
  const { error, message, detail } = body;
  const nested = isJsonObject(error) ? error.message : undefined;
  for (const found of [error, nested, message, detail]) if (typeof found === 'string') return found;
  return null;
}
