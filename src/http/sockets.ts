import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Context } from 'koa';
import { type WebSocket, WebSocketServer } from 'ws';
import type { AccessControl, Caller } from '../access/access-control.ts';
import { encodeSliced, stringifySmall } from '../compute/json-writer.ts';
import type { Conversation, OpenConversation } from '../contract/api/protocol.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { Json } from '../contract/domain/json.ts';
import type { Log, Metrics } from '../contract/domain/log.ts';
import type { RunTrace } from '../contract/domain/trace.ts';
import type { RequestScope } from '../observability/request-scope.ts';
import { mayCall } from './admission.ts';
import { parseClientJson } from './body.ts';
import type { Held, UnsentBytes } from './unsent-bytes.ts';

export type SocketOptions = {
  readonly heartbeatMs: number;
  readonly maxBodyBytes: number;
  readonly maxJsonDepth: number;
  /** Origins whose pages may open a socket; clients other than browsers send no origin. */
  readonly origins: readonly string[];
  readonly accessControl: AccessControl;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly unsent: UnsentBytes;
  readonly scope: RequestScope;
};

/** An upgraded connection, and the request that opened it. */
type OpenSocket = {
  readonly conversation: Conversation;
  readonly enter: Parameters<Conversation['receive']>[1];
  readonly trace: RunTrace;
};

type Upgrade = { readonly socket: Duplex; readonly head: Buffer };

/** How long the client may take to answer a close frame. */
const closeGraceMs = 2000;
/** Messages that wait for their turn before reading pauses until they are answered. */
const maxWaiting = 16;
const goingAway = 1001;
const brokenHere = 1011;

/**
 * All open WebSockets. A request to upgrade takes the same path as any other, so that a refusal is an ordinary HTTP
 * answer; only the last step differs.
 */
export class Sockets {
  readonly #options: SocketOptions;
  readonly #server: WebSocketServer;
  readonly #upgrades = new WeakMap<IncomingMessage, Upgrade>();
  /** Each socket, with whether it has answered the last ping. */
  readonly #open = new Map<WebSocket, boolean>();
  #timer: NodeJS.Timeout | null = null;
  #draining = false;

  constructor(options: SocketOptions) {
    this.#options = options;
    const frames = { maxPayload: options.maxBodyBytes, perMessageDeflate: false };
    this.#server = new WebSocketServer({ noServer: true, clientTracking: false, ...frames });
  }

  get size(): number {
    return this.#open.size;
  }

  /** A response for an upgrade request, for which Node makes none. */
  answerFor(request: IncomingMessage, socket: Duplex, head: Buffer): ServerResponse {
    socket.on('error', () => socket.destroy());
    this.#upgrades.set(request, { socket, head });
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    response.once('finish', () => socket.end());
    return response;
  }

  isUpgrade(request: IncomingMessage): boolean {
    return this.#upgrades.has(request);
  }

  /** Accepts the upgrade, or rejects with the refusal. `openConversation` is the operation's, with its request bound. */
  async open(
    { req, res }: Context,
    { caller, callerName }: { readonly caller: Caller; readonly callerName: string },
    openConversation: (peer: Parameters<OpenConversation>[2]) => Promise<Conversation>,
  ): Promise<void> {
    const upgrade = this.#upgrades.get(req);
    if (upgrade === undefined)
      throw new GatewayError('invalid_request', { path: 'Upgrade', detail: 'must be websocket' });
    this.#checkOrigin(req);
    if (this.#draining) throw new GatewayError('draining', { retryAfterSeconds: 1 });
    const closeStream = await this.#options.accessControl.openStream(caller);
    let webSocket: WebSocket | null = null;
    const sendMessage = (message: Json) => this.#send(webSocket, message, callerName);
    const end = () => webSocket?.close(1000);
    const conversation = await openConversation({ send: sendMessage, end }).catch((refusal: unknown) => {
      closeStream();
      throw refusal;
    });
    // Messages come in no request's course, though they belong to the one that opened the socket.
    const trace = this.#options.scope.current ?? {};
    const { socket, head } = upgrade;
    const over = (): void => {
      conversation.close();
      closeStream();
    };
    if (socket.destroyed) return over();
    socket.once('close', over);
    res.detachSocket(req.socket);
    this.#server.handleUpgrade(req, socket, head, (opened) => {
      webSocket = opened;
      this.#options.metrics.count('streams_opened');
      const enter = async () => (await this.#options.accessControl.enter(req, res)).api;
      this.#listen(opened, { conversation, enter, trace });
    });
  }

