import { stringifySmall } from '../../compute/json-writer.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { RunSummary } from '../../contract/domain/run.ts';
import type { RunConditions, RunPlace } from '../../contract/store/store.ts';
import { A2aRefusal } from './errors.ts';
import type { ListParams } from './schemas.ts';
import type { TaskScope } from './task-lookup.ts';

const defaultPageSize = 50;

export type TaskListOptions = {
  /** Of a page, unless it is one task. */
  readonly maxListBytes: number;
  /** Encodes a task of the page. */
  readonly encode: (row: RunSummary) => Promise<JsonObject>;
};

/** A page of the agent's tasks, the ones that changed last first. */
export async function listTasks(scope: TaskScope, params: ListParams, options: TaskListOptions): Promise<JsonObject> {
  const { api } = scope;
  const { pageSize = defaultPageSize, pageToken = '' } = params;
  const conditions = await conditionsOf(scope, params);
  if (conditions === null) return { tasks: [], nextPageToken: '', pageSize, totalSize: 0 };
  const after = pageToken === '' ? undefined : readToken(pageToken);
  const totalSize = await api.runs.count(conditions);
  const tasks: JsonObject[] = [];
  let bytes = 0;
  let last: RunSummary | null = null;
  let isFull = false;
  for await (const { rows } of api.runs.search({
    ...conditions,
    order: 'updated',
    after,
    limit: pageSize,
    offset: 0,
  })) {
    for (const row of rows) {
      const task = await options.encode(row);
      // A task that is too large to be written at once ends the page.
      bytes += stringifySmall(task)?.length ?? options.maxListBytes;
      isFull = last !== null && bytes > options.maxListBytes;
      if (isFull) break;
      tasks.push(task);
      last = row;
    }
    if (isFull) break;
  }
  const hasMore = last !== null && (isFull || tasks.length >= pageSize);
  return { tasks, nextPageToken: hasMore && last !== null ? writeToken(last) : '', pageSize, totalSize };
}

/** Null: no task can be meant. */
async function conditionsOf(
  { api, agent, tenant }: TaskScope,
  { contextId = '', status, statusTimestampAfter }: ListParams,
): Promise<RunConditions | null> {
  const state = stateConditions(status);
  if (state === null) return null;
  const thread = contextId === '' ? null : await api.threads.keyOf(tenant, { name: contextId, agentId: agent.agentId });
  return {
    tenant,
    agentId: agent.agentId,
    ...(thread === null ? {} : { threadId: thread.threadId }),
    ...state,
    // Tasks of this very instant are asked for too.
    ...(statusTimestampAfter === undefined ? {} : { updatedAfterMs: Date.parse(statusTimestampAfter) - 1 }),
  };
}

type StateConditions = Pick<RunConditions, 'phases' | 'statuses' | 'errcodes' | 'notErrcodes'>;

const ownCodes = [errcodes.cancelled, errcodes.startRejected];

function stateConditions(state: ListParams['status']): StateConditions | null {
  switch (state) {
    case undefined:
    case 'TASK_STATE_UNSPECIFIED':
      return {};
    case 'TASK_STATE_SUBMITTED':
      return { phases: ['queued', 'starting'] };
    case 'TASK_STATE_WORKING':
      return { phases: ['running', 'resuming', 'delivering'] };
    case 'TASK_STATE_INPUT_REQUIRED':
      return { phases: ['interrupted'] };
    case 'TASK_STATE_COMPLETED':
      return { statuses: ['success'] };
    case 'TASK_STATE_CANCELED':
      return { errcodes: [errcodes.cancelled] };
    case 'TASK_STATE_REJECTED':
      return { errcodes: [errcodes.startRejected] };
    case 'TASK_STATE_FAILED':
      return { statuses: ['error', 'timeout'], notErrcodes: ownCodes };
    case 'TASK_STATE_AUTH_REQUIRED':
      return null;
    default:
      return assertNever(state);
  }
}

function writeToken({ updatedAtMs, runId }: RunSummary): string {
  return Buffer.from(`${updatedAtMs}.${runId}`).toString('base64url');
}

function readToken(token: string): RunPlace {
  const [, at, runId] = /^(\d{1,15})\.([0-9a-f-]{36})$/.exec(Buffer.from(token, 'base64url').toString('latin1')) ?? [];
  if (at === undefined || runId === undefined)
    throw new A2aRefusal('INVALID_PARAMS', 'is not one that a list gave', 'pageToken');
  return { atMs: Number(at), runId };
}
