import { z } from 'zod';
import { anyObject, anyValue, id, instant, threadStatus } from '../shared/answer-schemas.ts';
import { itemAnswers } from '../shared/item-operations.ts';
import { streamingAnswers } from '../shared/thread-stream/streaming-operations.ts';

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

const assistant = z.object({
  assistant_id: id,
  graph_id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  config: anyObject,
  context: anyObject,
  metadata: anyObject,
  version: z.int(),
  created_at: instant,
  updated_at: instant,
});

const graph = z.object({
  nodes: z.array(z.object({ id: z.string(), type: z.string(), data: anyObject })),
  edges: z.array(z.object({ source: z.string(), target: z.string(), conditional: z.boolean() })),
});

const graphSchema = z.object({
  graph_id: z.string(),
  input_schema: anyObject,
  output_schema: anyObject,
  state_schema: anyObject,
  config_schema: anyObject,
  context_schema: anyObject,
});

const thread = z.object({
  thread_id: id,
  created_at: instant,
  updated_at: instant,
  metadata: anyObject,
  status: threadStatus,
  config: anyObject,
  values: anyObject.nullable(),
  interrupts: z.record(z.string(), z.array(interrupt)),
});

/** What a search took out of a thread by paths. */
const extracted = z.record(z.string(), z.union([anyValue, z.null()]));

const place = z.object({
  thread_id: id,
  checkpoint_ns: z.literal(''),
  checkpoint_id: z.string().nullable(),
  checkpoint_map: z.null(),
});

const task = z.object({
  id: z.string(),
  name: z.string(),
  error: z.string().nullable(),
  interrupts: z.array(interrupt),
  path: z.array(z.string()),
  checkpoint: z.null(),
  state: z.null(),
  result: anyObject.nullable(),
});

const state = z.object({
  values: anyObject,
  next: z.array(z.string()),
  tasks: z.array(task),
  metadata: anyObject,
  created_at: instant,
  checkpoint: place,
  parent_checkpoint: place.nullable(),
  interrupts: z.array(interrupt),
});

/** Schemas of answers that more than one group of operations has. */
export const answers = {
  ErrorResponse: error,
  ServerInfo: info,
  Assistant: assistant,
  /** An assistant of which only some members were asked for. */
  AssistantMembers: assistant.partial(),
  Graph: graph,
  GraphSchema: graphSchema,
  Thread: thread,
  /** A thread of which only some members were asked for. */
  ThreadMembers: thread.partial().extend({ extracted: extracted.optional() }),
  ThreadState: state,
  ...itemAnswers,
  ...streamingAnswers,
  ListNamespaceResponse: z.object({ namespaces: z.array(z.array(z.string())) }),
  StateUpdate: z.object({ checkpoint: place, configurable: place }),
  Run: run,
  /** A run of which only some members were asked for. */
  RunMembers: run.partial(),
  RunValues: values,
  /** The data of an event: mostly an object, a message with what it belongs to, null at the end. */
  StreamData: z.union([anyValue, z.null()]),
};