  /** Closes every socket, now and from now on. */
  drain(): void {
    this.#draining = true;
    for (const webSocket of this.#open.keys()) dismiss(webSocket);
  }

  #listen(webSocket: WebSocket, { conversation, enter, trace }: OpenSocket): void {
    this.#add(webSocket);
    if (this.#draining) dismiss(webSocket);
    webSocket.on('pong', () => this.#open.has(webSocket) && this.#open.set(webSocket, true));
    webSocket.on('error', (fault) => this.#options.log.debug({ err: fault }, 'connection fault'));
    webSocket.once('close', () => this.#remove(webSocket));
    // One at a time: a client may rely on the order of its commands.
    let turn = Promise.resolve();
    let waiting = 0;
    webSocket.on('message', (data, isBinary) => {
      waiting += 1;
      if (waiting === maxWaiting) webSocket.pause();
      turn = turn
        .then(() =>
          this.#options.scope.run(trace, () => this.#receive(conversation, isBinary ? null : data.toString(), enter)),
        )
        .catch((fault: unknown) => {
          this.#options.log.error({ err: fault }, 'answering a WebSocket message failed');
          webSocket.close(brokenHere);
        })
        .finally(() => {
          waiting -= 1;
          if (waiting === 0) webSocket.resume();
        });
    });
  }

  async #receive(conversation: Conversation, text: string | null, enter: Parameters<Conversation['receive']>[1]) {
    let message: unknown;
    try {
      message = await parseMessage(text, this.#options.maxJsonDepth);
    } catch (refusal) {
      if (!(refusal instanceof GatewayError)) throw refusal;
      return await conversation.refuse(refusal);
    }
    await conversation.receive(message, enter);
  }

  /** Resolves once the message is written, so that little piles up here for a slow reader. */
  async #send(webSocket: WebSocket | null, message: Json, callerName: string): Promise<void> {
    const small = stringifySmall(message);
    const text = small ?? Buffer.concat(await encodeSliced(message));
    if (webSocket === null || webSocket.readyState !== webSocket.OPEN) return;
    const written = new Promise<void>((resolve) => webSocket.send(text, { binary: false }, () => resolve()));
    if (webSocket.bufferedAmount === 0) return await written;
    const cut = (): void => {
      held?.release();
      webSocket.terminate();
    };
    let held: Held | null = null;
    try {
      held = this.#options.unsent.hold(callerName, { content: written, bytes: text.length, cut });
    } catch (refusal) {
      if (!(refusal instanceof GatewayError)) throw refusal;
      cut();
    }
    await written;
    held?.release();
  }

  #checkOrigin(request: IncomingMessage): void {
    const { origin } = request.headers;
    if (origin === undefined || mayCall(origin, request, this.#options.origins)) return;
    throw new GatewayError('origin_forbidden');
  }

  #add(webSocket: WebSocket): void {
    this.#open.set(webSocket, true);
    this.#timer ??= setInterval(() => this.#beat(), this.#options.heartbeatMs).unref();
  }

  /** Terminates clients that did not answer the last ping; a client that reads nothing does not answer either. */
  #beat(): void {
    for (const [webSocket, isAlive] of this.#open) {
      if (!isAlive) webSocket.terminate();
      else {
        this.#open.set(webSocket, false);
        webSocket.ping();
      }
    }
  }

  #remove(webSocket: WebSocket): void {
    this.#open.delete(webSocket);
    if (this.#open.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

function dismiss(webSocket: WebSocket): void {
  webSocket.close(goingAway, 'the gateway is shutting down');
  const timer = setTimeout(() => webSocket.terminate(), closeGraceMs);
  webSocket.once('close', () => clearTimeout(timer));
}

/** Throws `malformed_json` or `invalid_request`. */
function parseMessage(text: string | null, maxJsonDepth: number): unknown {
  if (text === null) throw new GatewayError('malformed_json', { detail: 'a message must be text' });
  return parseClientJson(text, maxJsonDepth);
}
