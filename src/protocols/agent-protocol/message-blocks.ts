import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';

/** What the protocol calls the authors that other protocols name otherwise. */
const roles: Readonly<Record<string, string>> = { user: 'human', assistant: 'ai' };

/** A whole message as the protocol tells one: begun, block by block, and finished. No vendor tells it piece by piece. */
export function tellMessage({ role, content, id }: JsonObject, otherwiseId: string): readonly JsonObject[] {
  const author = typeof role === 'string' ? role : 'ai';
  const blocks = Array.isArray(content) ? (content as readonly Json[]).filter(isJsonObject) : [textBlock(content)];
  return [
    { event: 'message-start', role: roles[author] ?? author, id: typeof id === 'string' ? id : otherwiseId },
    ...blocks.flatMap((block, index) => [
      { event: 'content-block-start', index, content: beginningOf(block) },
      { event: 'content-block-finish', index, content: block },
    ]),
    { event: 'message-finish' },
  ];
}

function textBlock(content: Json | undefined): JsonObject {
  return { type: 'text', text: typeof content === 'string' ? content : '' };
}

/** A block with nothing in it yet. */
function beginningOf({ type = 'text' }: JsonObject): JsonObject {
  return type === 'text' ? { type, text: '' } : { type };
}
