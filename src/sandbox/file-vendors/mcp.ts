import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import type { Operation } from '../faults.ts';
import type { Headers, Reply } from '../wire-host.ts';
import { type Asked, bearerOf, type StandIn } from './stand-in.ts';
import { isoTime, outputOf, questionOf, reasonOf, type Show, textOf, type VendorRuns, wordOf } from './vendor-runs.ts';

const revision = '2026-07-28';
const words = {
  ...{ queued: 'working', running: 'working', asking: 'input_required' },
  // A tool that ran and failed has a result that says so.
  ...{ completed: 'completed', failed: 'completed', canceled: 'cancelled' },
};
/** The key of the one question that a script asks at a time. */
const question = 'approval';
const approval = { type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] };

const operations: Readonly<Record<string, Operation>> = {
  'tools/call': 'start',
  'tasks/get': 'observe',
  'tasks/update': 'event',
  'tasks/cancel': 'event',
};

const invalidParams = -32_602;
const methodNotFound = -32_601;

const showTask = ((run, view): JsonObject => {
  const asked = questionOf(view);
  const result: JsonObject = view.kind === 'completed' || view.kind === 'failed' ? { result: resultOf(view) } : {};
  const requests = { [question]: { method: 'elicitation/create', params: elicitationOf(asked) } };
  return {
    taskId: run.runId,
    status: wordOf(words, view),
    ...(view.kind === 'canceled' ? { statusMessage: reasonOf(view) } : {}),
    createdAt: isoTime(run.startedAtMs),
    lastUpdatedAt: isoTime(run.startedAtMs),
    ttlMs: 600_000,
    pollIntervalMs: 20,
    ...result,
    ...(asked === null ? {} : { inputRequests: requests }),
  };
}) satisfies Show;

function resultOf(view: Parameters<typeof outputOf>[0]): JsonObject {
  const reason = reasonOf(view);
  const output = outputOf(view);
  const content = [{ type: 'text', text: reason ?? textOf(output) }];
  if (reason !== null) return { content, isError: true };
  return isJsonObject(output) ? { content, structuredContent: output } : { content };
}

function elicitationOf(asked: JsonObject | null): JsonObject {
  return { mode: 'form', message: asked?.question ?? null, requestedSchema: approval };
}

/** A server of MCP whose tools are the scripts; each call is a task. */
export const mcp: StandIn = {
  vendor: 'mcp',
  keyOf: bearerOf,
  encodeError: (_status, message) => ({ jsonrpc: '2.0', id: null, error: { code: -32_000, message } }),
  newId: 'uuid',
  routes: (runs) => ({ 'POST /': [operationOf, (asked) => answer(runs, asked)] }),
};

function operationOf(headers: Headers): Operation {
  return operations[String(headers['mcp-method'])] ?? 'other';
}

function answer(runs: VendorRuns, { body }: Asked): Reply {
  if (!isJsonObject(body) || typeof body.method !== 'string') return runs.refuse(400, 'no message of JSON-RPC');
  const { id = null, method } = body;
  const params = isJsonObject(body.params) ? body.params : {};
  const reply = call(runs, method, params);
  // What the vendor does not know it says in an answer: 404 would be about the address.
  const isUnknown = reply.status === 404;
  if (isUnknown) return { ...reply, status: 200, body: fault(id, invalidParams, 'there is no such tool or task') };
  return reply.status === 200 && !holdsError(reply.body)
    ? { ...reply, body: { jsonrpc: '2.0', id, result: reply.body } }
    : { ...reply, body: isJsonObject(reply.body) ? { ...reply.body, id } : reply.body };
}

function call(runs: VendorRuns, method: string, params: JsonObject): Reply {
  const task = () => runs.find(String(params.taskId));
  switch (method) {
    case 'server/discover':
      return { status: 200, body: { supportedVersions: [revision], capabilities: { tools: {} } } };
    case 'tools/call': {
      const { name, arguments: input = {} } = params;
      return runs.start({ agent: String(name), input }, (run, view) => ({
        resultType: 'task',
        ...showTask(run, view),
      }));
    }
    case 'tasks/get':
      return runs.observe(task(), showTask);
    case 'tasks/update':
      return update(runs, params);
    case 'tasks/cancel':
      return runs.cancel(task(), () => ({}));
    default:
      return { status: 200, body: fault(null, methodNotFound, 'the sandbox has no such method') };
  }
}

function update(runs: VendorRuns, { taskId, inputResponses }: JsonObject): Reply {
  const run = runs.find(String(taskId));
  if (run === null) return runs.refuse(404, 'the task is not known');
  const response = isJsonObject(inputResponses) ? inputResponses[question] : undefined;
  if (!isJsonObject(response)) return { status: 200, body: fault(null, invalidParams, 'answers no question') };
  if (response.action !== 'accept') return runs.cancel(run, () => ({}));
  const isTaken = runs.answer(run, response.content ?? {});
  return { status: 200, body: isTaken ? {} : fault(null, invalidParams, 'the task waits for nothing') };
}

function fault(id: Json, code: number, message: string): JsonObject {
  return { jsonrpc: '2.0', id, error: { code, message } };
}

function holdsError(body: Json): boolean {
  return isJsonObject(body) && body.jsonrpc === '2.0';
}
