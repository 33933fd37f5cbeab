import type { Api } from '../../contract/api/api.ts';
import type { Answer, Decoded } from '../../contract/api/protocol.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Client } from './client.ts';
import { type MessageId, metaKeys } from './revisions.ts';
import type { Seals } from './seals.ts';

export type McpDeps = {
  readonly seals: Seals;
  /** Version of the gateway. */
  readonly version: string;
  /** How long runs are kept after their end. */
  readonly retentionMs: number;
};

/** One request of a client, with all that its answer depends on. */
export type Call = McpDeps & {
  readonly api: Api;
  readonly request: Decoded<unknown, unknown, unknown>;
  readonly client: Client;
  readonly id: MessageId;
  readonly method: string;
  readonly params: JsonObject;
  /** The agent that the path names; undefined: all of the key. */
  readonly agentName: string | undefined;
};

/** Answers a method with its result or, where that is more than one message, with an answer of its own. */
export type Method = (call: Call) => Promise<JsonObject | Reply>;

/** What is no plain result. */
export class Reply {
  readonly answer: Answer;

  constructor(answer: Answer) {
    this.answer = answer;
  }
}

/** The response to a request. Results of the newer revision say their type and whose they are. */
export function respond({ id, client, version }: Call, result: JsonObject): JsonObject {
  if (!client.isStateless) return { jsonrpc: '2.0', id, result };
  const { _meta = {}, ...members } = result;
  const meta = { ...(_meta as JsonObject), [metaKeys.serverInfo]: serverInfo(version) };
  return { jsonrpc: '2.0', id, result: { resultType: 'complete', ...members, _meta: meta } };
}

export function respondError({ id }: Call, error: Json): JsonObject {
  return { jsonrpc: '2.0', id, error };
}

export function serverInfo(version: string): JsonObject {
  return { name: 'rungate', title: 'rungate', version };
}
