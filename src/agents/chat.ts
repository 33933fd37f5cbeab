import { parseJsonSliced, stringifySliced } from '../compute/sliced-json.ts';
import type { Agent } from '../contract/domain/agent.ts';
import type { ChatContext, ReplyDelta, Said } from '../contract/domain/chat.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { MappingFault } from '../contract/domain/mapping.ts';
import { contentText } from '../json/conversation.ts';
import { isJsonObject } from '../json/json-object.ts';
import { findReplyText } from './reply-text.ts';
import { findTextPlace } from './text-property.ts';

type ChatAgent = Pick<Agent, 'name' | 'version' | 'schemas' | 'chat'>;
/** What is left of an agent that the config no longer has: the usual rules. */
type ReplyingAgent = Pick<Agent, 'chat'>;

/** The same bound as that of a request's body. */
const maxDepth = 100;

/**
 * The input of a run for what a client said: what the agent's `chat.input` gives, else its data, else what the schema of
 * the input has room for. Rejects with `GatewayError` `unfit_request`, which says what to write into the config.
 */
export async function toInput(agent: ChatAgent, said: Said): Promise<Json> {
  const rule = agent.chat?.input;
  if (rule === undefined) return await placeText(agent, said);
  const { text, messages, data = null } = said;
  const { name, version } = agent;
  const context: ChatContext = { text, messages, data, agent: { name, version } };
  let input: Json | undefined;
  try {
    input = await rule.evaluate(context);
  } catch (error) {
    if (!(error instanceof MappingFault)) throw error;
    throw refuse(`cannot be made: chat.input of the agent ${name} failed: ${error.reason}`, error);
  }
  if (input === undefined) throw refuse(`cannot be made: chat.input of the agent ${name} has no value for this text`);
  return input;
}

/** Whether all that was said reaches the agent, or may: otherwise it gets the last text alone. */
export function getsMessages({ schemas, chat }: ChatAgent): boolean {
  return chat?.input !== undefined || findTextPlace(schemas.input).takesMessages;
}

/** The reply in an output, by the agent's `chat.reply`, else by the usual rule, else its JSON. Never rejects. */
export async function toReply(agent: ReplyingAgent, output: Json): Promise<string> {
  return await toWords(await evaluateReply(agent, output), output);
}

/** The reply, given what the agent's own rule makes of the output. */
export async function toWords(own: Json | undefined, output: Json): Promise<string> {
  if (typeof own === 'string') return own;
  // Blocks of content, such as texts and images, of which the texts can be said.
  const said = Array.isArray(own) && own.every(isJsonObject) ? contentText(own) : '';
  if (said !== '') return said;
  return own === undefined ? (findReplyText(output) ?? (await stringifySliced(output))) : await stringifySliced(own);
}

/**
 * The reply as far as a partial output shows it; null where it shows none yet. JSON is no reply before the end: what is
 * sent of it could not grow into the next one.
 */
export async function toPartialReply(agent: ReplyingAgent, partial: Json): Promise<string | null> {
  if (agent.chat?.reply === undefined) return findReplyText(partial);
  const own = await evaluateReply(agent, partial);
  return typeof own === 'string' ? own : null;
}

/** What a reader of the previous text needs for the next one. */
export function toDelta(previous: string, next: string): ReplyDelta {
  if (next === previous) return { kind: 'same' };
  if (next.startsWith(previous)) return { kind: 'growth', text: next.slice(previous.length) };
  return { kind: 'anew', text: next };
}

/** What the agent's own rule makes of an output. A rule that fails on it gives way to the usual one: a result must reach its reader. */
export async function evaluateReply({ chat }: ReplyingAgent, output: Json): Promise<Json | undefined> {
  try {
    return (await chat?.reply?.evaluate(output)) ?? undefined;
  } catch (error) {
    if (error instanceof MappingFault) return undefined;
    throw error;
  }
}

async function placeText(agent: ChatAgent, { text, messages, data }: Said): Promise<Json> {
  const { isWhole, property, isNarrow, takesMessages, missing } = findTextPlace(agent.schemas.input);
  if (data !== undefined) {
    const isGiven = text === '' || property === undefined || Object.hasOwn(data, property);
    return isGiven ? data : { ...data, [property]: text };
  }
  if (isWhole) return text;
  const object = isNarrow ? await readObject(text) : null;
  if (object !== null) return object;
  if (missing.length === 0 && (property !== undefined || takesMessages)) {
    return {
      ...(takesMessages ? { messages: [...messages] } : {}),
      ...(property === undefined ? {} : { [property]: text }),
    };
  }
  return (await readObject(text)) ?? refuseText(agent, missing);
}

async function readObject(text: string): Promise<JsonObject | null> {
  if (!/^\s*\{/.test(text)) return null;
  const parsed = await parseJsonSliced(text, { maxDepth, protoKeys: 'refuse' });
  return parsed.kind === 'json' && isJsonObject(parsed.value) ? parsed.value : null;
}

function refuseText({ name }: ChatAgent, missing: readonly string[]): never {
  const why =
    missing.length === 0
      ? `the schema of its input names no property that takes a text, or several`
      : `its input requires ${missing.join(', ')}, which a text does not give`;
  const example = `chat: { input: "{ '${missing[0] ?? 'query'}': text }" }`;
  throw refuse(
    `cannot be made of a text for the agent ${name}: ${why}. Send the input as a JSON object, or write chat.input into the config of the agent, such as ${example}`,
  );
}

function refuse(detail: string, cause?: unknown): GatewayError {
  return new GatewayError('unfit_request', { path: 'input', detail, cause });
}
