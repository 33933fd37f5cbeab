import { z } from 'zod';
import { agentReference } from '../shared/agent-reference.ts';
import { anyObject } from '../shared/answer-schemas.ts';
import { closed, json, jsonObject, type RequestOptions } from '../shared/requests.ts';

/** The client's own name of a thread or a run. */
const name = z.string().min(1, 'must not be empty').max(255);
const metadata = jsonObject.optional();

const contentPart = z.looseObject({ type: z.string() });
const content = z.union([z.string(), z.array(contentPart)]);

/** Members that are not read are kept, for agents that take messages. Clients of other languages write null for none. */
const message = z.looseObject({
  id: z.string().max(1024),
  role: z.enum(['developer', 'system', 'assistant', 'user', 'tool', 'activity', 'reasoning']),
  content: z.union([content, jsonObject]).nullish(),
  toolCalls: z.array(jsonObject).nullish(),
  toolCallId: z.string().nullish(),
});

/** A refused object must not pass as any value. */
const noObject = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(json)]);

export type AgUiMessage = z.output<typeof message>;

const resumeEntry = z.looseObject({
  interruptId: z.string().max(1024),
  status: z.enum(['resolved', 'cancelled']),
  payload: json.optional(),
  metadata,
});

export type ResumeEntry = z.output<typeof resumeEntry>;

const onDisconnect = z.enum(['cancel', 'continue']);

/** Requests. The protocol says of `forwardedProps` that it is the application's; one member of it is for the gateway. */
export function createRequests({ unknownFields }: RequestOptions) {
  const rungate = closed(
    {
      input: jsonObject.optional(),
      config: jsonObject.optional(),
      metadata: jsonObject.optional(),
      on_disconnect: onDisconnect.optional(),
    },
    unknownFields,
  );
  return {
    agent: z.object({ agent_id: agentReference }),
    query: closed({ on_disconnect: onDisconnect.optional() }, unknownFields),
    run: closed(
      {
        threadId: name,
        runId: name,
        protocolVersion: z.string().max(255).nullish(),
        parentRunId: z.string().max(255).nullish(),
        state: json.optional(),
        messages: z.array(message),
        tools: z.array(jsonObject).nullish(),
        context: z.array(jsonObject).nullish(),
        forwardedProps: z.union([z.looseObject({ rungate: rungate.nullish() }), noObject]).optional(),
        resume: z.array(resumeEntry).max(100).nullish(),
      },
      unknownFields,
    ),
  };
}

export type Requests = ReturnType<typeof createRequests>;
export type RunInput = z.output<Requests['run']>;

const threadId = z.string();
const runId = z.string();
const messageId = z.string();
/** Milliseconds since 1970. */
const timestamp = z.int().optional();

const interrupt = z.object({
  id: z.string(),
  reason: z.string(),
  message: z.string().optional(),
  responseSchema: anyObject.optional(),
  expiresAt: z.iso.datetime(),
  metadata: anyObject,
});

const outcome = z.discriminatedUnion('type', [
  z.object({ type: z.literal('success') }),
  z.object({ type: z.literal('interrupt'), interrupts: z.array(interrupt).min(1) }),
  z.object({ type: z.literal('cancelled') }),
]);

const runError = z.object({
  type: z.literal('RUN_ERROR'),
  timestamp,
  message: z.string(),
  code: z.string(),
  metadata: anyObject.optional(),
});

/** What is sent; names and members are those of `@ag-ui/core`. */
export const answers = {
  RunError: runError,
  Event: z.discriminatedUnion('type', [
    z.object({
      type: z.literal('RUN_STARTED'),
      threadId,
      runId,
      protocolVersion: z.string(),
      parentRunId: z.string().optional(),
      metadata: anyObject,
    }),
    z.object({ type: z.literal('CUSTOM'), timestamp, name: z.literal('phase'), value: anyObject }),
    z.object({ type: z.literal('TEXT_MESSAGE_START'), timestamp, messageId, role: z.literal('assistant') }),
    z.object({ type: z.literal('TEXT_MESSAGE_CONTENT'), timestamp, messageId, delta: z.string() }),
    z.object({ type: z.literal('TEXT_MESSAGE_END'), timestamp, messageId }),
    z.object({ type: z.literal('STATE_SNAPSHOT'), timestamp, snapshot: anyObject }),
    z.object({
      type: z.literal('RUN_FINISHED'),
      timestamp,
      threadId,
      runId,
      result: json.optional(),
      outcome,
    }),
    runError,
  ]),
  AgentCapabilities: z.object({
    identity: z.object({ name: z.string(), type: z.string(), description: z.string(), version: z.string() }),
    transport: z.object({ streaming: z.boolean(), resumable: z.boolean() }),
    tools: z.object({ clientProvided: z.boolean() }),
    state: z.object({ snapshots: z.boolean(), deltas: z.boolean() }),
    execution: z.object({ maxExecutionTime: z.int() }),
    humanInTheLoop: z.object({ supported: z.boolean(), interrupts: z.boolean() }),
    custom: anyObject,
  }),
};
