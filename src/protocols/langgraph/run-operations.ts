import { z } from 'zod';
import type { Api } from '../../contract/api/api.ts';
import type { Answer, Decoded, Operation } from '../../contract/api/protocol.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Run } from '../../contract/domain/run.ts';
import { answersOf, done, eventStream, streamOver, success } from '../shared/answer-schemas.ts';
import { creationAnswer, emptyAnswer, jsonAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing, threadParams, threadRunParams } from '../shared/requests.ts';
import { streamModesOf } from '../shared/run-create.ts';
import { awaitEnd, keyOf } from '../shared/wait-and-stream.ts';
import { encodeRun } from './encode.ts';
import { answerWait } from './run-answers.ts';
import { listRuns } from './run-list.ts';
import { isStreamMode, type RunBody, type RunRequests, type StreamMode } from './run-requests.ts';
import { type Begun, begin } from './run-start.ts';
import { followRun, headersOf } from './run-stream.ts';
import { answers } from './schemas.ts';

type Creation<Params> = Decoded<Params, unknown, RunBody>;

/** Where runs are made: in a thread, or on their own. */
type Site<Params> = {
  readonly path: string;
  /** The site in the operations' ids. */
  readonly noun: string;
  readonly title: string;
  readonly params: z.ZodType<Params>;
  readonly body: z.ZodType<RunBody>;
  threadOf(params: Params): string | null;
};

const descriptions = {
  create:
    'Creates a run of the assistant and answers once it is stored, or answers what the run of the thread asks (`command.resume`).',
  wait: 'The same, answered with the values when the run has ended or asks something: `__interrupt__` has the question, `__error__` the failure.',
  stream:
    'The same, answered with the events of the run. `Location` has the path under which a reader that was cut off goes on.',
} as const;

/** The operations that make runs, and those of the runs of a thread. */
export function createRunOperations(requests: RunRequests): readonly Operation[] {
  return [
    ...createCreations({
      ...{ path: '/threads/:thread_id/runs', noun: 'thread_run', title: 'Run of a Thread' },
      ...{ params: threadParams, body: requests.stateful },
      threadOf: ({ thread_id: threadId }) => threadId,
    }),
    ...createReads(requests),
    ...createCreations({
      ...{ path: '/runs', noun: 'stateless_run', title: 'Run without a Thread' },
      ...{ params: nothing, body: requests.stateless },
      threadOf: () => null,
    }),
  ];
}

function createCreations<Params>({ path, noun, title, params, body, threadOf }: Site<Params>): readonly Operation[] {
  const { ErrorResponse: error, Run: run, RunValues: values, StreamData: data } = answers;
  const start = (api: Api, request: Creation<Params>): Promise<Begun> => {
    const { body: asked, tenant, idempotencyKey } = request;
    return begin(api, { body: asked, tenant, idempotencyKey, threadId: threadOf(request.params) });
  };
  const shared = { method: 'POST', params, query: nothing, body, takes: ['Idempotency-Key'] } as const;
  return [
    operation({
      ...shared,
      id: `create_${noun}`,
      path,
      summary: `Create a Background ${title}`,
      description: descriptions.create,
      answers: answersOf(error, success(run), [404, 409, 422]),
      handle: async (api, request): Promise<Answer> => {
        const begun = await start(api, request);
        return { ...creationAnswer(begun, encodeRun(begun.run)), headers: headersOf(begun.run) };
      },
    }),
    operation({
      ...shared,
      id: `stream_${noun}`,
      path: `${path}/stream`,
      summary: `Create a ${title}, Stream Output`,
      description: descriptions.stream,
      answers: answersOf(error, eventStream(data), [404, 409, 422]),
      handle: async (api, request) => {
        const { run: begun, replayed, afterSeq, isEnded } = await start(api, request);
        const { stream_mode: asked, on_disconnect: onDisconnect } = request.body;
        const modes = [asked ?? 'values'].flat();
        const from = { afterSeq };
        return await followRun(api, begun, {
          ...{ modes, from, replayed, isEnded },
          onDisconnect: onDisconnect ?? 'continue',
        });
      },
    }),
    operation({
      ...shared,
      id: `wait_${noun}`,
      path: `${path}/wait`,
      summary: `Create a ${title}, Wait for Output`,
      description: descriptions.wait,
      answers: answersOf(error, success(values), [404, 409, 422]),
      countsAsStream: true,
      handle: async (api, request) => {
        const { run: begun, ...about } = await start(api, request);
        const leaving = request.body.on_disconnect ?? 'continue';
        return await answerWait(api, await waitFor(api, begun, leaving === 'cancel', request), about);
      },
    }),
  ];
}

