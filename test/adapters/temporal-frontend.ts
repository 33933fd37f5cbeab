import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { temporalSchema } from '../../src/contract/wire/temporal.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { decodeMessage, encodeMessage } from '../../src/json/protobuf.ts';

/** A run of a workflow; `close` is its close event once it is over. */
type WorkflowRun = { readonly runId: string; close: JsonObject | null; readonly updates: Map<string, Json> };
type Workflow = { readonly start: JsonObject; readonly runs: WorkflowRun[] };

export type Received = {
  readonly method: string;
  readonly message: JsonObject;
  readonly headers: Readonly<Record<string, unknown>>;
};

class Cut extends Error {}

export class FrontendError extends Error {
  readonly code: number;
  readonly detail: JsonObject | null;

  constructor(code: number, message: string, detail: JsonObject | null = null) {
    super(message);
    this.code = code;
    this.detail = detail;
  }
}

const httpStatus: Readonly<Record<number, number>> = {
  3: 400,
  4: 504,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  14: 503,
  16: 401,
};
const event = (word: string, attributes: string, value: JsonObject): JsonObject => ({
  eventId: '9',
  eventType: `EVENT_TYPE_WORKFLOW_EXECUTION_${word}`,
  [`workflowExecution${attributes}EventAttributes`]: value,
});
export const payload = (value: Json, encoding = 'json/plain'): JsonObject => ({
  metadata: { encoding: Buffer.from(encoding).toString('base64') },
  data: Buffer.from(JSON.stringify(value)).toString('base64'),
});
const valuesOf = (payloads: Json | undefined): Json =>
  isJsonObject(payloads) && Array.isArray(payloads.payloads)
    ? (payloads.payloads as JsonObject[]).map(
        (each) => JSON.parse(Buffer.from(String(each.data), 'base64').toString()) as Json,
      )
    : [];

