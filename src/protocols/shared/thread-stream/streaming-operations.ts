import { z } from 'zod';
import type { Operation } from '../../../contract/api/protocol.ts';
import { GatewayError } from '../../../contract/domain/errors.ts';
import { answersOf, anyObject, eventStream, success } from '../answer-schemas.ts';
import { jsonAnswer } from '../answers.ts';
import { operation } from '../operation.ts';
import { noBody, nothing, type RequestOptions, threadParams } from '../requests.ts';
import { type CommandOptions, createCommands, encodeFault, encodeSuccess, execute } from './commands.ts';
import { ThreadConversation } from './conversation.ts';
import { CommandFault, createCommandParams, eventStreamRequest, streamingCommand } from './streaming-requests.ts';
import { watchThread } from './thread-event-filter.ts';

/** Statuses of refusals that answer the command itself; every other error is one of the request. */
const refused: ReadonlySet<number> = new Set([403, 409, 422]);

/** Schemas of answers, which the documents of the protocols name. */
export const streamingAnswers = {
  StreamingEvent: z.looseObject({
    type: z.literal('event'),
    eventId: z.string(),
    seq: z.int().min(0),
    method: z.string(),
    params: anyObject,
  }),
  StreamingCommandResponse: z.union([
    z.looseObject({ type: z.literal('success'), id: z.int().min(0), result: anyObject }),
    z.looseObject({
      type: z.literal('error'),
      id: z.int().min(0).nullable(),
      error: z.string(),
      message: z.string(),
    }),
  ]),
};

/** Where the Agent Protocol and LangGraph differ. */
export type StreamingOptions = RequestOptions &
  CommandOptions & {
    readonly error: z.ZodType;
    /** Of the events, below `/threads/:thread_id`. */
    readonly path: string;
  };

/** A thread's events and commands, as the Agent Protocol streams them. */
export function createStreamingOperations(options: StreamingOptions): readonly Operation[] {
  const { StreamingCommandResponse: response, StreamingEvent: event } = streamingAnswers;
  const { error, createsThreads } = options;
  const path = `/threads/:thread_id${options.path}`;
  const commands = createCommands(createCommandParams(options), options);
  return [
    operation({
      id: 'open_thread_sse_stream',
      method: 'POST',
      path,
      summary: 'Open Thread SSE Stream',
      params: threadParams,
      query: nothing,
      body: eventStreamRequest,
      takes: ['Last-Event-ID'],
      answers: answersOf(error, eventStream(event), [404, 422]),
      handle: async (api, { params, body: { since, ...filter }, tenant, lastSeen }) => {
        const key = { tenant, threadId: params.thread_id };
        return { kind: 'events', events: await watchThread(api, key, filter, since ?? lastSeen) };
      },
    }),
    operation({
      id: 'open_thread_websocket_stream',
      method: 'GET',
      path,
      summary: 'Open Thread WebSocket Stream',
      params: threadParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, { 101: { description: 'Switching Protocols' } }, [404, 422]),
      handle: async (api, { params, tenant }) => {
        await api.threads.get({ tenant, threadId: params.thread_id });
        throw new GatewayError('invalid_request', { path: 'Upgrade', detail: 'must be websocket' });
      },
      openConversation: async (api, { params, tenant }, peer) => {
        const target = { tenant, threadId: params.thread_id };
        if (!createsThreads) await api.threads.get(target);
        return new ThreadConversation(commands, target, peer);
      },
    }),
    operation({
      id: 'send_thread_streaming_command',
      method: 'POST',
      path: '/threads/:thread_id/commands',
      summary: 'Send Thread Streaming Command',
      params: threadParams,
      query: nothing,
      body: streamingCommand,
      takes: ['Idempotency-Key'],
      answers: answersOf(error, success(response), [404, 422]),
      handle: async (api, { params, body, tenant, idempotencyKey }) => {
        const target = { tenant, threadId: params.thread_id, idempotencyKey };
        if (!createsThreads || body.method !== 'run.start') await api.threads.get(target);
        try {
          return jsonAnswer(encodeSuccess(body.id, await execute(commands, api, target, body)));
        } catch (fault) {
          const isAnswer = fault instanceof CommandFault || (fault instanceof GatewayError && isRefusal(fault));
          if (isAnswer) return jsonAnswer(encodeFault(body.id, fault));
          throw fault;
        }
      },
    }),
  ];
}

/** A missing object is a refusal of the command, except for the thread itself, which may be deleted at any time. */
function isRefusal({ code, http }: GatewayError): boolean {
  return refused.has(http) || (http === 404 && code !== 'thread_not_found');
}
