import { z } from 'zod';
import type { Api } from '../../contract/api/api.ts';
import type { Answer, Decoded, Operation } from '../../contract/api/protocol.ts';
import type { Json } from '../../contract/domain/json.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { agentReference } from '../shared/agent-reference.ts';
import { operation } from '../shared/operation.ts';
import { nothing } from '../shared/requests.ts';
import { type Call, type McpDeps, Reply, respond } from './call.ts';
import { type Client, readClient } from './client.ts';
import { handshakeMethods, statelessMethods } from './methods.ts';
import { takeNotification, takeResponse } from './other-messages.ts';
import { answerError, RpcError, rpcCodes } from './rpc-error.ts';
import { answers, anyMessage } from './schemas.ts';
import { idOf, type Message, readMessage } from './wire.ts';

/** One endpoint for all agents of a key, and one for each of them. */
export function createOperations(deps: McpDeps): readonly Operation[] {
  return [
    operation({
      id: 'send_message',
      path: '/',
      summary: 'Send a message',
      params: nothing,
      ...shared,
      handle: (api, request) => handle(deps, api, request, undefined),
    }),
    operation({
      id: 'send_agent_message',
      path: '/:agent',
      summary: 'Send a message about one agent',
      params: z.object({ agent: agentReference }),
      ...shared,
      handle: (api, request) => handle(deps, api, request, request.params.agent),
    }),
  ];
}

const shared = {
  method: 'POST',
  description:
    'Takes one message of JSON-RPC 2.0 as the Model Context Protocol has them, of 2026-07-28 or of a revision with a handshake. A request is answered with JSON, or with a stream whose last event is the response.',
  query: nothing,
  body: anyMessage,
  takes: ['Idempotency-Key'],
  // They may wait long. The answer to what a call asks is a message of its own.
  countsAsStream: (body: Json) =>
    isJsonObject(body) && (body.method === 'tools/call' || body.method === 'subscriptions/listen'),
  answers: {
    200: { description: 'The response', schema: answers.Response, events: answers.Message },
    202: { description: 'The message needs no response' },
    400: {
      description: 'The body is no message, or the message or its headers are not valid',
      schema: answers.Response,
    },
    404: { description: 'There is no such method, session or agent', schema: answers.Response },
  },
} as const;

type Request = Decoded<unknown, unknown, Json>;

async function handle(deps: McpDeps, api: Api, request: Request, agentName: string | undefined): Promise<Answer> {
  const target = { ...deps, api, request, agentName };
  const id = idOf(request.body);
  let message: Message;
  try {
    message = readMessage(request.body);
  } catch (error) {
    return answerError(id, error, request.requestId);
  }
  // An address without an agent is wrong, whichever message is sent to it.
  if (agentName !== undefined) api.agents.get(agentName);
  try {
    const client = await readClient(message, request, deps.seals);
    if (message.kind === 'notification') return await takeNotification(target, client, message);
    if (message.kind === 'response') return await takeResponse(target, client, message);
    return await answer({ ...target, ...message, client });
  } catch (error) {
    return answerError(id, error, request.requestId);
  }
}

async function answer(call: Call): Promise<Answer> {
  const method = methodsFor(call.client).get(call.method);
  if (method === undefined) throw noSuchMethod(call.client);
  const result = await method(call);
  return result instanceof Reply ? result.answer : { kind: 'json', status: 200, body: respond(call, result) };
}

function methodsFor({ isStateless }: Client) {
  return isStateless ? statelessMethods : handshakeMethods;
}

function noSuchMethod({ isStateless }: Client): RpcError {
  return new RpcError(rpcCodes.methodNotFound, 'there is no such method', { http: isStateless ? 404 : 200 });
}
