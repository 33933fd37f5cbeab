import type { z } from 'zod';
import type { Api } from '../../contract/api/api.ts';
import type { Answer, Decoded, Operation } from '../../contract/api/protocol.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { jsonWords, parsePlainly } from '../../validation/zod-issues.ts';
import { operation } from '../shared/operation.ts';
import { json } from '../shared/requests.ts';
import { taskPath } from './agent-card.ts';
import { A2aRefusal, describeError, encodeRpcError, rpcStatusOf } from './errors.ts';
import { renameFields } from './field-names.ts';
import { ageResult } from './legacy-answers.ts';
import { legacyMethods, renewParams } from './legacy-requests.ts';
import { type MethodName, type MethodOptions, methods } from './methods.ts';
import { agentParams, answers, rpcRequest, versionQuery } from './schemas.ts';
import { readVersion, type Version, versionHeader, versionParameter } from './versions.ts';

type Request = Decoded<{ readonly agent: string }, { readonly [versionParameter]?: string | undefined }, Json>;

/** `POST /a2a/{agent}`: every method of both versions. */
export function createRpcOperation(options: MethodOptions): Operation {
  return operation({
    id: 'call_method',
    method: 'POST',
    path: '/:agent',
    summary: 'Call a method by JSON-RPC',
    description:
      'Calls a method of A2A by JSON-RPC 2.0: of 1.0 with the header `A2A-Version: 1.0`, of 0.3 without it. Streaming methods answer with server-sent events, each of which is an answer of its own.',
    params: agentParams,
    query: versionQuery,
    body: json.meta({ description: 'A request of JSON-RPC 2.0.' }) as z.ZodType<Json>,
    answers: { 200: { description: 'An answer of JSON-RPC 2.0', schema: answers.JsonRpcResponse } },
    countsAsStream: (body) => isJsonObject(body) && streaming.has(String(body.method)),
    handle: async (api, request) => await answerRpc(api, request, options),
  });
}

/** What these answer with is a stream, in both versions. */
const streaming: ReadonlySet<string> = new Set([
  ...['SendStreamingMessage', 'SubscribeToTask'],
  ...['message/stream', 'tasks/resubscribe'],
]);

async function answerRpc(api: Api, request: Request, options: MethodOptions): Promise<Answer> {
  const id = isJsonObject(request.body) && isId(request.body.id) ? request.body.id : null;
  try {
    return await callMethod(api, request, options);
  } catch (thrown) {
    const described = describeError(thrown);
    if (described === null) throw thrown;
    const retryAfterSeconds = thrown instanceof GatewayError ? thrown.retryAfterSeconds : undefined;
    return { kind: 'json', status: rpcStatusOf(described), body: encodeRpcError(id, described), retryAfterSeconds };
  }
}

function isId(value: Json | undefined): value is string | number {
  return typeof value === 'string' || typeof value === 'number';
}

async function callMethod(api: Api, request: Request, options: MethodOptions): Promise<Answer> {
  const { params, query, body, tenant } = request;
  const agent = api.agents.get(params.agent);
  const version = readVersion(request.header(versionHeader), query[versionParameter]);
  const parsed = parsePlainly(rpcRequest, body, jsonWords);
  if (!parsed.ok) throw new A2aRefusal('INVALID_REQUEST', parsed.issues[0]?.message, placeOf(parsed.issues[0]?.path));
  const { id, method: named } = parsed.value;
  const name = findMethod(named, version);
  const { params: sent } = parsed.value;
  const given = version === '1.0' ? sent && renameFields(sent) : renewParams(name, sent);
  const { params: schema, call } = methods[name];
  const checked = parsePlainly(schema, given ?? {}, jsonWords);
  if (!checked.ok) throw new A2aRefusal('INVALID_PARAMS', checked.issues[0]?.message, placeOf(checked.issues[0]?.path));
  const result = await call({ api, agent, tenant, client: request, version, options }, checked.value);
  const wrap = (value: JsonObject): JsonObject => ({
    jsonrpc: '2.0',
    id,
    result: version === '1.0' ? value : ageResult(name, value),
  });
  const { run, replayed = false } = result;
  const waiting = run?.waiting;
  const headers = run === undefined ? undefined : { 'Content-Location': taskPath(agent, run.runId) };
  return result.kind === 'value'
    ? { kind: 'json', status: 200, body: wrap(result.value), replayed, waiting, headers }
    : { kind: 'events', events: await result.open(wrap), replayed, waiting, headers };
}

function findMethod(named: string, version: Version): MethodName {
  const isCurrent = Object.hasOwn(methods, named);
  if (version === '1.0' && isCurrent) return named as MethodName;
  const legacy = Object.hasOwn(legacyMethods, named) ? legacyMethods[named] : undefined;
  if (version === '0.3' && legacy !== undefined) return legacy;
  if (isCurrent) throw new A2aRefusal('METHOD_NOT_FOUND', 'it is one of 1.0; send the header A2A-Version: 1.0');
  if (legacy !== undefined) throw new A2aRefusal('METHOD_NOT_FOUND', `it is one of 0.3; in 1.0 it is ${legacy}`);
  throw new A2aRefusal('METHOD_NOT_FOUND');
}

function placeOf(path: readonly (string | number)[] | undefined): string | undefined {
  return path === undefined || path.length === 0 ? undefined : path.join('.').slice(0, 200);
}
