import { z } from 'zod';
import { anyObject, anyValue, id, instant } from '../shared/answer-schemas.ts';

/** The body of every error of LangGraph's server; its clients show the text. */
const error = z.object({ detail: z.string() });

const info = z.object({
  version: z.string(),
  flags: z.object({ assistants: z.boolean(), crons: z.boolean(), langsmith: z.boolean() }),
  metadata: z.object({}),
});

const runStatus = z
  .enum(['pending', 'running', 'success', 'error', 'timeout', 'interrupted'])
  .meta({ id: 'RunStatus' });

const run = z.object({
  run_id: id,
  thread_id: id,
  assistant_id: id,
  created_at: instant,
  updated_at: instant,
  status: runStatus,
  metadata: anyObject,
  kwargs: anyObject,
  multitask_strategy: z.enum(['reject', 'rollback', 'interrupt', 'enqueue']),
});

const interrupt = z.object({ id: z.string(), value: anyValue });
const failure = z.object({ error: z.string(), message: z.string(), errcode: z.int() });

/** What a wait answers: the values, whatever they are, with what else there is to say. */
const values = z.looseObject({
  __interrupt__: z.array(interrupt).optional(),
  __error__: z.object({ ...failure.shape, errcode: z.int().optional() }).optional(),
});

/** Schemas of answers that more than one group of operations has. */
export const answers = {
  ErrorResponse: error,
  ServerInfo: info,
  Run: run,
  /** A run of which only some members were asked for. */
  RunMembers: run.partial(),
  RunValues: values,
  /** The data of an event: mostly an object, a message with what it belongs to, null at the end. */
  StreamData: z.union([anyValue, z.null()]),
};
