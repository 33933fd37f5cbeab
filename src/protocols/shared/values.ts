import type { Change } from '../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { messages } from './requests.ts';

/** The value as messages, where every element is one; null where it is anything else. */
export function asMessages(value: Json | undefined): readonly JsonObject[] | null {
  return messages.safeParse(value).success ? (value as readonly JsonObject[]) : null;
}

/** The messages that a run's output carries, as a member of what is sent. */
export function messagesOf(output: Json): JsonObject {
  const found = isJsonObject(output) ? asMessages(output.messages) : null;
  return found === null ? {} : { messages: found };
}

/** Where a protocol's values must be an object, one that is none stands in it as `result`. */
export function asObject(value: Json): JsonObject {
  if (isJsonObject(value)) return value;
  return value === null ? {} : { result: value };
}

/** Where a protocol's values may be anything but null. */
export function asValue(value: Json): Json {
  return value ?? {};
}

/** The part of a `custom` event that both versions of ACP and the Agent Protocol share. */
export function encodePhase({ phase, note }: Extract<Change, { kind: 'phase' }>): JsonObject {
  return note === undefined ? { phase } : { phase, note };
}
