import { toInput } from '../../agents/chat.ts';
import { contentText } from '../../agents/reply-text.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import type { AgUiMessage, RunInput } from './schemas.ts';

/** What a client gives with its messages, each for an agent whose input has a property of that name. */
const places = ['state', 'tools', 'context', 'forwardedProps'] as const;

/** What the gateway itself reads of `forwardedProps`. */
export type Asked = {
  readonly input?: JsonObject | undefined;
  readonly config?: JsonObject | undefined;
  readonly metadata?: JsonObject | undefined;
  readonly on_disconnect?: 'cancel' | 'continue' | undefined;
};

export function askedOf({ forwardedProps }: Pick<RunInput, 'forwardedProps'>): Asked {
  const rungate = isJsonObject(forwardedProps) ? forwardedProps.rungate : undefined;
  return isJsonObject(rungate) ? rungate : {};
}

/** The message that a run answers: the last one of the user. */
export function lastSaid(messages: readonly AgUiMessage[]): AgUiMessage | undefined {
  return messages.findLast(({ role }) => role === 'user');
}

/** The input of the run that a request asks for. Rejects with `GatewayError` `invalid_request`. */
export async function readInput(agent: Agent, body: RunInput): Promise<Json> {
  const { input: data } = askedOf(body);
  const said = lastSaid(body.messages);
  if (said === undefined && data === undefined) throw refuse('needs a message of the user');
  const takesMessages = hasProperty(agent, 'messages') || agent.chat?.input !== undefined;
  if (said !== undefined && data === undefined && !takesMessages) refuseMedia(agent, said);
  const messages = body.messages.filter(isConversation).map(encodeMessage);
  const input = await toInput(agent, { text: contentText(said?.content as Json | undefined), messages, data });
  return isJsonObject(input) ? { ...placesOf(agent, body), ...input } : input;
}

/** What was said since the agent spoke last: the messages of the run, which its thread keeps. */
export function newMessages({ messages }: RunInput): readonly JsonObject[] {
  const last = messages.findLastIndex(({ role }) => role === 'assistant');
  return messages
    .slice(last + 1)
    .filter(isConversation)
    .map(encodeMessage);
}

/** The members of the request that the agent's input has a place for. */
function placesOf(agent: Agent, body: RunInput): JsonObject {
  const found = places.filter((place) => hasProperty(agent, place) && holdsSomething(body[place]));
  return Object.fromEntries(found.map((place) => [place, body[place] as Json]));
}

function hasProperty({ schemas }: Agent, name: string): boolean {
  const { properties } = schemas.input;
  return isJsonObject(properties) && Object.hasOwn(properties, name);
}

/** Clients send every member that they have. */
function holdsSomething(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

/** What a client shows of progress and of reasoning is its own. */
function isConversation({ role }: AgUiMessage): boolean {
  return role !== 'activity' && role !== 'reasoning';
}

/** A message as the other protocols have it; members that they do not know are kept. */
function encodeMessage({ toolCalls, toolCallId, content, ...rest }: AgUiMessage): JsonObject {
  return {
    ...(rest as JsonObject),
    content: (content ?? '') as Json,
    ...(toolCalls === undefined || toolCalls === null ? {} : { tool_calls: toolCalls }),
    ...(toolCallId === undefined || toolCallId === null ? {} : { tool_call_id: toolCallId }),
  };
}

/** An agent that is given a text alone would answer to something else than what was said. */
function refuseMedia({ name }: Agent, { content }: AgUiMessage): void {
  const part = Array.isArray(content) ? content.find(({ type }) => type !== 'text') : undefined;
  if (part !== undefined) throw refuse(`has a part of the type ${part.type}, and the agent ${name} takes text alone`);
}

function refuse(detail: string): GatewayError {
  return new GatewayError('invalid_request', { path: 'messages', detail });
}
