import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { RunRequest } from '../../contract/domain/run.ts';
import { answeredMessages, continueConversation } from '../../json/conversation.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { asMessages, asObject } from '../shared/values.ts';
import { encodeMessages } from './messages.ts';

/** What a thread holds, or would hold. */
export type State = { readonly values: Json; readonly messages: readonly Json[] };

export const emptyState: State = { values: null, messages: [] };

/** A state as LangGraph's `values`: one object, with the messages of the thread among its members. */
export function encodeState({ values, messages }: State, threadId: string): JsonObject {
  const members = asObject(values);
  const said = messages.length > 0 ? messages : asMessages(members.messages);
  return said === null ? members : { ...members, messages: encodeMessages(said, threadId) };
}

/** The state with which a run begins. What an input in messages became for the agent is nothing that the client said. */
export function stateBefore({ values, messages }: State, { input = null, messages: asked = [] }: RunRequest): State {
  if (asked.length > 0) return { values, messages: [...messages, ...asked] };
  return { values: isJsonObject(input) ? { ...asObject(values), ...input } : values, messages };
}

/** The state that an output leaves, or a partial one would. `reply`: its text in a chat; null where it has none. */
export function stateAfter(
  { messages }: State,
  { messages: asked = [] }: RunRequest,
  output: Json,
  reply: string | null,
): State {
  const answered = answeredMessages(output, asked.length > 0 ? reply : null);
  const isChat = asked.length > 0 || asMessages(answered) !== null;
  return { values: output, messages: isChat ? continueConversation([...messages, ...asked], answered) : messages };
}
