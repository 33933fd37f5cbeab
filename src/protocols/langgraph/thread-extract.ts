import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';

/** A member of a thread, then names and places in lists: `values.messages[-1].content`. */
export const extractPath = /^(?:values|metadata|config|interrupts|status)(?:\.[^.[\]]+|\[-?\d{1,6}\])*$/;

/** What stands at each path of a thread, by the client's name for it; null where nothing does. */
export function extractFrom(thread: JsonObject, paths: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, valueAt(thread, path)]));
}

function valueAt(thread: JsonObject, path: string): Json {
  let at: Json | undefined = thread;
  for (const [, name, place] of path.matchAll(/([^.[\]]+)|\[(-?\d+)\]/g)) {
    if (name !== undefined) at = isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
    else at = Array.isArray(at) ? (at as readonly Json[]).at(Number(place)) : undefined;
    if (at === undefined) return null;
  }
  return at;
}