/** The run at its end, or as it is when the client has left. */
async function waitFor(
  api: Api,
  run: Run,
  endsWithClient: boolean,
  client: Pick<Decoded<unknown, unknown, unknown>, 'signal' | 'clientLeft'>,
): Promise<Run> {
  const ended = await awaitEnd(api, keyOf(run), client);
  if (ended.status === 'pending' && endsWithClient && client.clientLeft())
    return await api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
  return ended;
}

function createReads(requests: RunRequests): readonly Operation[] {
  const { ErrorResponse: error, Run: run, RunMembers: members, RunValues: values, StreamData: data } = answers;
  const path = '/threads/:thread_id/runs/:run_id';
  const shared = { params: threadRunParams, query: nothing, body: noBody } as const;
  return [
    operation({
      id: 'list_thread_runs',
      method: 'GET',
      path: '/threads/:thread_id/runs',
      summary: 'List Runs of a Thread',
      params: threadParams,
      query: requests.list,
      body: noBody,
      answers: answersOf(error, success(z.array(members)), [404, 422]),
      countsAsStream: true,
      handle: async (api, { params, query, tenant }) => {
        const { threadId } = await api.threads.get({ tenant, threadId: params.thread_id });
        return listRuns(api, { tenant, threadId, ...query });
      },
    }),
    operation({
      ...shared,
      id: 'get_thread_run',
      method: 'GET',
      path,
      summary: 'Get Run',
      answers: answersOf(error, success(run), [404, 422]),
      handle: async (api, request) => jsonAnswer(encodeRun(await findRun(api, request))),
    }),
    operation({
      ...shared,
      id: 'delete_thread_run',
      method: 'DELETE',
      path,
      summary: 'Delete Run; one that is live is cancelled first',
      answers: answersOf(error, done, [404, 422]),
      handle: async (api, request) => {
        await api.runs.delete(keyOf(await findRun(api, request)));
        return emptyAnswer;
      },
    }),
    operation({
      ...shared,
      id: 'join_thread_run',
      method: 'GET',
      path: `${path}/join`,
      summary: 'Wait for a Run',
      description: 'Answers like a wait, when the run has ended or asks something.',
      query: requests.join,
      answers: answersOf(error, success(values), [404, 422]),
      countsAsStream: true,
      handle: async (api, request) => {
        const found = await findRun(api, request);
        return await answerWait(api, await waitFor(api, found, request.query.cancel_on_disconnect, request));
      },
    }),
    operation({
      ...shared,
      id: 'join_thread_run_stream',
      method: 'GET',
      path: `${path}/stream`,
      summary: 'Stream Output of a Run',
      query: requests.stream,
      takes: ['Last-Event-ID'],
      answers: answersOf(error, { ...eventStream(data), ...streamOver }, [404, 422]),
      handle: async (api, request) => await join(api, await findRun(api, request), request),
    }),
    operation({
      ...shared,
      id: 'join_stateless_run_stream',
      method: 'GET',
      path: '/runs/:run_id/stream',
      summary: 'Stream Output of a Run without a Thread',
      params: z.object({ run_id: threadRunParams.shape.run_id }),
      query: requests.stream,
      takes: ['Last-Event-ID'],
      answers: answersOf(error, { ...eventStream(data), ...streamOver }, [404, 422]),
      handle: async (api, request) => {
        const { tenant, params } = request;
        return await join(api, await api.runs.get({ tenant, runId: params.run_id }), request);
      },
    }),
  ];
}

type Join = Decoded<unknown, z.output<RunRequests['stream']>, unknown>;

/** The modes are those of the request, else those that the run was made with, in whichever protocol. */
async function join(api: Api, run: Run, { query, lastSeen }: Join): Promise<Answer> {
  const asked = query.stream_mode ?? streamModesOf(run.request)?.filter(isStreamMode) ?? [];
  const modes: readonly StreamMode[] = asked.length === 0 ? ['values'] : asked;
  const onDisconnect = query.cancel_on_disconnect ? 'cancel' : 'continue';
  return await followRun(api, run, { modes, from: { lastSeen }, onDisconnect });
}

/** A run of the thread. One without a thread is found under its own id, which it shows as its thread's. */
export async function findRun(
  api: Api,
  { params, tenant }: Pick<Decoded<z.output<typeof threadRunParams>, unknown, unknown>, 'params' | 'tenant'>,
): Promise<Run> {
  const run = await api.runs.get({ tenant, runId: params.run_id });
  if ((run.threadId ?? run.runId) !== params.thread_id) throw new GatewayError('run_not_found');
  return run;
}
