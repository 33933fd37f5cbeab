import type { Context, Middleware } from 'koa';
import { z } from 'zod';
import type { AccessControl, Caller } from '../access/access-control.ts';
import type { Operation, Protocol } from '../contract/api/protocol.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { Answers } from './answers.ts';
import type { BodyReader } from './body.ts';
import type { Disconnects } from './disconnects.ts';
import { OperationRequest } from './request.ts';
import { parseParams, parsePart } from './request-parts.ts';
import { createRouter, mountRouter } from './router.ts';
import type { Sockets } from './sockets.ts';
import { streamType } from './sse.ts';

/** A protocol at a place; `''` is the root. One protocol may stand at several. */
export type Mount = { readonly protocol: Protocol; readonly prefix: string };

export type RouteDeps = {
  readonly accessControl: AccessControl;
  readonly readBody: BodyReader;
  readonly disconnects: Disconnects;
  readonly answers: Answers;
  readonly sockets: Sockets;
};

/** A protocol's operations as one router. A path that it does not have goes to the next step. */
export function routeMount({ protocol, prefix }: Mount, deps: RouteDeps): Middleware {
  const router = createRouter(prefix, { strict: false });
  for (const each of protocol.operations) {
    const step = serveOperation(each, prefix, deps);
    // The router's types say more of a context than Koa's do, and less of its state.
    router.register(each.path, [each.method], step as unknown as Parameters<typeof router.register>[2]);
  }
  return mountRouter(prefix, router);
}

function serveOperation(operation: Operation, prefix: string, deps: RouteDeps): Middleware {
  const takesBody = !(operation.body instanceof z.ZodUndefined);
  // An operation without query parameters has none that could be misspelt.
  const takesQuery = operation.query instanceof z.ZodObject && Object.keys(operation.query.shape).length > 0;
  const mayStream = Object.values(operation.answers).some(({ contentType }) => contentType === streamType);
  const paramCount = operation.path.split('/:').length - 1;
  const { accessControl, answers, disconnects, readBody, sockets } = deps;

  async function handle(context: Context, { principal: { tenant }, api }: Caller): Promise<void> {
    const params = parseParams(operation.params, context, paramCount);
    const query = takesQuery ? parsePart(operation.query, context.query) : {};
    const body = takesBody ? parsePart(operation.body, await readBody(context)) : undefined;
    const request = new OperationRequest(context, disconnects, { params, query, body, tenant });
    const sending = answers.send(context, await operation.handle(api, request), prefix);
    if (sending !== undefined) await sending;
  }

  async function openConversation(context: Context, caller: Caller): Promise<void> {
    const { principal, api } = caller;
    const request = { params: parseParams(operation.params, context, paramCount), tenant: principal.tenant };
    await sockets.open(context, caller, async (peer) => {
      const conversation = await operation.openConversation?.(api, request, peer);
      if (conversation === undefined) throw new GatewayError('route_not_found');
      // From here on the answer belongs to the socket.
      context.respond = false;
      return conversation;
    });
  }

  return async (context) => {
    const entering = accessControl.enter(context.req, context.res);
    const caller = entering instanceof Promise ? await entering : entering;
    if (operation.openConversation !== undefined && sockets.isUpgrade(context.req))
      return await openConversation(context, caller);
    if (!mayStream) return await handle(context, caller);
    // Before the work is done: no run is created for a reader that cannot be served.
    const closeStream = await accessControl.openStream(caller);
    try {
      await handle(context, caller);
    } catch (error) {
      closeStream();
      throw error;
    }
    if (context.respond === false && !context.res.closed) context.res.once('close', closeStream);
    else closeStream();
  };
}
