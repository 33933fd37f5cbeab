import type { Json, JsonObject } from '../contract/domain/json.ts';
import { contentText } from '../json/conversation.ts';
import { isJsonObject } from '../json/json-object.ts';

export { contentText };

/** Members of an output that hold a reply, the first of them that is a text. */
const replyMembers = ['reply', 'response', 'text', 'message'];

/** The text that an output has by itself; null where only its JSON says what it is. */
export function findReplyText(output: Json): string | null {
  if (typeof output === 'string') return output;
  if (!isJsonObject(output)) return null;
  for (const name of replyMembers) if (typeof output[name] === 'string') return output[name];
  // Before the only text: where there are messages, that is a label of theirs, such as a status.
  const said = lastReply(output.messages);
  if (said !== null) return said;
  const texts = Object.values(output).filter((value) => typeof value === 'string');
  return texts.length === 1 ? (texts[0] ?? null) : null;
}

/** The text of the last message of an assistant that has one, by the words of OpenAI or of LangChain. */
function lastReply(messages: Json | undefined): string | null {
  if (!Array.isArray(messages)) return null;
  const said = messages.findLast((each) => isJsonObject(each) && isAssistant(each) && contentText(each.content) !== '');
  return isJsonObject(said) ? contentText(said.content) : null;
}

function isAssistant({ role, type }: JsonObject): boolean {
  return role === 'assistant' || role === 'ai' || type === 'ai' || type === 'AIMessageChunk';
}
