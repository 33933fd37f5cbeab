import { Router } from '@koa/router';
import type { Context, Middleware } from 'koa';
import { z } from 'zod';
import type { AccessControl, Caller } from '../access/access-control.ts';
import type { Answer, Operation, Protocol } from '../contract/api/protocol.ts';
import { assertNever } from '../contract/domain/assert-never.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { BodyReader } from './body.ts';
import type { Disconnects } from './disconnects.ts';
import { completeHead, sendWhole, type WholeAnswer } from './headers.ts';
import { JsonTexts } from './json-texts.ts';
import { parsePart } from './parse-part.ts';
import { OperationRequest } from './request.ts';
import type { Sockets } from './sockets.ts';
import { type Streams, streamHeaders, streamType } from './sse.ts';
import { refuseMethod } from './unrouted.ts';

/** A protocol at a place; `''` is the root. One protocol may stand at several. */
export type Mount = { readonly protocol: Protocol; readonly prefix: string };

export type RouteDeps = {
  readonly accessControl: AccessControl;
  readonly readBody: BodyReader;
  readonly disconnects: Disconnects;
  readonly streams: Streams;
  readonly sockets: Sockets;
};

/** A protocol's matrix as one router. Whatever it does not know goes to the next step. */
export function routeMount({ protocol, prefix }: Mount, deps: RouteDeps): Middleware {
  const router = new Router({ prefix, sensitive: true });
  // A path of fixed words also matches its neighbour with a parameter; the first one registered is taken.
  const fixedFirst = protocol.operations.toSorted((a, b) => countParams(a) - countParams(b));
  const sending = { prefix, disconnects: deps.disconnects, streams: deps.streams, texts: new JsonTexts() };
  for (const each of fixedFirst) router.register(each.path, [each.method], serve(each, deps, sending));
  return (context, next) => {
    const { path, method } = context;
    // The router's own step would match every route, and compose a chain anew for each request.
    context.state.findMatches = () => router.match(path, method).path;
    const layer = router.stack.find((each) => each.methods.includes(method) && each.match(path));
    const [step] = layer?.stack ?? [];
    if (layer === undefined || step === undefined) return next();
    context.params = layer.params(path, layer.captures(path));
    return (step as Middleware)(context, next);
  };
}

function countParams({ path }: Operation): number {
  return path.split('/:').length - 1;
}

type Sending = {
  readonly prefix: string;
  readonly disconnects: Disconnects;
  readonly streams: Streams;
  readonly texts: JsonTexts;
};

function serve(operation: Operation, deps: RouteDeps, sending: Sending): Middleware {
  const takesBody = !(operation.body instanceof z.ZodUndefined);
  // An operation without query parameters has none that could be misspelt.
  const takesQuery = operation.query instanceof z.ZodObject && Object.keys(operation.query.shape).length > 0;
  const mayStream = Object.values(operation.answers).some(({ contentType }) => contentType === streamType);
  const { accessControl, disconnects, readBody, sockets } = deps;

  async function handle(context: Context, { principal: { tenant }, api }: Caller): Promise<void> {
    const params = parseParams(operation, context);
    const query = takesQuery ? parsePart(operation.query, context.query) : {};
    const body = takesBody ? parsePart(operation.body, await readBody(context)) : undefined;
    const request = new OperationRequest(context, disconnects, { params, query, body, tenant });
    send(context, await operation.handle(api, request), sending);
  }

  async function openConversation(context: Context, caller: Caller): Promise<void> {
    const { principal, api } = caller;
    const request = { params: parseParams(operation, context), tenant: principal.tenant };
    await sockets.open(context, caller, async (peer) => {
      const conversation = await operation.openConversation?.(api, request, peer);
      if (conversation === undefined) throw new GatewayError('route_not_found');
      // The answer is the socket's from here on.
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
    // Before the work is done: a run must not be made for a reader whom there is no place for.
    const leave = await accessControl.takeStream(caller);
    try {
      await handle(context, caller);
    } catch (error) {
      leave();
      throw error;
    }
    if (context.respond === false && !context.res.closed) context.res.once('close', leave);
    else leave();
  };
}

function parseParams(operation: Operation, context: Context): unknown {
  try {
    return parsePart(operation.params, context.params);
  } catch (refusal) {
    // `GET /runs/search` is no run with a bad id but a path that takes POST alone.
    refuseMethod(context, (layer) => layer.paramNames.length < countParams(operation));
    throw refusal;
  }
}

function send(context: Context, answer: Answer, { prefix, disconnects, streams, texts }: Sending): void {
  const headers: string[] = [];
  if ('runId' in answer && answer.runId !== undefined)
    headers.push('Content-Location', `${prefix}/runs/${answer.runId}`);
  if ('replayed' in answer && answer.replayed === true) headers.push('Idempotent-Replayed', 'true');
  switch (answer.kind) {
    case 'json':
      sendText(context, { status: answer.status, headers, text: texts.of(answer) }, disconnects);
      return;
    case 'empty':
      context.status = answer.status;
      completeHead(context.res, context.state.requestId, headers);
      return;
    case 'stream':
    case 'events':
      completeHead(context.res, context.state.requestId, headers);
      sendStream(context, answer, streams);
      return;
    default:
      assertNever(answer);
  }
}

/** Past Koa's own end of an answer, which costs as much as all that is ours of a small one. */
function sendText(context: Context, { status, headers, text }: WholeAnswer, disconnects: Disconnects): void {
  // The client left meanwhile.
  if (!context.writable) return;
  context.respond = false;
  const own = [...headers, 'Content-Type', 'application/json'];
  // Koa's steps come too late for an answer that is sent at once.
  if (disconnects.drained) own.push('Connection', 'close');
  sendWhole(context.res, context.state.requestId, { status, headers: own, text });
}

function sendStream(context: Context, answer: Extract<Answer, { kind: 'stream' | 'events' }>, streams: Streams): void {
  if (context.method === 'HEAD') {
    void answer.events.return();
    context.status = 200;
    context.set(streamHeaders);
    return;
  }
  // Koa would end the answer as soon as this step returns.
  context.respond = false;
  if (answer.kind === 'events') streams.startEvents(context.res, answer.events);
  else streams.start(context.res, answer);
}
