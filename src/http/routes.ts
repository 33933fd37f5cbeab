import type { Router } from '@koa/router';
import type { Context, Middleware } from 'koa';
import { z } from 'zod';
import type { AccessControl, Caller } from '../access/access-control.ts';
import type { Answer, Operation } from '../contract/api/protocol.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import { refuseDropping } from '../protocols/shared/decisive-members.ts';
import type { Answers } from './answers.ts';
import type { BodyReader } from './body.ts';
import type { Disconnects } from './disconnects.ts';
import { type Elsewhere, membersOf } from './elsewhere.ts';
import { OperationRequest } from './request.ts';
import { type MemberHint, maxNameLength, nameCaller, parseParams, parsePart } from './request-parts.ts';
import { noteOperation } from './request-record.ts';
import { createRouter, type Mount, type RouterTable, type Site } from './router.ts';
import type { Sockets } from './sockets.ts';
import { streamType } from './sse.ts';
import { readTicket, takesTicket } from './ticket-route.ts';
import { whenOver } from './when-over.ts';

export type RouteDeps = {
  readonly accessControl: AccessControl;
  readonly readBody: BodyReader;
  readonly disconnects: Disconnects;
  readonly answers: Answers;
  readonly sockets: Sockets;
  readonly elsewhere: Elsewhere;
  /** The public address of the gateway; null: the one that each request names. */
  readonly publicUrl: string | null;
};

/** A protocol's operations as a table of routers, or as one router where the first segment of a path is a parameter. */
export function routeMount({ protocol, prefix }: Mount, deps: RouteDeps): Site {
  return { prefix, createRouters };

  function createRouters(): RouterTable | Router {
    const { operations } = protocol;
    if (operations.some(({ path }) => path.startsWith('/:'))) return routeAll(operations);
    const table = [...Map.groupBy(operations, ({ path }) => path.split('/', 2)[1] ?? '')].map(([first, some]) => {
      const byCount = Map.groupBy(some, ({ path }) => path.split('/').length - 1);
      return [first, new Map([...byCount].map(([count, equal]) => [count, routeAll(equal)]))] as const;
    });
    return new Map(table);
  }

  function routeAll(some: readonly Operation[]): Router {
    const router = createRouter(prefix, { strict: false });
    for (const each of some) {
      const step = serveOperation(each, { protocol, prefix }, deps);
      // The router's types say more of a context than Koa's do, and less of its state.
      router.register(escapeColons(each.path), [each.method], step as unknown as Parameters<typeof router.register>[2]);
    }
    return router;
  }
}

/** A colon after a name, as in `/runs:cancel`, begins no parameter. */
function escapeColons(path: string): string {
  return path.replaceAll(/(?<=\w):/g, '\\:');
}

function serveOperation(operation: Operation, { protocol, prefix }: Mount, deps: RouteDeps): Middleware {
  const takesBody = !(operation.body instanceof z.ZodUndefined);
  // An operation without query parameters has none that could be misspelt.
  const takesQuery = operation.query instanceof z.ZodObject && Object.keys(operation.query.shape).length > 0;
  const { countsAsStream = Object.values(operation.answers).some(({ contentType }) => contentType === streamType) } =
    operation;
  const paramCount = operation.path.split('/:').length - 1;
  const isTicketed = takesTicket(operation);
  const { accessControl, answers, disconnects, readBody, sockets, elsewhere, publicUrl } = deps;
  const members = new Set([operation.body, operation.query].flatMap((schema) => Object.keys(membersOf(schema))));
  const hintOf: MemberHint = (member) => {
    if (members.has(member)) return undefined;
    if (member === 'assistant_id' && members.has('agent_id')) return 'the agent is named by agent_id';
    return elsewhere.ofMember(protocol.name, operation, member);
  };

  const label = `${protocol.name}.${operation.id}`;

  async function handle(context: Context, { principal, api }: Caller): Promise<void> {
    const { tenant } = principal;
    const caller = nameCaller(principal, context);
    const params = parseParams(operation.params, context, paramCount, elsewhere);
    const query = takesQuery ? parsePart(operation.query, context.query, hintOf) : {};
    if (takesBody && !takesQuery && context.querystring !== '') refuseMisplaced(context.query);
    const body = takesBody ? parsePart(operation.body, await readBody(context, caller), hintOf) : undefined;
    const parts = { params, query, body, tenant, publicUrl };
    const request = new OperationRequest(context, disconnects, parts);
    const askAgain = () =>
      operation.handle(api, new OperationRequest(context, disconnects, { ...parts, isAgain: true }));
    const send = (answer: Answer): Promise<void> | undefined => {
      const canRepeat = context.method === 'GET' || answer.kind === 'list';
      return answers.send(context, answer, { prefix, caller, askAgain: canRepeat ? askAgain : null });
    };
    if (typeof countsAsStream === 'function' && countsAsStream(body))
      return countStream(context, { principal, api }, async () => send(await operation.handle(api, request)));
    // Not awaited, so that the answer is not kept while it waits for its turn.
    return send(await operation.handle(api, request));
  }

  /** Counted before the work is done: no run is created for a reader that cannot be served. */
  async function countStream(context: Context, caller: Caller, work: () => Promise<void>): Promise<void> {
    const closeStream = await accessControl.openStream(caller);
    try {
      await work();
    } catch (error) {
      closeStream();
      throw error;
    }
    if (context.res.closed) closeStream();
    else whenOver(context.req, context.res, closeStream);
  }

  async function openConversation(context: Context, caller: Caller): Promise<void> {
    const { principal, api } = caller;
    const request = { params: parseParams(operation.params, context, paramCount, elsewhere), tenant: principal.tenant };
    await sockets.open(context, { caller, callerName: nameCaller(principal, context) }, async (peer) => {
      const conversation = await operation.openConversation?.(api, request, peer);
      if (conversation === undefined) throw new GatewayError('route_not_found');
      // From here on the answer belongs to the socket.
      context.respond = false;
      return conversation;
    });
  }

  function answerCaller(context: Context, caller: Caller): Promise<void> {
    if (operation.openConversation !== undefined && sockets.isUpgrade(context.req))
      return openConversation(context, caller);
    if (countsAsStream !== true) return handle(context, caller);
    return countStream(context, caller, () => handle(context, caller));
  }

  return (context) => {
    noteOperation(context, label);
    const ticket = isTicketed ? readTicket(context) : null;
    const entering =
      ticket === null
        ? accessControl.enter(context.req, context.res)
        : accessControl.enterWithTicket(ticket, context.path, context.res);
    // A promise turn that is not needed is a part of every request.
    return entering instanceof Promise
      ? entering.then((caller) => answerCaller(context, caller))
      : answerCaller(context, entering);
  };
}

/** Throws `invalid_request` for a query with what belongs into the body: nothing would look at it there. */
function refuseMisplaced(query: Context['query']): void {
  for (const name of Object.keys(query)) {
    if (refuseDropping(name, new Set()) === null) continue;
    throw new GatewayError('invalid_request', {
      path: name.slice(0, maxNameLength),
      detail: 'stands in the query; send it in the body',
    });
  }
}
