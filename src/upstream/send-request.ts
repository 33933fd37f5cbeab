import type { Dispatcher } from 'undici';
import { type Arrival, arrivals } from '../compute/arrivals.ts';
import type { AnswerEvent } from '../contract/adapter/http.ts';
import type { Deadlines } from './deadlines.ts';
import { EventWatch, isEventStream } from './event-stream.ts';
import type { Happening } from './fault-rule.ts';
import { answerRules } from './parse-answer.ts';
import type { PulledBody } from './pulled-body.ts';
import type { AnswerHeaders } from './retry-after.ts';

/** Of an error answer only the message is used. */
const maxErrorBytes = 65_536;
/** More than this of an answer arrives in its turn. */
const maxUncountedBytes = 262_144;

export type HttpResult =
  /** `bytes` is null where an error answer could not be read to its end; its status says enough. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: AnswerHeaders;
      readonly trailers?: AnswerHeaders;
      readonly bytes: Uint8Array | null;
      /** To be called once a large answer has been read. */
      readonly leave?: () => void;
    }
  | {
      readonly kind: 'failed';
      readonly happening: Happening;
      /** For the log. */
      readonly cause: string;
      /** What is said of it, where there is more to say than what kind of happening it is. */
      readonly message?: string;
      /** Of an answer that arrived and cannot be read. */
      readonly status?: number;
      /** What arrived of it. */
      readonly beginning?: Uint8Array;
    };

export type SendOptions = {
  /** Bound the whole call, including the wait for a connection. */
  readonly deadlines: Deadlines;
  readonly maxAnswerBytes: number;
  /** Returns false where this process lost the right to act; the request is then not written. */
  readonly fence: () => boolean;
};

/** What one request has of its own. */
export type RequestOptions = {
  readonly signal: AbortSignal | undefined;
  /** Of a call that lets an answer of events go before its end. */
  readonly isEnough?: ((event: AnswerEvent) => boolean) | undefined;
  /** The body of a request over HTTP/2, where it says when the request begins to leave. */
  readonly body?: PulledBody | undefined;
};

/** Runs one request over the pool. Never rejects, and settles before its deadline whatever the pool does. */
export function sendRequest(
  pool: Dispatcher,
  request: Dispatcher.DispatchOptions,
  limits: SendOptions,
  options: RequestOptions,
): Promise<HttpResult> {
  return new Promise((resolve) => {
    const handler = new ExchangeHandler(limits, options, resolve);
    const whole = options.body === undefined ? request : { ...request, body: options.body };
    if (!handler.settled) pool.dispatch(whole as Dispatcher.DispatchOptions, handler);
  });
}

const once = { once: true } as const;

class ExchangeHandler implements Dispatcher.DispatchHandler, EventListenerObject {
  readonly #limits: SendOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (result: HttpResult) => void;
  readonly #stopClock: () => void;
  #controller: Dispatcher.DispatchController | null = null;
  #status = 0;
  #headers: AnswerHeaders = {};
  #chunks: Uint8Array[] = [];
  #size = 0;
  /** The answer says that it is too large; its beginning is awaited. */
  #isTooLarge = false;
  #arrival: Arrival | null = null;
  readonly #isEnough: RequestOptions['isEnough'];
  readonly #body: PulledBody | undefined;
  #trailers: AnswerHeaders | undefined;
  #watch: EventWatch | null = null;
  settled = false;

  constructor(limits: SendOptions, { signal, isEnough, body }: RequestOptions, resolve: (result: HttpResult) => void) {
    this.#limits = limits;
    this.#isEnough = isEnough;
    this.#body = body;
    this.#resolve = resolve;
    this.#stopClock = limits.deadlines.add(() => this.#stop('timeout'));
    this.#signal = signal;
    signal?.addEventListener('abort', this, once);
    if (signal?.aborted === true) this.#stop('aborted');
  }

  /** The signal fired. */
  handleEvent(): void {
    this.#stop('aborted');
  }

