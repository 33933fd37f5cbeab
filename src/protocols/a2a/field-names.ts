import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';

/** What stands in them is the client's own. */
const opaque: ReadonlySet<string> = new Set(['metadata', 'data']);

/**
 * Params with the names of fields as JSON has them. Libraries of Protocol Buffers read the names of the definition too, such
 * as `context_id`, and some clients send those.
 */
export function renameFields(value: Json): Json {
  if (Array.isArray(value)) return value.map(renameFields);
  if (!isJsonObject(value)) return value;
  const renamed: Record<string, Json> = {};
  for (const [name, member] of Object.entries(value))
    renamed[camelCased(name)] = opaque.has(name) ? (member ?? null) : renameFields(member ?? null);
  return renamed satisfies JsonObject;
}

function camelCased(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
