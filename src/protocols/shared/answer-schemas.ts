import { z } from 'zod';
import type { AnswerShape } from '../../contract/api/protocol.ts';
import { runStatuses } from '../../contract/domain/run.ts';
import { threadStatuses } from '../../contract/domain/thread.ts';
import { json } from './requests.ts';

/** Objects that the protocols leave open. */
export const anyObject = z.looseObject({}).meta({ id: 'JsonObject' });
/** Clients may choose thread ids, in any layout that looks like a UUID. */
export const id = z.guid();
export const instant = z.iso.datetime();
export const runStatus = z.enum(runStatuses).meta({ id: 'RunStatus' });
export const threadStatus = z.enum(threadStatuses).meta({ id: 'ThreadStatus' });
export const anyMessage = z
  .looseObject({ role: z.string(), content: z.union([z.string(), z.array(anyObject)]) })
  .meta({ id: 'Message' });

/** JSON Schema of any JSON value but null. Generators turn a union of all other types into a class of its own. */
export const notNull = { not: { type: 'null' } } as const;

/** Any JSON value but null. */
export const anyValue = json.meta({ override: notNull });

const refusalTexts = {
  400: 'The request is not valid',
  404: 'Not found',
  409: 'Conflict',
  415: 'The content is of a type that is not taken',
  422: 'The request is not valid',
} as const;

type Refusal = keyof typeof refusalTexts;

/** The answers of an operation: `success`, and the protocol's error body under each refusal's status. */
export function answersOf(
  error: z.ZodType,
  success: Readonly<Record<number, AnswerShape>>,
  refusals: readonly Refusal[],
): Readonly<Record<number, AnswerShape>> {
  const refused = refusals.map((status) => [status, { description: refusalTexts[status], schema: error }] as const);
  return { ...success, ...Object.fromEntries(refused) };
}

export function success(schema: z.ZodType): Readonly<Record<number, AnswerShape>> {
  return { 200: { description: 'Success', schema } };
}

export const done: Readonly<Record<number, AnswerShape>> = { 204: { description: 'Success' } };

/** `schema` is the one of an event's `data`. */
export function eventStream(schema: z.ZodType): Readonly<Record<number, AnswerShape>> {
  const description = 'Server-sent events; the schema is that of the JSON of one `data` line';
  return { 200: { description, schema, contentType: 'text/event-stream' } };
}

/** To a reader that has every event of a run that is over; see `hasWholeStream`. */
export const streamOver: Readonly<Record<number, AnswerShape>> = {
  204: { description: 'Nothing follows: the reader has the whole stream' },
};
