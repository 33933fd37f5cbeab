import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientHttp2Stream } from 'node:http2';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Dispatcher, Pool } from 'undici';
import type { WrittenRequest } from './call-request.ts';
import { buildHttp2Connector, type ConnectorOptions } from './connector.ts';
import { Deadlines } from './deadlines.ts';
import { framedBytes } from './grpc-frame.ts';
import { PulledBody } from './pulled-body.ts';
import { type HttpResult, type SendOptions, sendRequest } from './send-request.ts';

/** Streams on one connection: undici's own ceiling, whatever the peer allows. */
const maxStreams = 100;
/** Idle connections are closed before the minute after which proxies drop them. */
const keepAliveMs = 50_000;
/** `grpc-timeout` has eight digits. */
const maxSaidMs = 99_999_999;
/** Node's channel on which it announces every answer over HTTP/2 of this process. */
const answered = 'http2.client.stream.finish';

export type RpcPoolOptions = ConnectorOptions &
  Omit<SendOptions, 'deadlines'> & {
    readonly origin: string;
    /** Bounds a whole call, without the time for which the vendor may hold it. */
    readonly timeoutMs: number;
    readonly maxConnections: number;
  };

/** The HTTP/2 connections to one origin. Opens nothing until the first call; throws for TLS options that cannot be read. */
export class RpcPool {
  readonly #options: RpcPoolOptions;
  readonly #connect: ReturnType<typeof buildHttp2Connector>;
  /** By how long the vendor may hold its answer. */
  readonly #limits = new Map<number, SendOptions>();
  #pool: Dispatcher | null = null;
  #peerMaxStreams = maxStreams;

  constructor(options: RpcPoolOptions) {
    this.#options = options;
    this.#connect = buildHttp2Connector(options);
  }

  /** Half of the streams that may be open, so that other calls find one. */
  maxHeld(): number {
    return Math.floor((this.#options.maxConnections * Math.min(maxStreams, this.#peerMaxStreams)) / 2);
  }

  /** Sends a framed message. Never rejects, and settles before its deadline. */
  async send(request: WrittenRequest, signal: AbortSignal | undefined, holdMs: number): Promise<HttpResult> {
    const { timeoutMs } = this.#options;
    const boundMs = timeoutMs + holdMs;
    // A stream that undici itself finds late has it ask whether the peer is still there, and open a new connection if not.
    const lateMs = Math.ceil(boundMs - Math.min(200, boundMs / 20));
    const { origin, path, method, framed = new Uint8Array() } = request;
    const headers = { ...request.headers, 'grpc-timeout': `${Math.min(Math.ceil(boundMs), maxSaidMs)}m` };
    // A hang-up that has arrived is read before a stream is opened, so that the call takes another connection: between two
    // immediates all that has arrived is read. undici itself does so for HTTP/1.1 alone.
    await nextTurn();
    await nextTurn();
    return await sendRequest(
      this.#open(),
      { origin, path, method, headers, headersTimeout: lateMs, bodyTimeout: lateMs },
      this.#limitsOf(boundMs),
      { signal, body: new PulledBody(framed) },
    );
  }

  async close(): Promise<void> {
    for (const { deadlines } of this.#limits.values()) deadlines.close();
    if (this.#pool === null) return;
    unsubscribe(answered, this.#noteAnswer);
    await this.#pool.destroy();
  }

  #open(): Dispatcher {
    if (this.#pool !== null) return this.#pool;
    const { origin, maxConnections } = this.#options;
    const options = {
      connections: maxConnections,
      connect: this.#connect,
      allowH2: true,
      // Read by the pool, so that it waits for the first connection in place of opening one for each call.
      useH2c: origin.startsWith('http:'),
      keepAliveTimeout: keepAliveMs,
      h2Options: { maxConcurrentStreams: maxStreams },
    };
    this.#pool = new Pool(origin, options);
    subscribe(answered, this.#noteAnswer);
    return this.#pool;
  }

  /** What the peer allows stands in its settings, which undici does not show. */
  readonly #noteAnswer = (event: unknown): void => {
    const { session, sentHeaders } = (event as { readonly stream: ClientHttp2Stream }).stream;
    const origin = `${sentHeaders?.[':scheme']}://${sentHeaders?.[':authority']}`;
    const max = session?.remoteSettings?.maxConcurrentStreams;
    if (origin === this.#options.origin && max !== undefined) this.#peerMaxStreams = max;
  };

  #limitsOf(boundMs: number): SendOptions {
    const { maxAnswerBytes, fence } = this.#options;
    const found = this.#limits.get(boundMs) ?? {
      deadlines: new Deadlines(boundMs),
      maxAnswerBytes: framedBytes(maxAnswerBytes),
      fence,
    };
    this.#limits.set(boundMs, found);
    return found;
  }
}
