import type { Agent } from '../../contract/agent.ts';
import type { JsonObject } from '../../contract/json.ts';
import { runPhases } from '../../contract/run.ts';

/** Features of the gateway that a descriptor declares; both are `false` until the gateway has them. */
export type Features = { readonly threads: boolean; readonly callbacks: boolean };

/** The `update` of the `custom` events that the stream carries; see `encodeEvent`. */
const customStreamingUpdate: JsonObject = {
  type: 'object',
  required: ['phase'],
  properties: { phase: { type: 'string', enum: [...runPhases] }, note: { type: 'string' } },
};

/** ACP 0.1 `AgentMetadata`. */
function encodeMetadata(agent: Agent): JsonObject {
  return { ref: { name: agent.name, version: agent.version }, description: agent.description };
}

/** ACP 0.1 `Agent`. */
export function encodeAgent(agent: Agent): JsonObject {
  return { agent_id: agent.agentId, metadata: encodeMetadata(agent) };
}

/** ACP 0.1 `AgentACPDescriptor`. */
export function encodeDescriptor(agent: Agent, features: Features): JsonObject {
  const { input, output, config } = agent.schemas;
  return {
    metadata: encodeMetadata(agent),
    specs: {
      capabilities: {
        threads: features.threads,
        interrupts: agent.mapping.interrupts,
        callbacks: features.callbacks,
        streaming: { result: true, custom: true },
      },
      input,
      output,
      config,
      custom_streaming_update: customStreamingUpdate,
      ...(agent.mapping.interrupts ? { interrupts: encodeInterrupts(agent) } : {}),
    },
  };
}

/** An agent that can be interrupted has at least one interrupt, also where its config describes none. */
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
