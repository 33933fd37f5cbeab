import type { ThreadPatch } from '../../contract/api/threads.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { decodeMessages } from './messages.ts';

/**
 * Values that a client writes into a state, one object or several: members are merged one by one, messages by their ids, as
 * LangGraph's usual reducers do. Throws `invalid_request` for a removal of messages.
 */
export function decodeValues(
  given: JsonObject | readonly JsonObject[] | null | undefined,
): Pick<ThreadPatch, 'values' | 'messages'> {
  const merged: JsonObject = Object.assign({}, ...[given ?? []].flat());
  const { messages: said, ...values } = merged;
  const messages = readMessages(said);
  if (messages === null) return Object.keys(merged).length === 0 ? {} : { values: merged };
  if (messages.some(({ role }) => role === 'remove')) {
    const detail = 'must not remove messages: a state keeps what was said';
    throw new GatewayError('invalid_request', { path: 'values/messages', detail });
  }
  return { messages, ...(Object.keys(values).length === 0 ? {} : { values }) };
}

/** Null for what is no message and no list of them: then it is a value like any other. */
function readMessages(said: Json | undefined): readonly JsonObject[] | null {
  if (said === undefined || said === null) return null;
  return decodeMessages(Array.isArray(said) ? said : [said]);
}
