import { z } from 'zod';
import { agentReference } from '../shared/agent-reference.ts';
import { anyMessage, anyObject, id, instant, runStatus } from '../shared/answer-schemas.ts';
import { itemAnswers } from '../shared/item-operations.ts';
import { closed, flag, json, jsonObject, page, type RequestOptions, selectInput, uuid } from '../shared/requests.ts';
import {
  completion,
  creationFields,
  creationShape,
  existence,
  inputMessages,
  streamModes,
} from '../shared/run-create.ts';
import { threadSchemas } from '../shared/thread-operations.ts';
import { streamingAnswers } from '../shared/thread-stream/streaming-operations.ts';

export const modes = ['values', 'messages', 'updates', 'custom'] as const;

/** Schemas of requests. */
export function createRequests(options: RequestOptions) {
  const { unknownFields } = options;
  const metadata = jsonObject.optional();
  const creation = {
    ...creationFields(options),
    ...completion,
    ...existence,
    ...inputMessages,
    thread_id: uuid.optional(),
    input: json.optional(),
  };
  const runSearch = {
    metadata,
    status: runStatus.optional(),
    thread_id: uuid.optional(),
    agent_id: agentReference.optional(),
    select: selectInput,
    ...page,
  };
  const cancel = { wait: flag, action: z.enum(['interrupt', 'rollback']).default('interrupt') };
  return {
    // A wait answers with values whatever is asked to be streamed.
    runCreate: closed(creation, unknownFields, ['stream_mode']),
    runStream: closed({ ...creation, stream_mode: streamModes(modes).optional() }, unknownFields),
    runSearch: closed(runSearch, unknownFields).prefault({}),
    cancel: closed(cancel, unknownFields),
    agentSearch: closed({ name: z.string().optional(), metadata, ...page }, unknownFields).prefault({}),
  };
}

export type Requests = ReturnType<typeof createRequests>;

const error = z.object({ code: z.string(), message: z.string(), metadata: anyObject });

const run = z.object({
  ...creationShape,
  ...completion,
  ...existence,
  thread_id: id.optional(),
  input: json.optional(),
  messages: z.array(anyMessage).optional(),
  stream_mode: z.union([z.enum(modes), z.array(z.enum(modes))]).optional(),
  run_id: id,
  created_at: instant,
  updated_at: instant,
  status: runStatus,
  metadata: anyObject,
});

const ofRun = { run_id: id, status: runStatus };

/** Schemas of answers, under the names of the protocol's own document. */
export const answers = {
  ...threadSchemas(anyObject),
  Agent: z.object({
    agent_id: id,
    name: z.string(),
    description: z.string(),
    metadata: anyObject,
    capabilities: z.record(z.string(), z.boolean()),
  }),
  AgentSchema: z.object({
    agent_id: id,
    input_schema: anyObject,
    output_schema: anyObject,
    config_schema: anyObject,
  }),
  Run: run,
  // The protocol has no member for an interrupt's payload or an error; `interrupt` and `error` are added.
  RunWaitResponse: z.object({
    run,
    values: anyObject.optional(),
    messages: z.array(anyMessage).optional(),
    interrupt: json.optional(),
    error: error.optional(),
  }),
  ...itemAnswers,
  ListNamespaceResponse: z.array(z.array(z.string())),
  ...streamingAnswers,
  ErrorResponse: error,
  // An event of a run's stream; its name says which one: `values`, `messages`, `custom`, `interrupt` or `error`.
  StreamEventData: z.union([
    z.array(anyMessage),
    z.object({ ...ofRun, update: anyObject }),
    z.object({ ...ofRun, interrupt: json }),
    z.object({ ...ofRun, error: z.string(), message: z.string(), errcode: z.int() }),
    anyObject,
  ]),
};
