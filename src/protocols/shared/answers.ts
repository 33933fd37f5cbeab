import { z } from 'zod';
import type { Answer, AnswerShape } from '../../contract/api/protocol.ts';
import type { CreatedRun } from '../../contract/api/runs.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { runStatuses } from '../../contract/domain/run.ts';
import { threadStatuses } from '../../contract/domain/thread.ts';
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

/** What an operation answers: on success `shape`, else the protocol's error body under the protocol's statuses. */
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

/** Answers with a run. One that is done is the same object for as long as it is in memory, and so is its answer. */
export function runAnswerer(encode: (run: Run) => Json): (run: Run) => Answer {
  const lasting = new WeakMap<Run, Answer>();
  return (run) => {
    const known = lasting.get(run);
    if (known !== undefined) return known;
    if (run.phase !== 'done') return jsonAnswer(encode(run));
    const answer: Answer = { kind: 'json', status: 200, body: encode(run), lasting: true };
    lasting.set(run, answer);
    return answer;
  };
}

export function creationAnswer({ run, replayed }: CreatedRun, body: Json): Answer {
  return { kind: 'json', status: 200, body, runId: run.runId, replayed };
}

export const emptyAnswer: Answer = { kind: 'empty', status: 204 };

type Times = { readonly createdAtMs: number; readonly updatedAtMs: number };

/** When something was made and last changed: one instant until the first change, and instants take long to write out. */
export function encodeTimes({ createdAtMs, updatedAtMs }: Times) {
  const createdAt = instantOf(createdAtMs);
  return { created_at: createdAt, updated_at: updatedAtMs === createdAtMs ? createdAt : instantOf(updatedAtMs) };
}

export function instantOf(atMs: number): string {
  return new Date(atMs).toISOString();
}
