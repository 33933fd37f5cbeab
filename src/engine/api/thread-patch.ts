import type { ThreadPatch } from '../../contract/api/threads.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Thread } from '../../contract/domain/thread.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import { isExactNumber } from '../../json/exact-number.ts';
import { isJsonObject } from '../../json/json-object.ts';

type State = Pick<Thread, 'values' | 'messages'>;

/** The state that results from a patch. */
export function patchState(base: State, { values, messages, mode }: ThreadPatch): State {
  if (mode === 'replace') return { values: values ?? base.values, messages: messages ?? base.messages };
  return {
    values: isJsonObject(values) && isJsonObject(base.values) ? { ...base.values, ...values } : (values ?? base.values),
    messages: mergeMessages(base.messages, messages ?? []),
  };
}

/** A message replaces the one with its id; all others are appended. */
function mergeMessages(before: readonly Json[], more: readonly Json[]): readonly Json[] {
  const merged = [...before];
  const places = new Map(merged.map((message, at) => [idOf(message), at]));
  for (const message of more) {
    const id = idOf(message);
    const at = id === undefined ? undefined : places.get(id);
    places.set(id, at ?? merged.length);
    merged[at ?? merged.length] = message;
  }
  return merged;
}

function idOf(message: Json): Json | undefined {
  const id = isJsonObject(message) ? message.id : undefined;
  return isExactNumber(id) ? canonicalJson(id) : id;
}
