import { z } from 'zod';
import type { Operation } from '../../contract/api/protocol.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import { agentParams } from './agent-reference.ts';
import { answersOf, anyObject, id, success } from './answer-schemas.ts';
import { jsonAnswer, listAnswer, rowsOf } from './answers.ts';
import { operation } from './operation.ts';
import { customStreamingUpdate } from './phase-update.ts';
import { closed, noBody, nothing, page, type RequestOptions } from './requests.ts';

/** Features of the gateway that a descriptor declares. */
export type Features = { readonly callbacks: boolean };

type AgentOperationOptions = RequestOptions & {
  readonly error: z.ZodType;
  readonly features: Features;
  /** The version's name for the stream of a run's results. */
  readonly resultStreaming: 'result' | 'values';
  readonly getAgentId: string;
};

const agentMetadata = z.object({
  ref: z.object({ name: z.string(), version: z.string(), url: z.url().optional() }),
  description: z.string(),
});

const agent = z.object({ agent_id: id, metadata: agentMetadata });

const descriptor = z.object({
  metadata: agentMetadata,
  specs: z.object({
    capabilities: z.object({
      threads: z.boolean(),
      interrupts: z.boolean(),
      callbacks: z.boolean(),
      streaming: z.record(z.string(), z.boolean()),
    }),
    input: anyObject,
    output: anyObject,
    config: anyObject,
    thread_state: anyObject,
    custom_streaming_update: anyObject,
    interrupts: z
      .array(z.object({ interrupt_type: z.string(), interrupt_payload: anyObject, resume_payload: anyObject }))
      .optional(),
  }),
});

/** Schemas that both ACP documents name. */
export const agentSchemas = { Agent: agent, AgentACPDescriptor: descriptor };

/** The operations on agents of both versions of ACP. */
export function createAgentOperations(options: AgentOperationOptions): readonly Operation[] {
  const search = { name: z.string().optional(), version: z.string().optional(), ...page };
  return [
    operation({
      id: 'search_agents',
      method: 'POST',
      path: '/agents/search',
      listsAgents: true,
      summary: 'Search Agents',
      params: nothing,
      query: nothing,
      body: closed(search, options.unknownFields).prefault({}),
      answers: answersOf(options.error, success(z.array(agent)), [422]),
      handle: async (api, { body }) => listAnswer(rowsOf(api.agents.search(body)), encodeAgent, body),
    }),
    operation({
      id: options.getAgentId,
      method: 'GET',
      path: '/agents/:agent_id',
      summary: 'Get Agent',
      params: agentParams,
      query: nothing,
      body: noBody,
      answers: answersOf(options.error, success(agent), [404, 422]),
      handle: async (api, { params }) => jsonAnswer(encodeAgent(api.agents.get(params.agent_id))),
    }),
    operation({
      id: 'get_acp_descriptor_by_id',
      method: 'GET',
      path: '/agents/:agent_id/descriptor',
      summary: 'Get Agent ACP Descriptor from its id',
      params: agentParams,
      query: nothing,
      body: noBody,
      answers: answersOf(options.error, success(descriptor), [404, 422]),
      handle: async (api, { params }) => jsonAnswer(encodeDescriptor(api.agents.get(params.agent_id), options)),
    }),
  ];
}

function encodeMetadata({ name, version, description }: Agent): JsonObject {
  return { ref: { name, version }, description };
}

/** ACP's `Agent`. */
function encodeAgent(agent: Agent): JsonObject {
  return { agent_id: agent.agentId, metadata: encodeMetadata(agent) };
}

/** ACP's `AgentACPDescriptor`. */
function encodeDescriptor(agent: Agent, { features, resultStreaming }: AgentOperationOptions): JsonObject {
  const { input, output, config } = agent.schemas;
  return {
    metadata: encodeMetadata(agent),
    specs: {
      capabilities: {
        threads: true,
        interrupts: agent.mapping.interrupts,
        callbacks: features.callbacks,
        streaming: { [resultStreaming]: true, custom: true },
      },
      input,
      output,
      config,
      // Its absence would mean that the thread's state cannot be read. Its shape is known to the mapping alone.
      thread_state: {},
      custom_streaming_update: customStreamingUpdate,
      ...(agent.mapping.interrupts ? { interrupts: encodeInterrupts(agent) } : {}),
    },
  };
}

/** An agent that can be interrupted lists at least one interrupt, even if its config describes none. */
function encodeInterrupts({ schemas }: Agent): readonly JsonObject[] {
  if (schemas.interrupts.length === 0) {
    return [{ interrupt_type: 'interrupt', interrupt_payload: {}, resume_payload: {} }];
  }
  return schemas.interrupts.map(({ type, interruptPayload, resumePayload }) => ({
    interrupt_type: type,
    interrupt_payload: interruptPayload,
    resume_payload: resumePayload,
  }));
}
