import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { messages } from './requests.ts';

/** The value as messages; null unless it is a list in which every element is one. */
export function asMessages(value: Json | undefined): readonly JsonObject[] | null {
  return messages.safeParse(value).success ? (value as readonly JsonObject[]) : null;
}

/** The messages of a run's output, as a member to spread; empty where it has none. */
export function messagesOf(output: Json): JsonObject {
  const found = isJsonObject(output) ? asMessages(output.messages) : null;
  return found === null ? {} : { messages: found };
}

/** For protocols whose values must be an object: any other value becomes its member `result`. */
export function asObject(value: Json): JsonObject {
  if (isJsonObject(value)) return value;
  return value === null ? {} : { result: value };
}

/** For protocols whose values may be anything but null. */
export function asValue(value: Json): Json {
  return value ?? {};
}
