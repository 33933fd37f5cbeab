import { z } from 'zod';
import type { Json } from '../../src/contract/domain/json.ts';
import { findReason } from '../../src/json/find-reason.ts';
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

/** The message of an error body: `{error: "…"}`, `{message}`, `{detail}`, or whatever else holds a reason. */
export const findErrorMessage: (body: Json) => string | null = findReason;
