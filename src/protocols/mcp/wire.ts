import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { jsonWords, parsePlainly } from '../../validation/zod-issues.ts';
import type { MessageId } from './revisions.ts';
import { invalidMessage, invalidParams } from './rpc-error.ts';
import { messageId, messageSchema } from './schemas.ts';

/** One message of a client. */
export type Message =
  | { readonly kind: 'request'; readonly id: MessageId; readonly method: string; readonly params: JsonObject }
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonObject }
  /** The answer to a question of ours; `result` is null where the client answered with an error. */
  | { readonly kind: 'response'; readonly id: MessageId; readonly result: JsonObject | null };

/** Reads the body of a request. Throws `RpcError` for anything but one message, several at once included. */
export function readMessage(body: Json | undefined): Message {
  if (Array.isArray(body)) throw invalidMessage('several messages at once are not taken');
  const parsed = parsePlainly(messageSchema, body, jsonWords);
  if (!parsed.ok) throw invalidMessage(describeIssue(parsed.issues[0]));
  const { id, method, params = {}, result, error } = parsed.value;
  if (method !== undefined)
    return id === undefined ? { kind: 'notification', method, params } : { kind: 'request', id, method, params };
  if (id === undefined || (result === undefined) === (error === undefined))
    throw invalidMessage('it has neither a method nor a result', { isDocumented: false });
  return { kind: 'response', id, result: result ?? null };
}

/** The id of a body that may be no message; null where it has none. */
export function idOf(body: Json | undefined): MessageId | null {
  const { data = null } = messageId.safeParse(isJsonObject(body) ? body.id : undefined);
  return data;
}

/** The `_meta` of a message's parameters; empty where it has none. */
export function metaOf(params: JsonObject): JsonObject {
  return isJsonObject(params._meta) ? params._meta : {};
}

/** A member that has to be a text. Throws `RpcError`. */
export function textMember(params: JsonObject, name: string): string {
  const value = params[name];
  if (typeof value !== 'string') throw invalidParams(`params/${name} must be a string`);
  return value;
}

function describeIssue(issue: { readonly path: readonly (string | number)[]; readonly message: string } | undefined) {
  return `${issue?.path.join('/') || 'the body'} ${issue?.message}`;
}
