import type { Protocol } from '../../contract/api/protocol.ts';
import type { GatewayError } from '../../contract/domain/errors.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { CardOptions } from './agent-card.ts';
import { createCardOperations, createHostCardOperation } from './card-operations.ts';
import { describeError, encodeHttpError, encodeRpcError, rpcStatusOf } from './errors.ts';
import { createHttpOperations } from './http-operations.ts';
import { createRpcOperation } from './json-rpc.ts';
import type { MethodOptions } from './methods.ts';
import { answers, rpcRequest } from './schemas.ts';
import { a2a } from './send-message.ts';
import { contextIdOf } from './task-lookup.ts';
import { encodeTask } from './tasks.ts';

type A2aOptions = MethodOptions & CardOptions & { readonly defaultAgent: string | null };

/** Agents as others of their kind call them: A2A 1.0 in both bindings over HTTP, and 0.3 over JSON-RPC. */
export function createA2a(options: A2aOptions): Protocol {
  return {
    name: a2a,
    prefix: `/${a2a}`,
    operations: [createRpcOperation(options), ...createHttpOperations(options), ...createCardOperations(options)],
    hostOperations: [createHostCardOperation(options)],
    about: {
      title: 'A2A',
      version: '1.0',
      description:
        'The Agent2Agent protocol as rungate serves it: one address for each agent, for JSON-RPC and for HTTP+JSON.',
      error: answers.Error,
      schemas: { ...answers, JsonRpcRequest: rpcRequest },
    },
    refusalStatus: 400,
    encodeError: (error) => answerError(error, '').body,
    answerError,
    // Receivers get the objects of streams: here the task as it was then.
    encodeRun: (run) => ({ task: encodeTask(run, { contextId: contextIdOf(run), reply: null }) }),
  };
}

const rpcPath = /^\/a2a\/[^/]+\/?$/;

/** What was refused before a method was known has no id. */
function answerError(error: GatewayError, path: string): { readonly status: number; readonly body: Json } {
  const described = describeError(error);
  if (described === null) throw error;
  return rpcPath.test(path)
    ? { status: rpcStatusOf(described), body: encodeRpcError(null, described) }
    : { status: described.http, body: encodeHttpError(described) };
}