  /** Whether a byte of the request may have left. */
  get #isSent(): boolean {
    return this.#body === undefined ? this.#controller !== null : this.#body.isPulled;
  }

  /**
   * undici calls this in the same turn as the socket write, once a connection is established. Over HTTP/2 it may then find
   * that the connection takes no further stream, and call again for another one.
   */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    const again = this.#isSent;
    if (!again && !this.settled && !this.#limits.fence()) {
      this.#fail({ kind: 'aborted', sent: false }, 'the fence is down');
    }
    // A request is never written twice, and an abandoned one is not written at all.
    if (again) this.#end({ kind: 'cut' }, 'the pool wanted to send the request again');
    if (again || this.settled) controller.abort(new Error('the call is over'));
    else this.#controller = controller;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    this.#isTooLarge = Number(headers['content-length']) > this.#maxBytes();
    if (this.#isTooLarge && status >= 300) this.#overflow();
    // A packed stream can only be unpacked whole, so it is read to its end.
    const isWatched = status < 300 && isEventStream(headers) && headers['content-encoding'] === undefined;
    if (this.#isEnough !== undefined && isWatched)
      this.#watch = new EventWatch(this.#isEnough, answerRules, () => this.#letGo());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#size += chunk.byteLength;
    if (this.#size > maxUncountedBytes && this.#arrival === null && !this.settled) {
      this.#arrival = arrivals.enter(() => controller.resume());
      if (this.#arrival.isWaiting) controller.pause();
    }
    if (!this.settled) this.#chunks.push(chunk);
    if (this.#isTooLarge || this.#size > this.#maxBytes()) this.#overflow();
    if (!this.settled) this.#watch?.push(chunk);
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: AnswerHeaders): void {
    if (this.#body !== undefined) this.#trailers = trailers;
    this.#answer();
  }

  /** The rest of a stream is not read; the connection is of no further use. */
  #letGo(): void {
    if (this.settled) return;
    this.#answer();
    this.#controller?.abort(new Error('enough of the stream has arrived'));
  }

  #answer(): void {
    const [first] = this.#chunks;
    const bytes = first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
    const leave = this.#arrival === null ? {} : { leave: this.#arrival.leave };
    const trailers = this.#trailers === undefined ? {} : { trailers: this.#trailers };
    this.#settle({ kind: 'answer', status: this.#status, headers: this.#headers, bytes, ...trailers, ...leave });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    // A server that has begun to answer has not turned the request away, whatever it says.
    const isTurnedAway = this.#body !== undefined && this.#status === 0 && saysUntouched(error);
    this.#end(isTurnedAway ? { kind: 'reset' } : classify(error, this.#isSent), describe(error));
  }

  #stop(kind: 'timeout' | 'aborted'): void {
    this.#end({ kind, sent: this.#isSent }, kind);
    this.#controller?.abort(new Error(kind));
  }

  #overflow(): void {
    const [beginning] = this.#chunks;
    if (this.#status >= 300) this.#end({ kind: 'too-large' }, tooLarge);
    else
      this.#settle({
        kind: 'failed',
        happening: { kind: 'too-large' },
        cause: tooLarge,
        status: this.#status,
        beginning,
      });
    this.#controller?.abort(new Error('too large'));
  }

  /** Once an error status has arrived, it is the answer, however its body ends. */
  #end(happening: Happening, cause: string): void {
    if (this.#status >= 300) {
      this.#settle({ kind: 'answer', status: this.#status, headers: this.#headers, bytes: null });
    } else this.#fail(happening, cause);
  }

  #fail(happening: Happening, cause: string): void {
    this.#settle({ kind: 'failed', happening, cause });
  }

  #settle(result: HttpResult): void {
    if (this.settled) return;
    this.settled = true;
    this.#chunks = [];
    if (result.kind === 'failed' || result.leave === undefined) this.#arrival?.leave();
    this.#stopClock();
    this.#signal?.removeEventListener('abort', this);
    this.#resolve(result);
  }

  #maxBytes(): number {
    return this.#status >= 300 ? Math.min(maxErrorBytes, this.#limits.maxAnswerBytes) : this.#limits.maxAnswerBytes;
  }
}

const tooLarge = 'the answer is over its limit';

/** The code of an error of `buildGuardedConnector`. */
const forbiddenAddress = 'ERR_FORBIDDEN_ADDRESS';

function classify(error: Error, sent: boolean): Happening {
  const code = codeOf(error);
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return { kind: 'unsendable' };
  if (code === forbiddenAddress) return { kind: 'forbidden' };
  if (!sent) {
    if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return { kind: 'timeout', sent };
    if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') return { kind: 'aborted', sent };
    return { kind: code === 'ECONNRESET' || code === 'EPIPE' ? 'reset' : 'refused' };
  }
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') return { kind: 'timeout', sent };
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return { kind: 'too-large' };
  return { kind: code.startsWith('HPE_') || code === 'ERR_HTTP2_ERROR' ? 'malformed' : 'cut' };
}

/**
 * Whether an error of HTTP/2 proves that the server did nothing: it refused the stream (RFC 9113, section 8.7), its last
 * stream was one before ours (section 6.8), or the stream's headers were never written. There are no codes for the last
 * two; an error that reads otherwise counts as a lost answer.
 */
function saysUntouched(error: Error): boolean {
  if ('http2ErrorCode' in error) return error.http2ErrorCode === refusedStream;
  return /^HTTP\/2: ("GOAWAY" frame received|"frameError" received - type 1,)/.test(error.message);
}

/** `REFUSED_STREAM`. */
const refusedStream = 7;

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** For the log: code and message only, since undici's errors carry pieces of the answer, which may hold secrets. */
function describe(error: Error): string {
  return `${codeOf(error)} ${error.message}`.trim();
}
