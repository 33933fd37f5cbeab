import { z } from 'zod';
import type { CallRule, RpcStatus } from '../../src/contract/adapter/http.ts';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { HttpClient } from '../../src/contract/adapter/http-client.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { temporalSchema } from '../../src/contract/wire/temporal.ts';
import { findReason } from '../../src/json/find-reason.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { decodeMessage, encodeMessage } from '../../src/json/protobuf.ts';
import { fillPath } from '../path.ts';
import type { FrontendSettings } from './settings.ts';

/** A call of Temporal's WorkflowService whose message is the same JSON on both wires. */
export type FrontendCall = CallRule & {
  readonly purpose: string;
  readonly method: Method;
  readonly message: JsonObject;
  readonly holdMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type Frontend = {
  readonly namespace: string;
  /** What the call cannot be made for is refused, and nothing is sent. Gives the answer without secrets. */
  call(call: FrontendCall): Promise<JsonObject>;
  /** Whether the wire has this method. */
  has(method: Method): boolean;
  /** Takes secrets out of what was unpacked. */
  redact(value: Json): Json;
};

/** Method and path of HTTP; null: gRPC alone has it. `{execution}` is the workflow's id, wherever its message has it. */
const routes = {
  StartWorkflowExecution: ['POST', ''],
  GetWorkflowExecutionHistory: ['GET', '/history'],
  DescribeWorkflowExecution: ['GET', ''],
  RequestCancelWorkflowExecution: ['POST', '/cancel'],
  TerminateWorkflowExecution: ['POST', '/terminate'],
  QueryWorkflow: ['POST', '/query/{name}'],
  SignalWorkflowExecution: ['POST', '/signal/{name}'],
  UpdateWorkflowExecution: ['POST', '/update/{name}'],
  PollWorkflowExecutionUpdate: null,
} as const;
type Method = keyof typeof routes;

/** Payloads have the shape of gRPC's messages, in place of the values inside them. */
const jsonWithPayloads = 'application/json+no-payload-shorthand';
const object = z.custom<JsonObject>(isJsonObject, 'must be an object');

/** The HTTP API of a server. */
export function reachByHttp({ namespace, apiKey }: FrontendSettings, http: HttpClient): Frontend {
  const authorization = authorizationOf(apiKey);

  async function call({ method, message, ...rest }: FrontendCall): Promise<JsonObject> {
    const route = routes[method];
    if (route === null) throw refuse(`the HTTP API of Temporal has no ${method}`);
    const [verb, path] = route;
    const { workflowId, name } = namesIn(message);
    const at = fillPath(`/api/v1/namespaces/{namespace}/workflows/{workflowId}${path}`, {
      namespace,
      workflowId,
      name,
    });
    const isGet = verb === 'GET';
    const { body } = await http.call({
      ...rest,
      method: verb,
      path: isGet ? at + queryOf(message) : at,
      headers: { ...authorization, accept: jsonWithPayloads, ...(isGet ? {} : { 'content-type': jsonWithPayloads }) },
      ...(isGet ? {} : { body: message }),
      answer: object,
      errorMessage: (refusal) =>
        isJsonObject(refusal) && typeof refusal.message === 'string' ? refusal.message : findReason(refusal),
    });
    return body;
  }

  return { namespace, call, has: (method) => routes[method] !== null, redact: (value) => http.redact(value) };
}

function authorizationOf(apiKey: string | undefined): Readonly<Record<string, string>> {
  return apiKey ? { authorization: `Bearer ${apiKey}` } : {};
}

/** What of a message stands in the path. */
function namesIn(message: JsonObject): { readonly workflowId?: string; readonly name?: string } {
  const { workflowId, execution, workflowExecution, signalName, query, request } = message;
  const [at] = [execution, workflowExecution].filter(isJsonObject);
  const { input } = isJsonObject(request) ? request : {};
  const name = signalName ?? (isJsonObject(query) ? query.queryType : isJsonObject(input) ? input.name : undefined);
  const id = workflowId ?? at?.workflowId;
  return { ...(typeof id === 'string' ? { workflowId: id } : {}), ...(typeof name === 'string' ? { name } : {}) };
}

/** The members of a message that do not stand in the path, nested ones with dots. */
function queryOf(message: JsonObject): string {
  const { namespace: _inPath, execution, ...rest } = message;
  const runId = isJsonObject(execution) ? execution.runId : undefined;
  const members = Object.entries({ ...rest, 'execution.runId': runId ?? null });
  const query = new URLSearchParams(members.flatMap(([key, value]) => (value === null ? [] : [[key, String(value)]])));
  return query.size === 0 ? '' : `?${query}`;
}

/** gRPC, which Temporal Cloud takes and workers use. `metadata` is sent with each call. */
export function reachByGrpc(
  { namespace, apiKey }: FrontendSettings,
  http: HttpClient,
  metadata: Readonly<Record<string, string>> = {},
): Frontend {
  const authorization = authorizationOf(apiKey);
  // Temporal Cloud finds the namespace of an API key by it.
  const all = { ...metadata, ...authorization, 'temporal-namespace': namespace };

  async function call({ method, message, ...rest }: FrontendCall): Promise<JsonObject> {
    const { body } = await http.rpc({
      ...rest,
      path: `/temporal.api.workflowservice.v1.WorkflowService/${method}`,
      metadata: all,
      message: encodeMessage(temporalSchema, `${method}Request`, message),
      decode: (bytes) => decodeMessage(temporalSchema, `${method}Response`, bytes),
      answer: object,
      meaningOf: (status) => meaningOf(status, rest),
    });
    return body;
  }

  return { namespace, call, has: () => true, redact: (value) => http.redact(value) };
}

/** RESOURCE_EXHAUSTED is the frontend's own word that it did nothing. UNAVAILABLE may be a proxy's, after it sent the call on. */
function meaningOf({ code }: RpcStatus, { faults }: CallRule): 'retry' | null {
  return code === 8 && faults?.busy === undefined ? 'retry' : null;
}

/** The details of a refusal, by the name of their message; the same on both wires. Null: there are none of this name. */
export function detailOf(
  { rpc, answer }: UpstreamFault,
  name: keyof typeof temporalSchema.messages,
): JsonObject | null {
  try {
    const details = rpc === null ? answer : rpc.details && decodeMessage(temporalSchema, 'Status', rpc.details);
    const list = isJsonObject(details) && Array.isArray(details.details) ? details.details : [];
    for (const each of list.filter(isJsonObject)) {
      if (typeof each['@type'] === 'string' && each['@type'].endsWith(`.${name}`)) return each;
      const { typeUrl, value = '' } = each;
      if (typeof typeUrl !== 'string' || !typeUrl.endsWith(`.${name}`)) continue;
      return decodeMessage(temporalSchema, name, Buffer.from(String(value), 'base64'));
    }
  } catch {
    // Details that cannot be read are none.
  }
  return null;
}

/** Nothing was sent, and nothing would be different the next time. */
export function refuse(message: string): UpstreamFault {
  return new UpstreamFault({ consequence: 'rejected', kind: 'malformed', message });
}
