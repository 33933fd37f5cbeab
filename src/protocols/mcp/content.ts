import { z } from 'zod';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';

const text = z.looseObject({ type: z.literal('text'), text: z.string() });
const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);
const media = z.looseObject({ type: z.enum(['image', 'audio']), data: base64, mimeType: z.string() });
const link = z.looseObject({ type: z.literal('resource_link'), uri: z.string(), name: z.string() });
const resource = z.looseObject({
  type: z.literal('resource'),
  resource: z.union([
    z.looseObject({ uri: z.string(), text: z.string() }),
    z.looseObject({ uri: z.string(), blob: base64 }),
  ]),
});
const blocks = z.array(z.discriminatedUnion('type', [text, media, link, resource])).min(1);
/** Members of an output that is content and nothing else, as that of the vendor `mcp` is. */
const contentMembers: ReadonlySet<string> = new Set(['content', 'text']);

/** A value that is a list of blocks of content, such as images; null for any other, and for one that is not whole. */
export function readBlocks(value: Json | undefined): readonly JsonObject[] | null {
  return Array.isArray(value) && blocks.safeParse(value).success ? (value as readonly JsonObject[]) : null;
}

/** The blocks of an output that is nothing but content; null for any other. */
export function contentOf(output: Json): readonly JsonObject[] | null {
  if (!isJsonObject(output)) return readBlocks(output);
  return Object.keys(output).every((name) => contentMembers.has(name)) ? readBlocks(output.content) : null;
}
