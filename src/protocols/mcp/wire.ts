import type { JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import type { MessageId } from './revisions.ts';
import { invalidMessage } from './rpc-error.ts';
import type { SentMessage } from './schemas.ts';

/** One message of a client. */
export type Message =
  | { readonly kind: 'request'; readonly id: MessageId; readonly method: string; readonly params: JsonObject }
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonObject }
  /** The answer to a question of ours; `result` is null where the client answered with an error. */
  | { readonly kind: 'response'; readonly id: MessageId; readonly result: JsonObject | null };

/** Throws `RpcError` for what is neither. Several at once were taken by one older revision alone. */
export function readMessage({ id, method, params = {}, result, error }: SentMessage): Message {
  if (method !== undefined)
    return id === undefined ? { kind: 'notification', method, params } : { kind: 'request', id, method, params };
  if (id === undefined || (result === undefined) === (error === undefined))
    throw invalidMessage('it has neither a method nor a result');
  return { kind: 'response', id, result: result ?? null };
}

/** The `_meta` of a message's parameters; empty where it has none. */
export function metaOf(params: JsonObject): JsonObject {
  return isJsonObject(params._meta) ? params._meta : {};
}

/** A member that has to be a text. Throws `RpcError`. */
export function textMember(params: JsonObject, name: string): string {
  const value = params[name];
  if (typeof value !== 'string') throw invalidMessage(`params/${name} must be a string`, -32602);
  return value;
}