/** A Temporal frontend whose workflows do as a test tells them, over HTTP/JSON and over gRPC. */
export class TestFrontend {
  readonly received: Received[] = [];
  readonly workflows = new Map<string, Workflow>();
  readonly #changed = new EventEmitter().setMaxListeners(0);
  readonly #sockets = new Set<Socket>();
  readonly #http = createServer((request, response) => void this.#overHttp(request, response));
  readonly #grpc: Http2Server = createHttp2().on(
    'stream',
    (stream, headers) => void this.#overGrpc(stream as ServerHttp2Stream, headers),
  );
  /** The frontend answers a held call without news after this long. */
  holdMs = 20_000;
  /** Called before a call is carried out; may throw, or wait. False: the connection is cut, and nothing is carried out. */
  before: (received: Received) => boolean | Promise<boolean> = () => true;
  /** Called before the answer goes out. False: the connection is cut instead. */
  after: (received: Received) => boolean | Promise<boolean> = () => true;
  answerQuery: (name: string) => Json | Promise<Json> = () => null;
  /** The answer of a handler of updates; a text that begins with "no" refuses. */
  answerUpdate: (name: string, input: Json) => Json = () => null;
  pendingWorkflowTask: JsonObject | null = null;
  pendingActivities: readonly JsonObject[] = [];

  /** `ports` are those of an earlier time, for a frontend that comes back. */
  async listen(ports: readonly number[] = [0, 0]): Promise<{ readonly http: string; readonly grpc: string }> {
    const urls: string[] = [];
    for (const [index, server] of [this.#http, this.#grpc].entries()) {
      server.on('connection', (socket: Socket) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      });
      server.listen(ports[index], '127.0.0.1');
      await once(server, 'listening');
      urls.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    }
    return { http: urls[0] ?? '', grpc: urls[1] ?? '' };
  }

  /** How many are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of [this.#http, this.#grpc]) await new Promise((resolve) => server.close(resolve));
  }

  methods(): readonly string[] {
    return this.received.map(({ method }) => method);
  }

  complete(workflowId: string, value: Json): void {
    this.end(workflowId, event('COMPLETED', 'Completed', { result: { payloads: [payload(value)] } }));
  }

  fail(workflowId: string, failure: JsonObject): void {
    this.end(workflowId, event('FAILED', 'Failed', { failure }));
  }

  end(workflowId: string, close: JsonObject): void {
    this.#newest(workflowId).close = close;
    this.#changed.emit('change');
  }

  /** Gives the id of the new run. */
  continueAsNew(workflowId: string): string {
    const runId = randomUUID();
    const workflow = this.#workflow(workflowId);
    this.#newest(workflowId).close = event('CONTINUED_AS_NEW', 'ContinuedAsNew', { newExecutionRunId: runId });
    workflow.runs.push({ runId, close: null, updates: new Map() });
    this.#changed.emit('change');
    return runId;
  }

  /** Forgets a workflow, as its retention does. */
  forget(workflowId: string): void {
    this.workflows.delete(workflowId);
  }

  #workflow(workflowId: string): Workflow {
    const workflow = this.workflows.get(workflowId);
    if (workflow === undefined) throw new FrontendError(5, `workflow not found for ID: ${workflowId}`);
    return workflow;
  }

  #newest(workflowId: string): WorkflowRun {
    return this.#run({ workflowId });
  }

  #run({ workflowId, runId }: JsonObject): WorkflowRun {
    const { runs } = this.#workflow(String(workflowId));
    const run = typeof runId === 'string' && runId !== '' ? runs.find((each) => each.runId === runId) : runs.at(-1);
    if (run === undefined) throw new FrontendError(5, 'workflow not found');
    return run;
  }

  #live(execution: JsonObject): WorkflowRun {
    const run = this.#run(execution);
    if (run.close !== null) throw new FrontendError(5, 'workflow execution already completed');
    return run;
  }

  async #answer(received: Received): Promise<JsonObject> {
    this.received.push(received);
    if (!(await this.before(received))) throw new Cut();
    const { message } = received;
    const execution = (message.execution ?? message.workflowExecution ?? {}) as JsonObject;
    switch (received.method) {
      case 'StartWorkflowExecution':
        return this.#start(message);
      case 'DescribeWorkflowExecution':
        return this.#describe(execution);
      case 'GetWorkflowExecutionHistory':
        return await this.#history(execution, message.waitNewEvent === true || message.waitNewEvent === 'true');
      case 'QueryWorkflow': {
        const answer = await this.answerQuery(String((message.query as JsonObject).queryType));
        return { queryResult: { payloads: [payload(answer)] } };
      }
      case 'UpdateWorkflowExecution': {
        const { meta, input } = message.request as { meta: JsonObject; input: JsonObject };
        const { updates } = this.#live(execution);
        const id = String(meta.updateId);
        const answer = updates.get(id) ?? this.answerUpdate(String(input.name), valuesOf(input.args));
        updates.set(id, answer);
        return outcomeOf(answer);
      }
      case 'PollWorkflowExecutionUpdate': {
        const { workflowExecution, updateId } = message.updateRef as JsonObject;
        const known = this.#run(workflowExecution as JsonObject).updates.get(String(updateId));
        if (known === undefined) throw new FrontendError(5, 'update not found');
        return outcomeOf(known);
      }
      case 'SignalWorkflowExecution':
        this.#live(execution).updates.set(String(message.requestId), valuesOf(message.input));
        return {};
      case 'RequestCancelWorkflowExecution':
        this.#live(execution);
        return {};
      case 'TerminateWorkflowExecution':
        this.#live(execution);
        this.end(String(execution.workflowId), event('TERMINATED', 'Terminated', { reason: message.reason ?? '' }));
        return {};
      default:
        throw new FrontendError(12, `unknown method ${received.method}`);
    }
  }

  #start(message: JsonObject): JsonObject {
    const id = String(message.workflowId);
    const known = this.workflows.get(id);
    const runId = known?.runs[0]?.runId ?? randomUUID();
    if (known === undefined)
      this.workflows.set(id, { start: message, runs: [{ runId, close: null, updates: new Map() }] });
    else if (known.start.requestId !== message.requestId || known.runs.length > 1)
      throw new FrontendError(6, 'Workflow execution already started', {
        startRequestId: String(known.start.requestId),
        runId: this.#newest(id).runId,
      });
    return { runId, started: known === undefined };
  }

  #describe(execution: JsonObject): JsonObject {
    const { runId, close } = this.#run(execution);
    const { start } = this.#workflow(String(execution.workflowId));
    const status = close === null ? 'RUNNING' : String(close.eventType).replace('EVENT_TYPE_WORKFLOW_EXECUTION_', '');
    return {
      workflowExecutionInfo: {
        execution: { workflowId: execution.workflowId ?? null, runId },
        type: start.workflowType ?? null,
        startTime: '2026-11-27T10:00:00Z',
        status: `WORKFLOW_EXECUTION_STATUS_${status}`,
        taskQueue: (start.taskQueue as JsonObject).name ?? null,
      },
      pendingActivities: this.pendingActivities,
      ...(this.pendingWorkflowTask === null ? {} : { pendingWorkflowTask: this.pendingWorkflowTask }),
    };
  }

  async #history(execution: JsonObject, isHeld: boolean): Promise<JsonObject> {
    // A held call stays with the run that it found.
    const run = this.#run(execution);
    const patience = AbortSignal.timeout(this.holdMs);
    while (isHeld && run.close === null && !patience.aborted)
      await once(this.#changed, 'change', { signal: patience }).catch(() => null);
    if (run.close !== null) return { history: { events: [run.close] } };
    return isHeld
      ? { history: { events: [] }, nextPageToken: 'AQ==' }
      : { history: { events: [{ eventId: '1', eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED' }] } };
  }

  async #overHttp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://x');
    const [, , , , namespace = '', , workflowId = '', verb = '', name = ''] = url.pathname
      .split('/')
      .map(decodeURIComponent);
    const text = (await buffer(request)).toString();
    const body = text === '' ? {} : (JSON.parse(text) as JsonObject);
    const { 'execution.runId': runId, ...query } = Object.fromEntries(url.searchParams);
    const at = { workflowId, ...(runId === undefined ? {} : { runId }) };
    const methods: Readonly<Record<string, readonly [string, JsonObject]>> = {
      'GET ': ['DescribeWorkflowExecution', { execution: at }],
      'GET history': ['GetWorkflowExecutionHistory', { ...query, execution: at }],
      'POST ': ['StartWorkflowExecution', { ...body, workflowId }],
      'POST query': ['QueryWorkflow', { ...body, query: { queryType: name } }],
      'POST signal': ['SignalWorkflowExecution', { ...body, signalName: name }],
      'POST update': ['UpdateWorkflowExecution', body],
      'POST cancel': ['RequestCancelWorkflowExecution', body],
      'POST terminate': ['TerminateWorkflowExecution', body],
    };
    const [method, message] = methods[`${request.method} ${verb}`] ?? ['?', {}];
    const received = { method, message: { ...message, namespace }, headers: request.headers };
    try {
      const answer = await this.#answer(received);
      if (!(await this.after(received))) return void request.socket.destroy();
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    } catch (error) {
      if (error instanceof Cut) return void request.socket.destroy();
      if (!(error instanceof FrontendError)) throw error;
      const { code, message, detail } = error;
      const details =
        detail === null
          ? []
          : [{ '@type': `type.googleapis.com/temporal.api.errordetails.v1.${detailName}`, ...detail }];
      response.writeHead(httpStatus[code] ?? 500, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ code, message, details }));
    }
  }

  async #overGrpc(stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>): Promise<void> {
    stream.on('error', () => {});
    const method = String(headers[':path']).split('/').at(-1) ?? '';
    const framed = await buffer(stream).catch(() => null);
    if (framed === null) return;
    const message = decodeMessage(temporalSchema, `${method}Request`, framed.subarray(5));
    const received = { method, message, headers };
    const respond = (bytes: Uint8Array | null, trailers: Readonly<Record<string, string>>) => {
      if (stream.destroyed) return;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers(trailers));
      stream.end(bytes ?? undefined);
    };
    try {
      const bytes = encodeMessage(temporalSchema, `${method}Response`, await this.#answer(received));
      if (!(await this.after(received))) return void stream.session?.destroy();
      const frame = Buffer.alloc(5);
      frame.writeUInt32BE(bytes.byteLength, 1);
      respond(Buffer.concat([frame, bytes]), { 'grpc-status': '0' });
    } catch (error) {
      if (error instanceof Cut) return void stream.session?.destroy();
      if (!(error instanceof FrontendError)) throw error;
      const { code, message, detail } = error;
      const value = detail && Buffer.from(encodeMessage(temporalSchema, detailName, detail)).toString('base64');
      const typeUrl = `type.googleapis.com/temporal.api.errordetails.v1.${detailName}`;
      const details = value === null ? [] : [{ typeUrl, value }];
      const status = Buffer.from(encodeMessage(temporalSchema, 'Status', { code, message, details }));
      respond(null, {
        'grpc-status': String(code),
        'grpc-message': encodeURIComponent(message),
        'grpc-status-details-bin': status.toString('base64'),
      });
    }
  }
}

const detailName = 'WorkflowExecutionAlreadyStartedFailure';

function outcomeOf(answer: Json): JsonObject {
  const stage = 'UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED';
  if (typeof answer === 'string' && answer.startsWith('no'))
    return { stage, outcome: { failure: { message: 'Update failed', cause: { message: answer } } } };
  return { stage, outcome: { success: { payloads: [payload(answer)] } } };
}
