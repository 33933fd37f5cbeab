import { z } from 'zod';
import type { Api } from '../../contract/api/api.ts';
import type { Operation } from '../../contract/api/protocol.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Thread, ThreadFilter, ThreadKey } from '../../contract/domain/thread.ts';
import { answersOf, done, eventStream, success } from '../shared/answer-schemas.ts';
import { emptyAnswer, jsonAnswer, listAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing, threadParams } from '../shared/requests.ts';
import { answers } from './schemas.ts';
import { decodeValues } from './state-update.ts';
import { encodeThread, encodeThreads, shows } from './thread-encode.ts';
import { sortOf, type ThreadRequests } from './thread-requests.ts';
import { followThread } from './thread-stream.ts';

/** Threads, without their states. */
export function createThreadOperations(requests: ThreadRequests): readonly Operation[] {
  const { ErrorResponse: error, Thread: thread, ThreadMembers: selected } = answers;
  return [
    operation({
      id: 'create_thread',
      method: 'POST',
      path: '/threads',
      summary: 'Create Thread',
      description:
        'Creates a thread, with the states of `supersteps` if there are any. `if_exists` says what happens where there is one with the id.',
      params: nothing,
      query: nothing,
      body: requests.create,
      answers: answersOf(error, success(thread), [409, 422]),
      handle: async (api, { body, tenant }) => {
        const { thread_id: threadId, metadata, if_exists: ifExists, supersteps } = body;
        const steps = (supersteps ?? []).flatMap(({ updates }) => updates).map(({ values }) => decodeValues(values));
        const command = {
          tenant,
          threadId: threadId ?? undefined,
          metadata: metadata ?? {},
          ifExists: ifExists ?? 'raise',
        };
        const made = await api.threads.create(command);
        let now: Thread = made;
        for (const step of steps) now = await api.threads.patch(keyOf(made), { ...step, mode: 'merge' });
        return jsonAnswer(await encodeThread(api, now));
      },
    }),
    operation({
      id: 'search_threads',
      method: 'POST',
      path: '/threads/search',
      summary: 'Search Threads',
      description:
        'Lists threads by ids, metadata, values and status, in the order of `sort_by`, page by page. An empty body lists all of them, newest first. `X-Pagination-Total` is how many there are up to the end of the page, and one more where more may follow.',
      params: nothing,
      query: nothing,
      body: requests.search,
      answers: answersOf(error, success(z.array(selected)), [422]),
      countsAsStream: true,
      handle: async (api, { body, tenant }) => {
        const { limit, offset } = body;
        const omitState = !shows(body, 'values');
        const found = api.threads.search({ ...filterOf(tenant, body), sort: sortOf(body), omitState, limit, offset });
        const answer = listAnswer(found, () => null, { limit, offset });
        // As LangGraph's server counts: one more where more may follow, because counting them all costs as much as reading them.
        const total = (count: number, mayContinue: boolean): number => offset + count + Number(mayContinue);
        return { ...answer, total, rows: encodeThreads(api, found, body) };
      },
    }),
    operation({
      id: 'count_threads',
      method: 'POST',
      path: '/threads/count',
      summary: 'Count Threads',
      description: 'Counts the threads that a search with the same filters finds.',
      params: nothing,
      query: nothing,
      body: requests.count,
      answers: answersOf(error, success(z.int().min(0)), [422]),
      handle: async (api, { body, tenant }) => jsonAnswer(await api.threads.count(filterOf(tenant, body))),
    }),
    operation({
      id: 'prune_threads',
      method: 'POST',
      path: '/threads/prune',
      summary: 'Prune Threads',
      description:
        'Deletes several threads. Those that are not there, and those with a run that is live, are left out of the count.',
      params: nothing,
      query: nothing,
      body: requests.prune,
      answers: answersOf(error, success(z.object({ pruned_count: z.int().min(0) })), [422]),
      countsAsStream: true,
      handle: async (api, { body, tenant }) => {
        let pruned = 0;
        for (const threadId of new Set(body.thread_ids)) pruned += Number(await remove(api, { tenant, threadId }));
        return jsonAnswer({ pruned_count: pruned });
      },
    }),
    operation({
      id: 'get_thread',
      method: 'GET',
      path: '/threads/:thread_id',
      summary: 'Get Thread',
      params: threadParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(thread), [404, 422]),
      handle: async (api, { params, tenant }) =>
        jsonAnswer(await encodeThread(api, await api.threads.get({ tenant, threadId: params.thread_id }))),
    }),
    operation({
      id: 'patch_thread',
      method: 'PATCH',
      path: '/threads/:thread_id',
      summary: 'Patch Thread',
      description: 'Merges metadata into that of the thread.',
      params: threadParams,
      query: nothing,
      body: requests.patch,
      answers: answersOf(error, success(thread), [404, 422]),
      handle: async (api, { params, body: { metadata }, tenant }) => {
        const key = { tenant, threadId: params.thread_id };
        const now =
          metadata === undefined || metadata === null
            ? await api.threads.get(key)
            : await api.threads.patch(key, { metadata, mode: 'merge' });
        return jsonAnswer(await encodeThread(api, now));
      },
    }),
    operation({
      id: 'delete_thread',
      method: 'DELETE',
      path: '/threads/:thread_id',
      summary: 'Delete Thread',
      params: threadParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, done, [404, 409, 422]),
      handle: async (api, { params, tenant }) => {
        await api.threads.delete({ tenant, threadId: params.thread_id });
        return emptyAnswer;
      },
    }),
    operation({
      id: 'join_thread_stream',
      method: 'GET',
      path: '/threads/:thread_id/stream',
      summary: 'Join Thread Stream',
      description:
        "Streams the runs of the thread one after the other, those to come too: `run_modes` has each in the modes that it was made with, `lifecycle` their beginnings and ends alone, `state_update` the states that clients write. It begins with the thread's oldest live run, or after `Last-Event-ID`, where `-1` is the beginning of the thread.",
      params: threadParams,
      query: requests.stream,
      body: noBody,
      takes: ['Last-Event-ID'],
      answers: answersOf(error, eventStream(answers.StreamData), [404, 422]),
      handle: async (api, { params, query, tenant, lastSeen }) => {
        const asked = query.stream_mode ?? query.stream_modes ?? [];
        const modes = asked.length === 0 ? (['run_modes'] as const) : asked;
        return await followThread(api, { tenant, threadId: params.thread_id }, { modes, lastSeen });
      },
    }),
    operation({
      id: 'copy_thread',
      method: 'POST',
      path: '/threads/:thread_id/copy',
      summary: 'Copy Thread',
      params: threadParams,
      query: nothing,
      // The SDKs send none, or an empty one.
      body: z.looseObject({}).optional(),
      answers: answersOf(error, success(thread), [404, 422]),
      handle: async (api, { params, tenant }) =>
        jsonAnswer(await encodeThread(api, await api.threads.copy({ tenant, threadId: params.thread_id }))),
    }),
  ];
}

function keyOf({ tenant, threadId }: Thread): ThreadKey {
  return { tenant, threadId };
}

type Filter = { readonly [Name in Exclude<keyof ThreadFilter, 'tenant'>]?: ThreadFilter[Name] | null };

function filterOf(tenant: string, { ids, metadata, values, status }: Filter): ThreadFilter {
  return {
    tenant,
    ids: ids ?? undefined,
    metadata: metadata ?? undefined,
    values: values ?? undefined,
    status: status ?? undefined,
  };
}

/** False: it is not there, or has a live run. */
async function remove(api: Api, key: ThreadKey): Promise<boolean> {
  try {
    await api.threads.delete(key);
    return true;
  } catch (error) {
    if (error instanceof GatewayError && ['thread_not_found', 'thread_busy'].includes(error.code)) return false;
    throw error;
  }
}
