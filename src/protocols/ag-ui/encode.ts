import type { Agent } from '../../contract/domain/agent.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { instantOf } from '../shared/answers.ts';
import { interruptId } from '../shared/interrupt-ids.ts';

/** Members of a question in which people look for its text, in this order. */
const promptMembers = ['message', 'question', 'prompt', 'text', 'title'] as const;

/** `Interrupt` of the protocol. The question itself is in its metadata, whole. */
export function encodeInterrupt(agent: Agent, run: Run, { seq, payload }: { seq: number; payload: Json }): JsonObject {
  const type = isJsonObject(payload) ? payload.interrupt_type : undefined;
  const schema = agent.schemas.interrupts.find((each) => each.type === type)?.resumePayload;
  const prompt = promptOf(payload);
  return {
    id: interruptId({ runId: run.runId, seq }),
    reason: 'input_required',
    ...(prompt === null ? {} : { message: prompt }),
    ...(schema === undefined ? {} : { responseSchema: schema }),
    expiresAt: instantOf(run.deadlineAtMs),
    metadata: { rungate: { payload } },
  };
}

function promptOf(payload: Json): string | null {
  if (typeof payload === 'string') return payload;
  if (!isJsonObject(payload)) return null;
  for (const member of promptMembers) {
    const text = payload[member];
    if (typeof text === 'string' && text !== '') return text;
  }
  return null;
}

/** `AgentCapabilities` of the protocol: what is left out is not known of the agent. */
export function encodeCapabilities(agent: Agent): JsonObject {
  const { agentId, name, version, description, schemas, timeoutMs } = agent;
  const asks = schemas.interrupts.length > 0;
  const { properties } = schemas.input;
  return {
    identity: { name, type: 'rungate', description, version },
    transport: { streaming: true, resumable: true },
    tools: { clientProvided: isJsonObject(properties) && Object.hasOwn(properties, 'tools') },
    state: { snapshots: true, deltas: false },
    execution: { maxExecutionTime: timeoutMs },
    humanInTheLoop: { supported: asks, interrupts: asks },
    custom: { rungate: { agent_id: agentId, input: schemas.input, output: schemas.output } },
  };
}
