import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import type { SandboxRun } from '../run-table.ts';
import type { Reply } from '../wire-host.ts';
import { bearerOf, type StandIn } from './stand-in.ts';
import { isoTime, outputOf, questionOf, reasonOf, type Show, textOf, type VendorRuns, wordOf } from './vendor-runs.ts';

const words = {
  queued: 'TASK_STATE_SUBMITTED',
  running: 'TASK_STATE_WORKING',
  asking: 'TASK_STATE_INPUT_REQUIRED',
  completed: 'TASK_STATE_COMPLETED',
  failed: 'TASK_STATE_FAILED',
  canceled: 'TASK_STATE_CANCELED',
};
const maxListed = 100;

/** Codes of the protocol for what HTTP would say; other refusals are internal errors. */
const codes: Readonly<Record<number, number>> = { 400: -32602, 401: -32600, 404: -32001, 405: -32601, 409: -32002 };

const taskOf = ((run, view): JsonObject => {
  const said = reasonOf(view) ?? questionOf(view)?.question ?? null;
  const timestamp = isoTime(view.kind === 'completed' ? view.endedAtMs : run.startedAtMs);
  const message = { messageId: `${run.runId}-status`, role: 'ROLE_AGENT', parts: [partOf(said)] };
  return {
    id: run.runId,
    contextId: run.labels.contextId ?? null,
    status: { state: wordOf(words, view), timestamp, ...(said === null ? {} : { message }) },
    artifacts: view.kind === 'completed' ? [{ artifactId: 'answer', parts: [partOf(textOf(outputOf(view)))] }] : [],
    history: run.labels.message === undefined ? [] : [run.labels.message],
  };
}) satisfies Show;

function partOf(value: Json): JsonObject {
  return typeof value === 'string' ? { text: value } : { data: value };
}

/** A message whose only part is data is that, any other is its text. */
function readMessage({ parts }: JsonObject): Json {
  const read = Array.isArray(parts) ? parts.filter(isJsonObject) : [];
  const data = read.find((part) => part.data !== undefined)?.data;
  if (data !== undefined) return data;
  const text = read.map((part) => (typeof part.text === 'string' ? part.text : '')).join('');
  return { message: text };
}

type Call = { readonly agent: string; readonly params: JsonObject };

function send(runs: VendorRuns, { agent, params }: Call): Reply {
  const { message } = params;
  if (!isJsonObject(message)) return runs.refuse(400, 'message is required');
  const { taskId } = message;
  if (typeof taskId === 'string' && taskId !== '') return goOn(runs, runs.find(taskId), readMessage(message));
  const contextId = runs.newId();
  const order = { agent, input: readMessage(message), labels: { contextId, message } };
  return runs.start(order, (run, view) => ({ task: taskOf(run, view) }));
}

function goOn(runs: VendorRuns, run: SandboxRun | null, payload: Json): Reply {
  if (run !== null && !runs.answer(run, readApproval(payload))) return runs.refuse(409, 'the task asks for nothing');
  return runs.show(run, (known, view) => ({ task: taskOf(known, view) }));
}

/** "yes" says as much as `{"approved": true}`. */
function readApproval(payload: Json): Json {
  const text = isJsonObject(payload) ? payload.message : undefined;
  return typeof text === 'string' ? { approved: /^(yes|ok|true)\b/i.test(text), text } : payload;
}

function call(runs: VendorRuns, method: Json | undefined, { agent, params }: Call): Reply {
  const run = (): SandboxRun | null => runs.find(typeof params.id === 'string' ? params.id : '');
  switch (method) {
    case 'SendMessage':
      return send(runs, { agent, params });
    case 'GetTask':
      return runs.observe(run(), taskOf);
    case 'CancelTask':
      return runs.cancel(run(), taskOf, () => runs.refuse(409, 'the task has ended'));
    case 'ListTasks': {
      const tasks = runs.listNewest(maxListed).map((each) => taskOf(each, runs.viewOf(each)));
      return { status: 200, body: { tasks, nextPageToken: '', pageSize: maxListed, totalSize: tasks.length } };
    }
    default:
      return runs.refuse(405, 'Method not found');
  }
}

/** In the envelope of JSON-RPC, whose errors are answers like any other. */
function wrap(id: Json, { status, body, fault }: Reply): Reply {
  const content = isJsonObject(body) && body.error !== undefined ? body : { result: body };
  return { status: status === 401 ? status : 200, body: { jsonrpc: '2.0', id, ...content }, fault: fault ?? null };
}

/** Agents that speak A2A 1.0 over JSON-RPC, each below its name, which is a script. */
export const a2a: StandIn = {
  vendor: 'a2a',
  keyOf: bearerOf,
  encodeError: (status, message) => ({ error: { code: codes[status] ?? -32603, message } }),
  newId: 'uuid',
  routes: (runs) => ({
    'POST /{agent}': [
      'start',
      ({ parts: { agent = '' }, body }) => {
        const { id = null, method, params = {} } = isJsonObject(body) ? body : {};
        return wrap(id, call(runs, method, { agent, params: isJsonObject(params) ? params : {} }));
      },
    ],
  }),
};
