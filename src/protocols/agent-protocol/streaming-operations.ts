import type { Operation } from '../../contract/api/protocol.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import { answersOf, eventStream, success } from '../shared/answer-schemas.ts';
import { jsonAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing, type RequestOptions, threadParams } from '../shared/requests.ts';
import { createCommands, encodeFault, encodeSuccess, execute } from './commands.ts';
import { ThreadConversation } from './conversation.ts';
import { answers } from './schemas.ts';
import { CommandFault, createCommandParams, eventStreamRequest, streamingCommand } from './streaming-requests.ts';
import { watchThread } from './thread-event-filter.ts';

/** Statuses of refusals that answer the command itself; every other error is one of the request. */
const refused: ReadonlySet<number> = new Set([403, 409, 422]);

/** A thread's events and commands, as the Agent Protocol streams them. */
export function createStreamingOperations(
  options: RequestOptions & { readonly maxListBytes: number },
): readonly Operation[] {
  const { ErrorResponse: error, StreamingCommandResponse: response, StreamingEvent: event } = answers;
  const commands = createCommands(createCommandParams(options), options.maxListBytes);
  return [
    operation({
      id: 'open_thread_sse_stream',
      method: 'POST',
      path: '/threads/:thread_id/stream',
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
      path: '/threads/:thread_id/stream',
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
        await api.threads.get(target);
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
        await api.threads.get(target);
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
