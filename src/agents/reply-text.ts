import type { Json, JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';

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

/**
 * The text of a message's content, which is a text, or blocks of which some have a text. Other blocks, such as images and
 * calls of tools, are left out.
 */
export function contentText(content: Json | undefined): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  const texts = content.flatMap((block) => {
    if (typeof block === 'string') return [block];
    return isJsonObject(block) && typeof block.text === 'string' && isTextBlock(block) ? [block.text] : [];
  });
  return texts.join('\n');
}

/** Blocks of Anthropic and LangChain, of OpenAI, of A2A (which has `kind`, or neither). */
function isTextBlock({ type, kind }: JsonObject): boolean {
  const name = type ?? kind ?? 'text';
  return name === 'text' || name === 'input_text' || name === 'output_text';
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
