import { z } from 'zod';
import { type CallRule, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { ProtobufSchema } from '../../src/contract/wire/protobuf.ts';
import { temporalSchema } from '../../src/contract/wire/temporal.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { decodeMessage, encodeMessage } from '../../src/json/protobuf.ts';
import type { Upstream } from '../../src/upstream/connect.ts';

export const namespace = 'default';
export const taskQueue = 'contract';

/** What the workflows of the probes do. A worker knows them by their type, the stand-in by their input. */
export const plans = {
  Idle: { end: 'never', heedsCancel: false },
  Complete: { ms: 0, result: { greeting: 'Hi' } },
  Fail: { ms: 0, end: 'fail', failure: ['Activity task failed', 'step said no'] },
  Again: { ms: 0, runs: 2, end: 'never' },
} as const satisfies Readonly<Record<string, JsonObject>>;
export type PlanName = keyof typeof plans;

/** A method of the frontend. Rejects with `UpstreamFault`. */
export type Ask = (method: string, message: JsonObject, signal?: AbortSignal) => Promise<JsonObject>;

type AskOptions = {
  readonly schema?: ProtobufSchema;
  /** How long the frontend may hold an answer. */
  readonly holdMs?: number;
};

/** Asks a frontend over gRPC as an adapter does. */
export function askOver(upstream: Upstream, { schema = temporalSchema, holdMs = 30_000 }: AskOptions = {}): Ask {
  const rule: CallRule = { retry: 'safe' };
  return async (method, message, signal) => {
    const { body } = await upstream.client.rpc({
      ...rule,
      purpose: 'probe',
      path: `/temporal.api.workflowservice.v1.WorkflowService/${method}`,
      message: encodeMessage(schema, `${method}Request`, message),
      decode: (bytes) => decodeMessage(schema, `${method}Response`, bytes),
      answer: z.json(),
      holdMs,
      signal,
    });
    return objectOf(body as Json);
  };
}

type Site = { readonly ask: Ask; readonly makeId: () => string };
export type Probe = { readonly name: string; readonly expected: Json; readonly run: (site: Site) => Promise<Json> };

/** What any frontend of Temporal answers. Ids are left out, but for whether they are the same. */
export const probes: readonly Probe[] = [
  {
    name: 'a start gives a run, and the same start again gives the same run',
    expected: { isUuid: true, isSame: true },
    async run({ ask, makeId }) {
      const message = startOf('Idle', makeId());
      const [first, second] = [await start(ask, message), await start(ask, message)];
      return { isUuid: /^[0-9a-f-]{36}$/.test(first), isSame: first === second };
    },
  },
  {
    name: 'a start with another request id is refused, and names the run',
    expected: { code: 6, namesRun: true },
    async run({ ask, makeId }) {
      const message = startOf('Idle', makeId());
      const runId = await start(ask, message);
      return await refusedStart(ask, { ...message, requestId: makeId() }, runId);
    },
  },
  {
    name: 'a description shows a live run',
    expected: { status: 'RUNNING', isSameId: true, isSameRun: true, type: 'Idle', taskQueue },
    async run({ ask, makeId }) {
      const message = startOf('Idle', makeId());
      const runId = await start(ask, message);
      const info = objectOf((await describe(ask, message)).workflowExecutionInfo);
      const execution = objectOf(info.execution);
      return {
        status: wordOf(info.status),
        isSameId: execution.workflowId === message.workflowId,
        isSameRun: execution.runId === runId,
        type: objectOf(info.type).name ?? null,
        taskQueue: info.taskQueue ?? null,
      };
    },
  },
  {
    name: 'a held call is answered without news when the patience of the frontend is over',
    expected: { events: [], isHeld: true },
    async run({ ask, makeId }) {
      const message = startOf('Idle', makeId());
      await start(ask, message);
      const sinceMs = performance.now();
      const { history: list } = await history(ask, message, true);
      return { events: objectOf(list).events ?? [], isHeld: performance.now() - sinceMs >= 250 };
    },
  },
  {
    name: 'a held call brings the result of a run that completes',
    expected: { type: 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED', result: { greeting: 'Hi' } },
    async run({ ask, makeId }) {
      const message = startOf('Complete', makeId());
      await start(ask, message);
      const { eventType = null, workflowExecutionCompletedEventAttributes: close } = await closeOf(ask, message, true);
      const [payload] = objectOf(objectOf(close).result).payloads as readonly JsonObject[];
      const result = JSON.parse(Buffer.from(String(payload?.data), 'base64').toString()) as Json;
      return { type: eventType, result };
    },
  },
  {
    name: 'a held call brings the causes of a run that fails',
    expected: { type: 'EVENT_TYPE_WORKFLOW_EXECUTION_FAILED', messages: ['Activity task failed', 'step said no'] },
    async run({ ask, makeId }) {
      const message = startOf('Fail', makeId());
      await start(ask, message);
      const { eventType = null, workflowExecutionFailedEventAttributes: close } = await closeOf(ask, message, true);
      const { failure } = objectOf(close);
      const cause = objectOf(objectOf(failure).cause);
      return { type: eventType, messages: [objectOf(failure).message ?? null, cause.message ?? null] };
    },
  },
  {
    name: 'a run that continues as new names the next one, which its id leads to',
    expected: { type: 'EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW', isNext: true, status: 'RUNNING', again: 6 },
    async run({ ask, makeId }) {
      const message = startOf('Again', makeId());
      const runId = await start(ask, message);
      const event = await closeOf(ask, message, true, runId);
      const { newExecutionRunId } = objectOf(event.workflowExecutionContinuedAsNewEventAttributes);
      const info = objectOf((await describe(ask, message)).workflowExecutionInfo);
      const isNext = objectOf(info.execution).runId === newExecutionRunId && newExecutionRunId !== runId;
      const again = await codeOf(ask('StartWorkflowExecution', { ...message, requestId: makeId() }));
      return { type: event.eventType ?? null, isNext, status: wordOf(info.status), again };
    },
  },
  {
    name: 'a cancel that no code grants leaves the run running',
    expected: { answer: {}, status: 'RUNNING' },
    async run({ ask, makeId }) {
      const message = startOf('Idle', makeId());
      await start(ask, message);
      const answer = await ask('RequestCancelWorkflowExecution', { ...own(message), requestId: makeId() });
      return { answer, status: await statusOf(ask, message) };
    },
  },
  {
    name: 'a terminated run says so, with the reason',
    expected: { answer: {}, status: 'TERMINATED', reason: 'enough' },
    async run({ ask, makeId }) {
      const message = startOf('Idle', makeId());
      await start(ask, message);
      const answer = await ask('TerminateWorkflowExecution', { ...own(message), reason: 'enough' });
      const event = await closeOf(ask, message, false);
      const { reason = null } = objectOf(event.workflowExecutionTerminatedEventAttributes);
      return { answer, status: await statusOf(ask, message), reason };
    },
  },
  {
    name: 'a start after the end gives the same run to the same request, and refuses another',
    expected: { isSame: true, other: { code: 6, namesRun: true } },
    async run({ ask, makeId }) {
      const message = startOf('Idle', makeId());
      const runId = await start(ask, message);
      await ask('TerminateWorkflowExecution', own(message));
      const isSame = (await start(ask, message)) === runId;
      return { isSame, other: await refusedStart(ask, { ...message, requestId: makeId() }, runId) };
    },
  },
  {
    name: 'a start under a policy that allows it makes another run after the end',
    expected: { isOther: true },
    async run({ ask, makeId }) {
      const message = startOf('Idle', makeId());
      const runId = await start(ask, message);
      await ask('TerminateWorkflowExecution', own(message));
      const allowed = { ...message, requestId: makeId(), workflowIdReusePolicy: `${reuse}ALLOW_DUPLICATE` };
      return { isOther: (await start(ask, allowed)) !== runId };
    },
  },
  {
    name: 'a start that takes what runs gives the run that is there',
    expected: { isSame: true },
    async run({ ask, makeId }) {
      const message = startOf('Idle', makeId());
      const runId = await start(ask, message);
      const workflowIdConflictPolicy = 'WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING';
      const taking = { ...message, requestId: makeId(), workflowIdConflictPolicy };
      return { isSame: (await start(ask, { ...taking, workflowIdReusePolicy: `${reuse}ALLOW_DUPLICATE` })) === runId };
    },
  },
  {
    name: 'a signal to a live run is taken, and one to a run that is over is not',
    expected: { answer: {}, after: 5 },
    async run({ ask, makeId }) {
      const message = startOf('Idle', makeId());
      await start(ask, message);
      const signal = { ...own(message), signalName: 'resume', requestId: makeId() };
      const answer = await ask('SignalWorkflowExecution', signal);
      await ask('TerminateWorkflowExecution', own(message));
      return { answer, after: await codeOf(ask('SignalWorkflowExecution', { ...signal, requestId: makeId() })) };
    },
  },
  {
    name: 'a workflow that is over takes neither an end nor an update',
    expected: [5, 5],
    async run({ ask, makeId }) {
      const message = startOf('Idle', makeId());
      await start(ask, message);
      await ask('TerminateWorkflowExecution', own(message));
      // A cancel is refused by the server, and taken for done by the test server.
      return await codesOf([
        ask('TerminateWorkflowExecution', own(message)),
        ask('UpdateWorkflowExecution', updateOf(message, makeId())),
      ]);
    },
  },
  {
    name: 'a workflow that is not there is not found, whatever is asked',
    expected: [5, 5, 5, 5, 5, 5, 5],
    async run({ ask, makeId }) {
      const message = startOf('Idle', makeId());
      return await codesOf([
        describe(ask, message),
        history(ask, message, false),
        history(ask, message, true),
        ask('RequestCancelWorkflowExecution', { ...own(message), requestId: makeId() }),
        ask('TerminateWorkflowExecution', own(message)),
        ask('SignalWorkflowExecution', { ...own(message), signalName: 'resume', requestId: makeId() }),
        ask('UpdateWorkflowExecution', updateOf(message, makeId())),
      ]);
    },
  },
];

const reuse = 'WORKFLOW_ID_REUSE_POLICY_';

type Start = JsonObject & { readonly workflowId: string; readonly requestId: string };

function startOf(type: PlanName, id: string): Start {
  const data = Buffer.from(JSON.stringify(plans[type])).toString('base64');
  return {
    namespace,
    workflowId: `probe-${id}`,
    requestId: id,
    workflowType: { name: type },
    taskQueue: { name: taskQueue, kind: 'TASK_QUEUE_KIND_NORMAL' },
    input: { payloads: [{ metadata: { encoding: Buffer.from('json/plain').toString('base64') }, data }] },
    workflowIdReusePolicy: `${reuse}REJECT_DUPLICATE`,
    identity: 'probe',
  };
}

async function start(ask: Ask, message: Start): Promise<string> {
  return String((await ask('StartWorkflowExecution', message)).runId);
}

function own({ workflowId }: Start): JsonObject {
  return { namespace, workflowExecution: { workflowId }, identity: 'probe' };
}

function updateOf(message: Start, updateId: string): JsonObject {
  const { identity: _, ...execution } = own(message);
  const lifecycleStage = 'UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED';
  return {
    ...execution,
    waitPolicy: { lifecycleStage },
    request: { meta: { updateId, identity: 'probe' }, input: { name: 'resume' } },
  };
}

async function describe(ask: Ask, { workflowId }: Start): Promise<JsonObject> {
  return await ask('DescribeWorkflowExecution', { namespace, execution: { workflowId } });
}

async function statusOf(ask: Ask, message: Start): Promise<Json> {
  return wordOf(objectOf((await describe(ask, message)).workflowExecutionInfo).status);
}

async function history(ask: Ask, { workflowId }: Start, waitNewEvent: boolean, runId?: string): Promise<JsonObject> {
  const execution: JsonObject = runId === undefined ? { workflowId } : { workflowId, runId };
  const historyEventFilterType = 'HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT';
  return await ask('GetWorkflowExecutionHistory', { namespace, execution, waitNewEvent, historyEventFilterType });
}

async function closeOf(ask: Ask, message: Start, isHeld: boolean, runId?: string): Promise<JsonObject> {
  const { events } = objectOf((await history(ask, message, isHeld, runId)).history);
  return objectOf((events as readonly Json[] | undefined)?.at(-1));
}

/** The request that made the run is named by some servers only. */
async function refusedStart(ask: Ask, message: Start, runId: string): Promise<Json> {
  const fault = await faultOf(ask('StartWorkflowExecution', message));
  const status = decodeMessage(temporalSchema, 'Status', fault.rpc?.details ?? new Uint8Array());
  const [detail] = (status.details ?? []) as readonly JsonObject[];
  const value = Buffer.from(String(detail?.value), 'base64');
  const named = decodeMessage(temporalSchema, 'WorkflowExecutionAlreadyStartedFailure', value).runId;
  return { code: fault.rpc?.code ?? null, namesRun: named === runId };
}

async function faultOf(call: Promise<unknown>): Promise<UpstreamFault> {
  const fault: unknown = await call.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason,
  );
  if (fault instanceof UpstreamFault) return fault;
  throw fault;
}

async function codeOf(call: Promise<unknown>): Promise<number | null> {
  return (await faultOf(call)).rpc?.code ?? null;
}

async function codesOf(calls: readonly Promise<unknown>[]): Promise<Json> {
  return await Promise.all(calls.map(codeOf));
}

function wordOf(status: Json | undefined): string {
  return String(status).replace('WORKFLOW_EXECUTION_STATUS_', '');
}

function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
