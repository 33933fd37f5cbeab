import { Router } from '@koa/router';
import type { Context, Middleware } from 'koa';
import { z } from 'zod';
import type { Answer, Dialect, Operation } from '../contract/api/protocol.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import { assertNever } from '../contract/domain/json.ts';
import type { BodyReader } from './body.ts';
import type { Departures } from './disconnects.ts';
import type { Door, Visitor } from '../access/authenticate.ts';
import { Exchange } from './request.ts';
import { completeHead, sendWhole, type WholeAnswer } from './headers.ts';
import { JsonTexts } from './json-texts.ts';
import { parsePart } from './parse-part.ts';
import type { Sockets } from './sockets.ts';
import { type Streams, streamHeaders, streamType } from './sse.ts';
import { refuseMethod } from './unrouted.ts';

/** A dialect at a place; `''` is the root. One dialect may stand at several. */
export type Mount = { readonly dialect: Dialect; readonly prefix: string };

export type RouteParts = {
  readonly door: Door;
  readonly readBody: BodyReader;
  readonly departures: Departures;
  readonly streams: Streams;
  readonly sockets: Sockets;
};

/** A dialect's matrix as one router. Whatever it does not know goes to the next step. */
export function routeMount({ dialect, prefix }: Mount, parts: RouteParts): Middleware {
  const router = new Router({ prefix, sensitive: true });
  // A path of fixed words also matches its neighbour with a parameter; the first one registered is taken.
  const fixedFirst = dialect.operations.toSorted((a, b) => countParams(a) - countParams(b));
  const sending = { prefix, departures: parts.departures, streams: parts.streams, texts: new JsonTexts() };
  for (const each of fixedFirst) router.register(each.path, [each.method], serve(each, parts, sending));
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
  readonly departures: Departures;
  readonly streams: Streams;
  readonly texts: JsonTexts;
};

function serve(operation: Operation, parts: RouteParts, sending: Sending): Middleware {
  const takesBody = !(operation.body instanceof z.ZodUndefined);
  // An operation without query parameters has none that could be misspelt.
  const takesQuery = operation.query instanceof z.ZodObject && Object.keys(operation.query.shape).length > 0;
  const mayStream = Object.values(operation.answers).some(({ contentType }) => contentType === streamType);
  const { door, departures, readBody, sockets } = parts;

  async function handle(context: Context, { principal: { tenant }, use }: Visitor): Promise<void> {
    const params = parseParams(operation, context);
    const query = takesQuery ? parsePart(operation.query, context.query) : {};
    const body = takesBody ? parsePart(operation.body, await readBody(context)) : undefined;
    const exchange = new Exchange(context, departures, { params, query, body, tenant });
    send(context, await operation.handle(use, exchange), sending);
  }

  async function converse(context: Context, visitor: Visitor): Promise<void> {
    const { principal, use } = visitor;
    const request = { params: parseParams(operation, context), tenant: principal.tenant };
    await sockets.open(context, visitor, async (peer) => {
      const conversation = await operation.converse?.(use, request, peer);
      if (conversation === undefined) throw new GatewayError('route_not_found');
      // The answer is the socket's from here on.
      context.respond = false;
      return conversation;
    });
  }

  return async (context) => {
    const entering = door.enter(context.req, context.res);
    const visitor = entering instanceof Promise ? await entering : entering;
    if (operation.converse !== undefined && sockets.isUpgrade(context.req)) return await converse(context, visitor);
    if (!mayStream) return await handle(context, visitor);
    // Before the work is done: a run must not be made for a reader whom there is no place for.
    const leave = await door.takeStream(visitor);
    try {
      await handle(context, visitor);
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

function send(context: Context, answer: Answer, { prefix, departures, streams, texts }: Sending): void {
  const headers: string[] = [];
  if ('runId' in answer && answer.runId !== undefined)
    headers.push('Content-Location', `${prefix}/runs/${answer.runId}`);
  if ('replayed' in answer && answer.replayed === true) headers.push('Idempotent-Replayed', 'true');
  switch (answer.kind) {
    case 'json':
      sendText(context, { status: answer.status, headers, text: texts.of(answer) }, departures);
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
function sendText(context: Context, { status, headers, text }: WholeAnswer, departures: Departures): void {
  // The client left meanwhile.
  if (!context.writable) return;
  context.respond = false;
  const own = [...headers, 'Content-Type', 'application/json'];
  // Koa's steps come too late for an answer that is sent at once.
  if (departures.drained) own.push('Connection', 'close');
  sendWhole(context.res, context.state.requestId, { status, headers: own, text });
}

function sendStream(context: Context, answer: Extract<Answer, { kind: 'stream' | 'events' }>, streams: Streams): void {
  if (context.method === 'HEAD') {
    answer.feed.close();
    context.status = 200;
    context.set(streamHeaders);
    return;
  }
  // Koa would end the answer as soon as this step returns.
  context.respond = false;
  if (answer.kind === 'events') streams.startEvents(context.res, answer.feed);
  else streams.start(context.res, answer);
}
