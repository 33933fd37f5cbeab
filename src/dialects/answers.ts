import { z } from 'zod';
import type { Answer, AnswerShape } from '../contract/dialect.ts';
import type { Json } from '../contract/json.ts';
import { runStatuses } from '../contract/run.ts';
import { threadStatuses } from '../contract/thread.ts';
import type { Creation } from '../contract/use-cases.ts';
import { json } from './requests.ts';

/** Objects that the protocols say nothing more of. */
export const anyObject = z.looseObject({});
/** Clients may name threads, with any layout that looks like a UUID. */
export const id = z.guid();
export const instant = z.iso.datetime();
export const runStatus = z.enum(runStatuses);
export const threadStatus = z.enum(threadStatuses);
export const anyMessage = z.looseObject({ role: z.string(), content: z.union([z.string(), z.array(anyObject)]) });

/** Any JSON value but null. */
export const anyValue = z.union([anyObject, z.string(), z.number(), z.boolean(), z.array(json)]);

const refusalTexts = {
  404: 'Not found',
  409: 'Conflict',
  422: 'The request is not valid',
} as const;

type Refusal = keyof typeof refusalTexts;

/** What an operation answers: on success `shape`, else the dialect's error body under the protocol's statuses. */
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

/** `schema` is that of one event's `data`. */
export function eventStream(schema: z.ZodType): Readonly<Record<number, AnswerShape>> {
  const description = 'Server-sent events; the schema is that of the JSON of one `data` line';
  return { 200: { description, schema, contentType: 'text/event-stream' } };
}

export function jsonAnswer(body: Json): Answer {
  return { kind: 'json', status: 200, body };
}

export function creationAnswer({ run, replayed }: Creation, body: Json): Answer {
  return { kind: 'json', status: 200, body, runId: run.runId, replayed };
}

export const emptyAnswer: Answer = { kind: 'empty', status: 204 };

export function instantOf(atMs: number): string {
  return new Date(atMs).toISOString();
}
