import { toReply } from '../../agents/chat.ts';
import type { Api } from '../../contract/api/api.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Outcome, Run } from '../../contract/domain/run.ts';
import { encodeMetadata } from '../shared/run-metadata.ts';
import type { ResponseStatus } from './answers.ts';
import { callIdsOf, conversationIdOf, messageIdOf, type ResponseKey, responseIdOf } from './ids.ts';
import { openQuestionOf, type Question, type Segment } from './segment.ts';

export type Replier = Pick<Agent, 'chat'>;
export type RunError = Extract<Outcome, { kind: 'error' }>;

/** How far a response is. */
export type ResponseState = {
  readonly status: ResponseStatus;
  readonly output: readonly JsonObject[];
  readonly error?: RunError | undefined;
  readonly completedAtMs?: number | undefined;
};

/** The agent of a run as far as replies need it; one that the config no longer has replies by the usual rule. */
export function replierOf(api: Api, { agentId }: Run): Replier {
  try {
    return api.agents.get(agentId);
  } catch (error) {
    if (error instanceof GatewayError) return {};
    throw error;
  }
}

/** The response of a segment as it is now. */
export async function encodeSegment(api: Api, { key, run, answered }: Segment): Promise<JsonObject> {
  const question = answered ?? openQuestionOf(run);
  if (question !== null) {
    return encodeResponse(run, key, { status: 'completed', output: [encodeCall(key.runId, question)] });
  }
  const { outcome, phase, updatedAtMs } = run;
  if (phase !== 'done') return encodeResponse(run, key, { status: statusOf(run), output: [] });
  if (outcome?.kind === 'result') {
    const text = await toReply(replierOf(api, run), outcome.value);
    const output = [encodeMessage(messageIdOf(key), text)];
    return encodeResponse(run, key, { status: 'completed', output, completedAtMs: updatedAtMs });
  }
  const error = outcome?.kind === 'error' ? outcome : undefined;
  return encodeResponse(run, key, { status: statusOfError(error), output: [], error });
}

export function encodeResponse(run: Run, key: ResponseKey, state: ResponseState): JsonObject {
  const { createdAtMs, agentName, threadId } = run;
  const { status, output, error, completedAtMs } = state;
  const { background, conversation, instructions = null, previous_response_id: previous = null, store } = extraOf(run);
  return {
    id: responseIdOf(key),
    object: 'response',
    created_at: secondsOf(createdAtMs),
    completed_at: completedAtMs === undefined ? null : secondsOf(completedAtMs),
    status,
    background: background === true,
    conversation: conversation === true && threadId !== null ? { id: conversationIdOf(threadId) } : null,
    error: error === undefined ? null : { code: 'server_error', message: error.description, errcode: error.errcode },
    incomplete_details: null,
    instructions,
    max_output_tokens: null,
    metadata: encodeTexts(encodeMetadata(run) ?? {}),
    model: agentName,
    output: [...output],
    parallel_tool_calls: false,
    previous_response_id: key.fromSeq === 0 ? previous : null,
    reasoning: { effort: null, summary: null },
    store: store !== false,
    temperature: null,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: null,
    truncation: 'disabled',
    usage: null,
    user: null,
  };
}

/** What the request asked for, where it came in this protocol. */
export function extraOf({ request }: Pick<Run, 'request'>): JsonObject {
  return request.origin?.protocol === 'openai' ? request.origin.extra : {};
}

/** Only a response in the background is waited for, so that to the others a queue is nothing to know of. */
export function statusOf(run: Pick<Run, 'phase' | 'request'>): 'queued' | 'in_progress' {
  switch (run.phase) {
    case 'queued':
    case 'starting':
      return extraOf(run).background === true ? 'queued' : 'in_progress';
    case 'running':
    case 'interrupted':
    case 'resuming':
    case 'delivering':
    case 'done':
      return 'in_progress';
    default:
      return assertNever(run.phase);
  }
}

export function statusOfError(error: RunError | undefined): 'cancelled' | 'failed' {
  return error?.errcode === errcodes.cancelled ? 'cancelled' : 'failed';
}

export function encodeMessage(id: string, text: string, status = 'completed'): JsonObject {
  return { id, type: 'message', role: 'assistant', status, content: [encodeText(text)] };
}

export function encodeText(text: string): JsonObject {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

/** A question asks the client to call the gateway back, as a call of the function `resume` with the payload. */
export function encodeCall(runId: string, { seq, payload }: Question, status = 'completed'): JsonObject {
  const isBegun = status !== 'in_progress';
  return {
    ...callIdsOf(runId, seq),
    type: 'function_call',
    name: 'resume',
    arguments: isBegun ? argumentsOf(payload) : '',
    status,
  };
}

export function argumentsOf(payload: Json): string {
  return JSON.stringify(payload);
}

/** Metadata of other protocols may be more than texts. */
function encodeTexts(metadata: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}

export function secondsOf(atMs: number): number {
  return Math.floor(atMs / 1000);
}
