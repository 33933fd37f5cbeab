import type { Json, JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from './json-object.ts';

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

/**
 * A conversation as a run leaves it: what was said before, what the run was asked, what it answers. An answer that repeats
 * the conversation adds only what follows it.
 */
export function continueConversation(said: readonly Json[], answered: readonly Json[]): readonly Json[] {
  const repeats = answered.length >= said.length && said.every((message, at) => isSame(message, answered[at]));
  return [...said, ...(repeats ? answered.slice(said.length) : answered)];
}

/** What a run answers in messages: its output's own, else one with the text that its output is in a chat. */
export function answeredMessages(output: Json, reply: string | null): readonly Json[] {
  const own = ownMessages(output);
  if (own !== null) return own;
  return reply === null ? [] : [{ role: 'assistant', content: reply }];
}

export function ownMessages(output: Json): readonly Json[] | null {
  return isJsonObject(output) && Array.isArray(output.messages) ? (output.messages as readonly Json[]) : null;
}

/** A vendor that repeats a message leaves out the id that a client gave it, or writes a text as a block. */
function isSame(a: Json, b: Json | undefined): boolean {
  if (JSON.stringify(a) === JSON.stringify(b)) return true;
  if (!isJsonObject(a) || !isJsonObject(b) || a.role === undefined || a.role !== b.role) return false;
  const text = contentText(a.content);
  return text !== '' && text === contentText(b.content);
}
