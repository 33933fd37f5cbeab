import type { z } from 'zod';
import type { Api } from '../../contract/api/api.ts';
import type { Decoded, Operation } from '../../contract/api/protocol.ts';
import type { CreateRun, JoinThread } from '../../contract/api/runs.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { answersOf, done, eventStream, streamOver, success } from '../shared/answer-schemas.ts';
import { creationAnswer, emptyAnswer, runAnswerer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing } from '../shared/requests.ts';
import { decodeCreation } from '../shared/run-create.ts';
import {
  awaitEnd,
  createAndFollow,
  createAndWait,
  followRun,
  hasWholeStream,
  keyOf,
  type OnDisconnect,
} from '../shared/wait-and-stream.ts';
import { encodeOutput, encodingFor } from './encode.ts';
import { answers, type Requests } from './schemas.ts';

/** The protocol's name, kept as the origin of its runs. */
export const acpV02 = 'acp-v0.2';

type RunCreateBody = Parameters<typeof decodeCreation>[0] & {
  readonly agent_id?: string | undefined;
  readonly on_disconnect?: OnDisconnect | undefined;
};

/** Where runs are mounted: on their own, or in a thread. */
export type RunSite<Base, One extends { readonly run_id: string }, Body extends RunCreateBody> = {
  readonly path: string;
  /** The site in the operations' ids, such as `stateless_run`. */
  readonly noun: string;
  readonly title: string;
  readonly baseParams: z.ZodType<Base>;
  readonly runParams: z.ZodType<One>;
  readonly body: z.ZodType<Body>;
  readonly run: z.ZodType;
  readonly waited: z.ZodType;
  encode(run: Run): JsonObject;
  join(params: Base, body: Body): JoinThread | undefined;
  /** Whether a run that was found by its id belongs to this site. */
  holds(params: One, run: Run): boolean;
};

/** The nine operations that ACP 0.2 has for runs, wherever they are mounted. */
export function createRunOperations<Base, One extends { readonly run_id: string }, Body extends RunCreateBody>(
  site: RunSite<Base, One, Body>,
  requests: Requests,
): readonly Operation[] {
  const { path, noun, title, baseParams, runParams } = site;
  const error = answers.ErrorResponse;

  const command = ({ params, body, tenant, idempotencyKey }: Decoded<Base, unknown, Body>): CreateRun => ({
    tenant,
    agent: body.agent_id,
    request: decodeCreation(body, acpV02),
    thread: site.join(params, body),
    idempotencyKey,
  });
  const find = async (api: Api, { params, tenant }: Decoded<One, unknown, unknown>): Promise<Run> => {
    const run = await api.runs.get({ tenant, runId: params.run_id });
    if (!site.holds(params, run)) throw new GatewayError('run_not_found');
    return run;
  };
  const waitAnswer = runAnswerer((run) => ({ run: site.encode(run), ...encodeOutput(run) }));
  const runAnswer = runAnswerer(site.encode);

  return [
    operation({
      id: `create_${noun}`,
      method: 'POST',
      path,
      summary: `Create a Background ${title}`,
      params: baseParams,
      query: nothing,
      body: site.body,
      takes: ['Idempotency-Key'],
      answers: answersOf(error, success(site.run), [404, 409, 422]),
      handle: async (api, request) => {
        const creation = await api.runs.create(command(request));
        return creationAnswer(creation, site.encode(creation.run));
      },
    }),
    operation({
      id: `create_and_stream_${noun}_output`,
      method: 'POST',
      path: `${path}/stream`,
      summary: `Create a ${title} and stream its output`,
      params: baseParams,
      query: nothing,
      body: site.body,
      takes: ['Idempotency-Key'],
      answers: answersOf(error, eventStream(answers.StreamEventPayload), [404, 409, 422]),
      handle: (api, request) =>
        createAndFollow(api, command(request), request.body.on_disconnect ?? 'cancel', encodingFor),
    }),
    operation({
      id: `create_and_wait_for_${noun}_output`,
      method: 'POST',
      path: `${path}/wait`,
      summary: `Create a ${title} and wait for its output`,
      params: baseParams,
      query: nothing,
      body: site.body,
      takes: ['Idempotency-Key'],
      answers: answersOf(error, success(site.waited), [404, 409, 422]),
      countsAsStream: true,
      handle: async (api, request) => {
        const leaving = request.body.on_disconnect ?? 'cancel';
        const { run, replayed } = await createAndWait(api, command(request), leaving, request);
        return waitAnswer(run, { runId: run.runId, replayed });
      },
    }),
    operation({
      id: `wait_for_${noun}_output`,
      method: 'GET',
      path: `${path}/:run_id/wait`,
      summary: `Wait for the output of a ${title}`,
      params: runParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(site.waited), [404, 422]),
      countsAsStream: true,
      handle: async (api, request) => {
        const run = await find(api, request);
        return waitAnswer(await awaitEnd(api, keyOf(run), request), { runId: run.runId });
      },
    }),
    operation({
      id: `stream_${noun}_output`,
      method: 'GET',
      path: `${path}/:run_id/stream`,
      summary: `Stream the output of a ${title}`,
      params: runParams,
      query: nothing,
      body: noBody,
      takes: ['Last-Event-ID'],
      answers: answersOf(error, { ...eventStream(answers.StreamEventPayload), ...streamOver }, [404, 422]),
      handle: async (api, request) => {
        const run = await find(api, request);
        const { afterSeq } = request;
        if (hasWholeStream(run, afterSeq)) return emptyAnswer;
        return await followRun(api, run, afterSeq, encodingFor(run));
      },
    }),
    operation({
      id: `cancel_${noun}`,
      method: 'POST',
      path: `${path}/:run_id/cancel`,
      summary: `Cancel a ${title}`,
      params: runParams,
      query: requests.cancel,
      body: noBody,
      answers: answersOf(error, done, [404, 422]),
      handle: async (api, request) => {
        await api.runs.cancel(keyOf(await find(api, request)), request.query);
        return emptyAnswer;
      },
    }),
    operation({
      id: `get_${noun}`,
      method: 'GET',
      path: `${path}/:run_id`,
      summary: `Get a ${title}`,
      params: runParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(site.run), [404, 422]),
      handle: async (api, request) => runAnswer(await find(api, request)),
    }),
    operation({
      id: `resume_${noun}`,
      method: 'POST',
      path: `${path}/:run_id`,
      summary: `Resume an interrupted ${title}`,
      params: runParams,
      query: nothing,
      body: requests.resume,
      takes: ['Idempotency-Key'],
      answers: answersOf(error, success(site.run), [404, 409, 422]),
      handle: async (api, request) => {
        const { body, idempotencyKey: mark } = request;
        const resumed = await api.runs.resume(keyOf(await find(api, request)), body, { mark });
        return runAnswer(resumed.run, { replayed: resumed.replayed });
      },
    }),
    operation({
      id: `delete_${noun}`,
      method: 'DELETE',
      path: `${path}/:run_id`,
      summary: `Delete a ${title}; one that is live is cancelled first`,
      params: runParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, done, [404, 422]),
      handle: async (api, request) => {
        await api.runs.delete(keyOf(await find(api, request)));
        return emptyAnswer;
      },
    }),
  ];
}
