import { z } from 'zod';
import { agentSchemas } from '../shared/acp-agent-operations.ts';
import { agentReference } from '../shared/agent-reference.ts';
import { anyMessage, anyObject, id, instant, runStatus } from '../shared/answer-schemas.ts';
import {
  closed,
  json,
  jsonObject,
  page,
  queryPage,
  type RequestOptions,
  resumePayload,
  selectInput,
  uuid,
  webhook,
  wholeNumber,
} from '../shared/requests.ts';

export type SchemaOptions = RequestOptions & {
  /** The longest `block_timeout`. */
  readonly maxBlockSeconds: number;
};

/** Schemas of requests, from ACP 0.1; comments explain where they go further. */
export function createRequests({ unknownFields, maxBlockSeconds }: SchemaOptions) {
  const blockTimeout = wholeNumber({ minimum: 0, maximum: maxBlockSeconds, of: 'seconds' });
  const metadata = jsonObject.optional();
  const creation = {
    // The protocol requires a UUID here; names and a default are allowed in addition.
    agent_id: agentReference.optional(),
    thread_id: uuid.nullish(),
    input: jsonObject.optional(),
    metadata,
    config: jsonObject.optional(),
    webhook: webhook(8192).optional(),
    streaming: z.enum(['result', 'custom']).optional(),
  };
  const runSearch = {
    agent_id: agentReference.optional(),
    status: runStatus.optional(),
    metadata,
    select: selectInput,
    ...page,
  };
  const threadSearch = { agent_id: agentReference.optional(), metadata, ...page };
  return {
    history: closed({ offset: queryPage.offset }, unknownFields),
    output: closed({ block_timeout: blockTimeout.optional() }, unknownFields),
    runCreate: closed(creation, unknownFields),
    resumePayload,
    runSearch: closed(runSearch, unknownFields).prefault({}),
    threadCreate: closed({ agent_id: agentReference, metadata }, unknownFields),
    threadSearch: closed(threadSearch, unknownFields).prefault({}),
  };
}

export type Requests = ReturnType<typeof createRequests>;
export type RunCreate = z.output<Requests['runCreate']>;

/** The creation's members: in `creation`, and flat for readers of the Agent Protocol's Run. */
const asked = {
  thread_id: id.optional(),
  input: json.optional(),
  metadata: anyObject.optional(),
  config: anyObject.optional(),
  webhook: z.string().optional(),
};

const run = z.object({
  ...asked,
  creation: z.object({ agent_id: id, ...asked, streaming: z.enum(['result', 'custom']).optional() }),
  run_id: id,
  agent_id: id,
  created_at: instant,
  updated_at: instant,
  status: runStatus,
  messages: z.array(anyMessage).optional(),
  metadata: anyObject,
});

const ofRun = { run_id: id, status: runStatus };
// The protocol says "object" for results and interrupts; other values pass unchanged.
const result = z.object({ type: z.literal('result'), ...ofRun, result: json }).meta({ id: 'RunResult' });
const interrupt = z.object({ type: z.literal('interrupt'), ...ofRun, interrupt: json }).meta({ id: 'RunInterrupt' });
const error = z
  .object({ type: z.literal('error'), ...ofRun, errcode: z.int(), description: z.string() })
  .meta({ id: 'RunError' });
const custom = z.object({ type: z.literal('custom'), ...ofRun, update: anyObject }).meta({ id: 'RunUpdate' });

/** Schemas of answers, under the names of the protocol's own document. */
export const answers = {
  ...agentSchemas,
  Run: run,
  RunOutput: z.discriminatedUnion('type', [result, interrupt, error]),
  StreamEvent: z.discriminatedUnion('type', [result, interrupt, error, custom]),
  // For a thread that another protocol made without an agent, this is the empty string.
  Thread: z.object({ thread_id: id, agent_id: z.string(), metadata: anyObject }),
  ThreadState: json,
  ErrorResponse: z.string(),
};
