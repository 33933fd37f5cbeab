import { z } from 'zod';
import type { Api } from '../../contract/api/api.ts';
import type { Operation } from '../../contract/api/protocol.ts';
import type { CancelOptions } from '../../contract/api/runs.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Run } from '../../contract/domain/run.ts';
import { answersOf, done, success } from '../shared/answer-schemas.ts';
import { emptyAnswer, jsonAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing, threadRunParams } from '../shared/requests.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import { encodeRun } from './encode.ts';
import { selectionOf } from './run-list.ts';
import { findRun } from './run-operations.ts';
import type { RunRequests } from './run-requests.ts';
import { type Begun, begin } from './run-start.ts';
import { answers } from './schemas.ts';

/** Runs that one request cancels at most; a request that is sent again cancels the next ones. */
const maxCancelled = 1000;

/** The operations on many runs, and those that end them. */
export function createCancelOperations(requests: RunRequests): readonly Operation[] {
  const { ErrorResponse: error, Run: run } = answers;
  return [
    operation({
      id: 'cancel_thread_run',
      method: 'POST',
      path: '/threads/:thread_id/runs/:run_id/cancel',
      summary: 'Cancel Run',
      params: threadRunParams,
      query: requests.cancel,
      body: noBody,
      answers: answersOf(error, { 202: { description: 'The run is cancelled' }, ...done }, [404, 422]),
      handle: async (api, request) => {
        const { wait, action } = request.query;
        await api.runs.cancel(keyOf(await findRun(api, request)), { action, wait });
        return wait ? emptyAnswer : { kind: 'empty', status: 202 };
      },
    }),
    operation({
      id: 'cancel_runs',
      method: 'POST',
      path: '/runs/cancel',
      summary: 'Cancel Runs',
      description: `Cancels runs of a thread by their ids, or all live runs of a status, up to ${maxCancelled} with one request. Those that have ended stay as they are.`,
      params: nothing,
      query: requests.cancelManyQuery,
      body: requests.cancelMany,
      answers: answersOf(error, done, [404, 422]),
      countsAsStream: true,
      handle: async (api, { body, query, tenant }) => {
        const found =
          body.status === undefined || body.status === null
            ? await findNamed(api, { tenant, threadId: body.thread_id, runIds: body.run_ids })
            : await findLive(api, { tenant, ...body, status: body.status });
        for (const each of found) await end(api, each, { action: query.action, wait: false });
        return emptyAnswer;
      },
    }),
    operation({
      id: 'create_run_batch',
      method: 'POST',
      path: '/runs/batch',
      summary: 'Create a Batch of Runs',
      description:
        'Creates runs without a thread, in the order of the list. If one of them is refused, those before it are cancelled and the request is refused.',
      params: nothing,
      query: nothing,
      body: requests.batch,
      takes: ['Idempotency-Key'],
      answers: answersOf(error, success(z.array(run)), [404, 409, 422]),
      countsAsStream: true,
      handle: async (api, { body: creations, tenant, idempotencyKey: key }) => {
        const begun: Begun[] = [];
        try {
          for (const [at, body] of creations.entries()) {
            const idempotencyKey = key === undefined ? undefined : `${key}.${at}`;
            begun.push(await begin(api, { body, tenant, idempotencyKey, threadId: null }));
          }
        } catch (refusal) {
          const made = begun.filter(({ replayed }) => !replayed);
          for (const { run: each } of made) await end(api, each, { action: 'interrupt', wait: false });
          throw refusal;
        }
        return jsonAnswer(begun.map((each) => encodeRun(each.run)));
      },
    }),
  ];
}

type Named = { readonly tenant: string; readonly threadId: string; readonly runIds: readonly string[] };

/** Throws `run_not_found` for one that is no run of the thread, before any is cancelled. */
async function findNamed(
  api: Api,
  { tenant, threadId, runIds }: Named,
): Promise<readonly Pick<Run, 'tenant' | 'runId'>[]> {
  const found: Run[] = [];
  for (const runId of runIds)
    found.push(await findRun(api, { tenant, params: { thread_id: threadId, run_id: runId } }));
  return found;
}

type Live = {
  readonly tenant: string;
  readonly status: 'pending' | 'running' | 'all';
  readonly thread_id?: string | null | undefined;
  readonly run_ids?: readonly string[] | null | undefined;
};

async function findLive(api: Api, query: Live): Promise<readonly Pick<Run, 'tenant' | 'runId'>[]> {
  const { tenant, status, thread_id: threadId, run_ids: runIds } = query;
  const selection = status === 'all' ? { status: 'pending' as const } : selectionOf(status);
  const search = { tenant, threadId: threadId ?? undefined, omitInput: true, limit: maxCancelled, offset: 0 };
  const found: Pick<Run, 'tenant' | 'runId'>[] = [];
  for await (const { rows } of api.runs.search({ ...search, ...selection }))
    found.push(...rows.filter(({ runId }) => runIds?.includes(runId) ?? true));
  return found;
}

/** A run may be removed while others are cancelled. */
async function end(api: Api, { tenant, runId }: Pick<Run, 'tenant' | 'runId'>, options: CancelOptions): Promise<void> {
  try {
    await api.runs.cancel({ tenant, runId }, options);
  } catch (error) {
    if (!(error instanceof GatewayError && error.code === 'run_not_found')) throw error;
  }
}
