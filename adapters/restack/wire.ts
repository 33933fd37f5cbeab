import { z } from 'zod';
import type { Json } from '../../src/contract/domain/json.ts';
import { findReason } from '../../src/json/find-reason.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { pathPart } from '../path.ts';
import { foldStatus } from './statuses.ts';

/** Documented is `{runId, status}`; the engine itself answers `{agentId, runId}` or `{workflowId, runId}`. */
export const startAnswer = z.looseObject({
  runId: pathPart,
  agentId: pathPart.nullish(),
  workflowId: pathPart.nullish(),
});

export const runAnswer = z.looseObject({
  status: z.string().min(1).or(z.int()),
  runId: z.unknown().optional(),
  agentId: pathPart.nullish().catch(null),
});

/** The newest run of an agent. */
export const newestAnswer = z.looseObject({ runId: pathPart });

export const statusOf = ({ status }: { readonly status: string | number }): string => foldStatus(status);

/**
 * The engine's answer in the words that the mapping reads: a status in the usual spelling, with the engine's own as
 * `vendorStatus`, and `result` as the `output` where that is what the engine calls it. Unchanged where it says both already.
 */
export function readRun(raw: Json): Json {
  if (!isJsonObject(raw)) return raw;
  const { status, output, result } = raw;
  const folded = typeof status === 'string' || typeof status === 'number' ? foldStatus(status) : status;
  const isNamedResult = result !== undefined && (output === undefined || (output === null && result !== null));
  if (folded === status) return isNamedResult ? { ...raw, output: result } : raw;
  const usual = { status: folded ?? null, vendorStatus: status ?? null };
  return isNamedResult ? { ...raw, output: result, ...usual } : { ...raw, ...usual };
}

/** The status says it all, whatever the body is. */
export const eventAnswer = z.unknown();

/** What a mapping's `resume` must make, and a `cancelEvent` is. */
export const agentEvent = z.looseObject({ eventName: z.string().min(1), eventInput: z.custom<Json>().optional() });
export type AgentEvent = z.infer<typeof agentEvent>;

/** Members that name an event and where it went, and say nothing of what became of it. */
const acknowledging = new Set([
  'updateId',
  'workflowId',
  'workflowRunId',
  'agentId',
  'runId',
  'eventId',
  'eventName',
  'status',
]);

/** Whether the answer to an event only says that the engine has it: ids, and nothing that a handler has returned. */
export function isAcknowledgement(answer: Json): boolean {
  if (!isJsonObject(answer)) return false;
  const names = Object.keys(answer);
  return names.some((name) => name.endsWith('Id')) && names.every((name) => acknowledging.has(name));
}

/** The message of an error body: `{error: "…"}`, `{message}`, `{detail}`, or whatever else holds a reason. */
export const findErrorMessage: (body: Json) => string | null = findReason;
