import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { JsonObject } from '../../contract/domain/json.ts';
import { readJson } from '../../json/exact-number.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { readBody } from '../wire-host.ts';
import type { CallDesk, Outcome } from './call-desk.ts';
import { typeUrlOf } from './grpc-wire.ts';
import { codes, httpStatusOf, TemporalError } from './temporal-error.ts';

/** Temporal's HTTP API, with payloads as they are in gRPC (`application/json+no-payload-shorthand`). */
export function createHttpServer(desk: CallDesk): Server {
  return createServer({ keepAliveTimeout: 65_000, noDelay: true }, (request, response) => {
    const abort = new AbortController();
    response.once('close', () => abort.abort());
    readBody(request, (text) => {
      const call = text === null ? null : route(request, text);
      if (call === null || call instanceof TemporalError) {
        sendError(response, call ?? new TemporalError(codes.notFound, 'Not Found'));
        return;
      }
      const { authorization } = request.headers;
      void desk.take({ ...call, authorization, signal: abort.signal }).then((outcome) => {
        if (!response.destroyed) send(response, outcome);
      });
    });
  });
}

type Route = { readonly method: string; readonly message: JsonObject };
type Site = {
  readonly body: JsonObject;
  readonly name: string;
  readonly execution: JsonObject;
  readonly query: Readonly<Record<string, string>>;
};

/** By HTTP method and what follows the workflow's id. */
const routes: Readonly<Record<string, (site: Site) => Route>> = {
  'GET ': ({ execution }) => ({ method: 'DescribeWorkflowExecution', message: { execution } }),
  'POST ': ({ body, execution }) => ({
    method: 'StartWorkflowExecution',
    message: { ...body, workflowId: execution.workflowId ?? '' },
  }),
  'GET history': ({ execution, query }) => ({
    method: 'GetWorkflowExecutionHistory',
    message: { ...query, execution },
  }),
  'POST query': ({ body, execution, name }) => ({
    method: 'QueryWorkflow',
    message: { ...body, execution, query: { ...objectOf(body.query), queryType: name } },
  }),
  'POST signal': ({ body, execution, name }) => ({
    method: 'SignalWorkflowExecution',
    message: { ...body, workflowExecution: execution, signalName: name },
  }),
  'POST update': ({ body, execution, name }) => ({
    method: 'UpdateWorkflowExecution',
    message: { ...body, workflowExecution: execution, request: named(body.request, name) },
  }),
  'POST cancel': ({ body, execution }) => ({
    method: 'RequestCancelWorkflowExecution',
    message: { ...body, workflowExecution: execution },
  }),
  'POST terminate': ({ body, execution }) => ({
    method: 'TerminateWorkflowExecution',
    message: { ...body, workflowExecution: execution },
  }),
};

/** Null: there is no such path. */
function route(request: IncomingMessage, text: string): Route | TemporalError | null {
  const url = URL.parse(request.url ?? '', 'http://sandbox');
  if (url === null) return null;
  const parts = url.pathname.split('/').map(decode);
  if (`${request.method} ${url.pathname}` === 'GET /api/v1/system-info')
    return { method: 'GetSystemInfo', message: {} };
  const [, api, version, kind, namespace = '', workflows, workflowId = '', verb = '', name = ''] = parts;
  if (api !== 'api' || version !== 'v1' || kind !== 'namespaces' || workflows !== 'workflows') return null;
  const make = routes[`${request.method} ${verb}`];
  if (make === undefined || workflowId === '') return null;
  const body = parse(text);
  if (body === null) return new TemporalError(codes.invalidArgument, 'the body is not a JSON object');
  const { 'execution.runId': queried, ...query } = Object.fromEntries(url.searchParams);
  const named = objectOf(body.workflowExecution ?? body.execution).runId;
  const runId = queried ?? named;
  const execution = { workflowId, ...(typeof runId === 'string' ? { runId } : {}) };
  const { method, message } = make({ body, name, execution, query });
  return { method, message: { ...message, namespace } };
}

function named(request: unknown, name: string): JsonObject {
  const { input, ...rest } = objectOf(request);
  return { ...rest, input: { ...objectOf(input), name } };
}

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

function parse(text: string): JsonObject | null {
  if (text === '') return {};
  try {
    const value = readJson(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function send(response: ServerResponse, outcome: Outcome): void {
  if (outcome.kind === 'error') sendError(response, outcome.error, outcome.retryAfterMs);
  else if (outcome.kind === 'spoiled') {
    if (outcome.fault.kind !== 'hang') response.socket?.destroy();
  } else if (outcome.fault?.kind === 'cut-after') response.socket?.destroy();
  else {
    if (outcome.fault?.kind === 'goaway') response.setHeader('connection', 'close');
    sendText(response, 200, outcome.fault?.kind === 'malformed' ? '{"runId": "cut sh' : JSON.stringify(outcome.body));
  }
}

function sendError(response: ServerResponse, { code, message, detail }: TemporalError, retryAfterMs?: number): void {
  const details = detail === null ? [] : [{ '@type': typeUrlOf(detail.type), ...detail.value }];
  if (retryAfterMs !== undefined) response.setHeader('retry-after', String(Math.ceil(retryAfterMs / 1000)));
  sendText(response, httpStatusOf(code), JSON.stringify({ code, message, details }));
}

function sendText(response: ServerResponse, status: number, text: string): void {
  const headers = {
    'content-type': 'application/json+no-payload-shorthand',
    'content-length': Buffer.byteLength(text),
  };
  response.writeHead(status, headers).end(text);
}
