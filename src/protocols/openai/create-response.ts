import type { z } from 'zod';
import { getsMessages, toInput } from '../../agents/chat.ts';
import type { Api } from '../../contract/api/api.ts';
import type { Decoded } from '../../contract/api/protocol.ts';
import type { CreateRun, JoinThread } from '../../contract/api/runs.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { readCallId, readConversationId, readResponseId } from './ids.ts';
import { type ReadInput, readInput } from './input-items.ts';
import type { Requests } from './schemas.ts';
import { openQuestionOf } from './segment.ts';

export type CreateBody = z.output<Requests['create']>;
export type CreateRequest = Decoded<unknown, unknown, CreateBody>;

/** What a creation asks of the engine: a run, or the answer to a question of one. */
export type Creation =
  | { readonly kind: 'run'; readonly command: CreateRun }
  | { readonly kind: 'answer'; readonly run: Run; readonly seq: number; readonly payload: Json };

/** Rejects with `GatewayError`. */
export async function decodeCreation(api: Api, request: CreateRequest): Promise<Creation> {
  const { body, tenant } = request;
  const input = await readInput(body.input);
  if (input.answer !== null) return await decodeAnswer(api, request, input.answer);
  if (body.background === true && body.store === false) refuse('store', 'must not be false in the background');
  if (input.text === '')
    refuse('input', 'has no text of the user, and does not end with the output of a function call');
  const previous = await readPrevious(api, tenant, body);
  const thread = previous === null ? joinConversation(body) : joinPrevious(previous);
  const name = body.model ?? previous?.agentName;
  if (name === undefined) throw new GatewayError('agent_required', { path: 'model', detail: 'names no agent' });
  const agent = api.agents.get(name);
  const messages = messagesOf(agent, input, body.instructions ?? null);
  const command: CreateRun = {
    tenant,
    agent: agent.agentId,
    request: {
      input: await toInput(agent, { text: input.text, messages }),
      messages,
      metadata: body.metadata ?? undefined,
      // A response that another one may follow leaves its conversation behind.
      onCompletion: thread === undefined && body.store !== false ? 'keep' : undefined,
      origin: { protocol: 'openai', extra: extraOf(body) },
    },
    thread,
    idempotencyKey: request.idempotencyKey,
  };
  return { kind: 'run', command };
}

async function decodeAnswer(
  api: Api,
  { body, tenant }: CreateRequest,
  { callId, payload }: NonNullable<ReadInput['answer']>,
): Promise<Creation> {
  const { runId, seq } = readCallId(callId);
  const { previous_response_id: previous } = body;
  if (typeof previous === 'string' && readResponseId(previous).runId !== runId)
    refuse('previous_response_id', 'is another response than the one that made the function call');
  const run = await api.runs.get({ tenant, runId });
  const { model } = body;
  if (typeof model === 'string' && api.agents.get(model).agentId !== run.agentId)
    refuse('model', `is another agent than ${run.agentName}, which made the function call`);
  return { kind: 'answer', run, seq, payload };
}

/** The refusal of an answer that is not taken. OpenAI's SDKs would repeat one with 409. */
export function refusalOfAnswer(error: GatewayError, callId: string): GatewayError {
  const reasons: Partial<Record<typeof error.code, string>> = {
    question_answered: 'it was answered before, with something else',
    run_not_interrupted: 'the run has gone on',
  };
  const reason = reasons[error.code];
  if (reason === undefined) return error;
  const detail = `answers ${callId}, which waits for no output: ${reason}`;
  return new GatewayError('unfit_request', { path: 'input', detail });
}

function messagesOf(agent: Agent, input: ReadInput, instructions: string | null): readonly JsonObject[] {
  const at = instructions === null ? input.instructionsAt : 'instructions';
  if (at !== null && !getsMessages(agent)) {
    const { name } = agent;
    refuse(
      at,
      `would be lost: the agent ${name} gets one text, and no messages. Leave it out, or write chat.input into the config of the agent`,
    );
  }
  return instructions === null ? input.messages : [{ role: 'system', content: instructions }, ...input.messages];
}

/** The newest run of the conversation that the request goes on with. */
async function readPrevious(api: Api, tenant: string, body: CreateBody): Promise<Run | null> {
  const path = 'previous_response_id';
  const { [path]: id, conversation } = body;
  if (typeof id !== 'string') return null;
  if (conversation !== undefined && conversation !== null) refuse(path, 'names a conversation already');
  const run = await api.runs.get({ tenant, runId: readResponseId(id).runId });
  if (run.threadId === null) refuse(path, 'is a response without a conversation, which store: false asks for');
  if (openQuestionOf(run) !== null)
    refuse(path, 'waits for the output of its function call resume; send a function_call_output');
  for await (const { rows } of api.runs.search({
    tenant,
    threadId: run.threadId,
    limit: 1,
    offset: 0,
    omitInput: true,
  })) {
    const [newest] = rows;
    if (newest === undefined || newest.runId === run.runId) continue;
    refuse(path, 'is not the newest response of its conversation: an agent has one past, which cannot branch');
  }
  return run;
}

function joinPrevious({ threadId }: Run): JoinThread | undefined {
  return threadId === null ? undefined : { threadId, ifNotExists: 'reject', whenBusy: 'reject' };
}

function joinConversation({ conversation }: CreateBody): JoinThread | undefined {
  if (conversation === undefined || conversation === null) return undefined;
  const id = typeof conversation === 'string' ? conversation : conversation.id;
  return { threadId: readConversationId(id), ifNotExists: 'reject', whenBusy: 'reject' };
}

/** What only this protocol reads of the request, when it shows the response. */
function extraOf(body: CreateBody): JsonObject {
  const { background, conversation, instructions, previous_response_id: previous, store } = body;
  return {
    ...(background === true ? { background } : {}),
    ...(conversation === undefined || conversation === null ? {} : { conversation: true }),
    ...(typeof instructions === 'string' ? { instructions } : {}),
    ...(typeof previous === 'string' ? { previous_response_id: previous } : {}),
    ...(store === false ? { store } : {}),
  };
}

function refuse(path: string, detail: string): never {
  throw new GatewayError('unfit_request', { path, detail });
}
