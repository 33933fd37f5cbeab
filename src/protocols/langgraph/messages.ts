import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';

/** LangGraph's word for the author of a message, by the one of the other protocols. */
const types: Readonly<Record<string, string>> = { user: 'human', assistant: 'ai', developer: 'system' };
const roles: Readonly<Record<string, string>> = { human: 'user', ai: 'assistant' };
/** The class of a message that is given as its constructor or in pieces, such as `HumanMessage` or `AIMessageChunk`. */
const classOfMessage = /^(Human|AI|System|Tool|Function|Chat)Message(?:Chunk)?$/;

/** The messages of a state in LangGraph's words. One without an id gets one that follows from its place in the thread. */
export function encodeMessages(messages: readonly Json[], threadId: string, from = 0): readonly JsonObject[] {
  return messages.map((message, at) => encodeMessage(message, messageId(threadId, from + at)));
}

/** The id of a message that has none of its own: as long as a conversation only grows, the same in every answer. */
function messageId(threadId: string, at: number): string {
  return `${threadId}.${at}`;
}

function encodeMessage(message: Json, fallbackId: string): JsonObject {
  if (!isJsonObject(message)) return { type: 'human', content: asText(message), id: fallbackId };
  const { role, type, content = '', id, ...rest } = message;
  const author = typeof role === 'string' ? (types[role] ?? role) : typeof type === 'string' ? type : 'ai';
  return {
    ...rest,
    type: author,
    content: asContent(content),
    id: typeof id === 'string' && id !== '' ? id : fallbackId,
  };
}

/** Messages of a client in the words of the other protocols; null for what is no list of messages. */
export function decodeMessages(value: Json | undefined): readonly JsonObject[] | null {
  if (!Array.isArray(value)) return null;
  const decoded = value.map(decodeMessage);
  return decoded.includes(null) ? null : (decoded as readonly JsonObject[]);
}

/** A pair has the author first; a constructor has the message in its arguments. A text alone may be anything of an agent's own. */
function decodeMessage(message: Json): JsonObject | null {
  if (Array.isArray(message)) {
    const [author, content] = message as readonly Json[];
    const isPair = message.length === 2 && typeof author === 'string' && isContent(content);
    return isPair ? { role: roles[author] ?? author, content: asContent(content) } : null;
  }
  if (!isJsonObject(message)) return null;
  if (message.type === 'constructor') return decodeConstructor(message);
  const { type, role, content, ...rest } = message;
  const author = typeof role === 'string' ? role : type;
  if (typeof author !== 'string' || !isContent(content)) return null;
  return { role: roleOf(author), content, ...withoutEmpty(rest) };
}

function decodeConstructor({ id, kwargs }: JsonObject): JsonObject | null {
  const name: Json | undefined = Array.isArray(id) ? id.at(-1) : undefined;
  if (typeof name !== 'string' || !classOfMessage.test(name) || !isJsonObject(kwargs)) return null;
  return decodeMessage({ ...kwargs, type: name });
}

function roleOf(author: string): string {
  const [, name] = classOfMessage.exec(author) ?? [];
  const type = name === undefined ? author : name.toLowerCase();
  return roles[type] ?? type;
}

/** Clients write out members that say nothing, such as `additional_kwargs: {}`. */
function withoutEmpty(members: JsonObject): JsonObject {
  const said = Object.entries(members).filter(
    ([, value]) =>
      value !== null &&
      !(isJsonObject(value) && Object.keys(value).length === 0) &&
      !(Array.isArray(value) && value.length === 0),
  );
  return Object.fromEntries(said);
}

function isContent(content: Json | undefined): content is string | readonly Json[] {
  return typeof content === 'string' || Array.isArray(content);
}

function asContent(content: Json): string | readonly Json[] {
  return isContent(content) ? content : asText(content);
}

function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
