import { z } from 'zod';
import { agentSchemas } from '../shared/acp-agent-operations.ts';
import { agentReference } from '../shared/agent-reference.ts';
import { anyMessage, anyObject, anyValue, id, instant, notNull, runStatus } from '../shared/answer-schemas.ts';
import {
  closed,
  flag,
  json,
  jsonObject,
  page,
  queryPage,
  type RequestOptions,
  resumePayload,
  selectInput,
} from '../shared/requests.ts';
import { completion, creationFields, creationShape, existence, multitask, streamModes } from '../shared/run-create.ts';
import { threadSchemas } from '../shared/thread-operations.ts';

export const modes = ['values', 'custom'] as const;

/** What the document's `InputSchema` and its siblings allow: anything but null. */
export const value = json.refine((given) => given !== null, 'must not be null').meta({ override: notNull });

/** Schemas of requests. */
export function createRequests(options: RequestOptions) {
  const { unknownFields } = options;
  const creation = {
    ...creationFields(options),
    ...multitask,
    input: value.optional(),
    stream_mode: z.union([streamModes(modes), z.null()]).optional(),
  };
  const search = {
    agent_id: agentReference.optional(),
    status: runStatus.optional(),
    metadata: jsonObject.optional(),
    select: selectInput,
    ...page,
  };
  const cancel = { wait: flag, action: z.enum(['interrupt', 'rollback']).default('interrupt') };
  return {
    stateless: closed({ ...creation, ...completion }, unknownFields),
    stateful: closed({ ...creation, ...existence, stream_subgraphs: z.boolean().optional() }, unknownFields),
    search: closed(search, unknownFields).prefault({}),
    list: closed(queryPage, unknownFields),
    cancel: closed(cancel, unknownFields),
    resume: resumePayload,
  };
}

export type Requests = ReturnType<typeof createRequests>;

const run = {
  run_id: id,
  thread_id: id.optional(),
  agent_id: id,
  created_at: instant,
  updated_at: instant,
  status: runStatus,
};

const created = {
  ...creationShape,
  ...multitask,
  stream_mode: z.union([z.enum(modes), z.array(z.enum(modes)), z.null()]).optional(),
};

const stateless = z.object({ ...run, creation: z.object({ ...created, ...completion }) });
const stateful = z.object({
  ...run,
  creation: z.object({ ...created, ...existence, stream_subgraphs: z.boolean().optional() }),
});

const values = { values: anyValue, messages: z.array(anyMessage).optional() };
const failure = { run_id: id, errcode: z.int(), description: z.string() };
const ofRun = { run_id: id, status: runStatus };

const output = z.discriminatedUnion('type', [
  z.object({ type: z.literal('result'), ...values, values: anyValue.optional() }).meta({ id: 'RunResult' }),
  z.object({ type: z.literal('interrupt'), interrupt: anyValue }).meta({ id: 'RunInterrupt' }),
  z.object({ type: z.literal('error'), ...failure }).meta({ id: 'RunError' }),
]);

const event = z.discriminatedUnion('type', [
  z.object({ type: z.literal('values'), ...ofRun, ...values }).meta({ id: 'ValuesEvent' }),
  z.object({ type: z.literal('custom'), ...ofRun, update: anyObject }).meta({ id: 'CustomEvent' }),
  z.object({ type: z.literal('interrupt'), ...ofRun, interrupt: anyValue }).meta({ id: 'InterruptEvent' }),
  z.object({ type: z.literal('error'), ...ofRun, ...failure }).meta({ id: 'ErrorEvent' }),
]);

/** Schemas of answers, under the names of the protocol's own document. */
export const answers = {
  ...agentSchemas,
  ...threadSchemas(anyValue),
  RunStateless: stateless,
  RunStateful: stateful,
  RunOutput: output,
  RunWaitResponseStateless: z.object({ run: stateless, output: output.optional() }),
  RunWaitResponseStateful: z.object({ run: stateful, output: output.optional() }),
  StreamEventPayload: event,
  ErrorResponse: z.string(),
};
