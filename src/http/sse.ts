import type { ServerResponse } from 'node:http';
import type { Answer } from '../contract/api/protocol.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { EventBatches, SentEvent } from '../contract/domain/event.ts';
import type { Log, Metrics } from '../contract/domain/log.ts';
import { boundReading } from './slow-reader.ts';
import { encodeRetry, encodeSent, type Frame, Frames, heartbeat } from './sse-frames.ts';
import type { Held, UnsentBytes } from './unsent-bytes.ts';

export type StreamSource = Omit<Extract<Answer, { kind: 'stream' }>, 'kind'>;
export type SentEventSource = Omit<Extract<Answer, { kind: 'events' }>, 'kind'>;

/** Events for one reader, and how they are written. */
type Source<Event> = {
  readonly events: EventBatches<Event>;
  /** Null: the protocol has no such event. */
  readonly frameOf: (event: Event) => Frame;
  readonly endsAfter?: ((event: Event) => boolean) | undefined;
  readonly onLeft?: (() => Promise<void>) | undefined;
  /** Sent where the events cannot go on, in place of the time after which to reconnect. */
  readonly farewell?: SentEvent | undefined;
  readonly runId?: string;
  /** Whose bytes its frames are. */
  readonly caller: string;
};

export const streamType = 'text/event-stream';

export const streamHeaders = {
  'Content-Type': streamType,
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
};

/** Sent after an internal fault: on reconnect the reader finds it gone, or gets an error answer. */
const retryAfterFaultMs = 1000;

export type StreamOptions = {
  readonly heartbeatMs: number;
  /** A reader that takes nothing for this long is cut off. */
  readonly slowReaderMs: number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly unsent: UnsentBytes;
};

/** All open streams: one timer sends their heartbeats, one call ends them. */
export class Streams {
  readonly #open = new Set<Stream>();
  readonly #frames = new Frames();
  readonly #options: StreamOptions;
  #timer: NodeJS.Timeout | null = null;
  /** Set once the gateway drains. */
  #retryMs: number | null = null;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Answers with the head at once, then with events until they end, the reader leaves or the gateway drains. */
  start(response: ServerResponse, { encode, eventName, ...source }: StreamSource, caller: string): void {
    this.#begin(response, { ...source, caller, frameOf: (event) => this.#frames.of(event, encode, eventName) });
  }

  /** The same for events that are prepared for one reader alone. */
  startEvents(response: ServerResponse, source: SentEventSource, caller: string): void {
    this.#begin(response, { ...source, caller, frameOf: encodeSent });
  }

  #begin<Event>(response: ServerResponse, source: Source<Event>): void {
    // The reader may have left while its events were prepared; no `close` event follows then.
    if (response.closed) {
      void source.events.return();
      this.#leave(source);
      return;
    }
    const { slowReaderMs } = this.#options;
    const stream = new Stream(response, source.events, { slowReaderMs, farewell: source.farewell });
    response.writeHead(200, streamHeaders);
    response.flushHeaders();
    this.#options.metrics.count('streams_opened');
    this.#add(stream);
    response.once('close', () => {
      this.#remove(stream);
      if (!stream.isOver) this.#leave(source);
      stream.stop();
    });
    if (this.#retryMs !== null) stream.dismiss(this.#retryMs);
    else void this.#pump(stream, source);
  }

  /** Ends every stream, now and from now on; each reader is asked to reconnect after `retryMs`. */
  drain(retryMs: number): void {
    this.#retryMs = retryMs;
    for (const stream of this.#open) stream.dismiss(retryMs);
  }

  async #pump<Event>(stream: Stream, source: Source<Event>): Promise<void> {
    const { events, frameOf, endsAfter, runId, caller } = source;
    events.tap?.((news, isEnd) => takeAtOnce(stream, source, { news, isEnd }));
    try {
      for (;;) {
        let result: IteratorResult<readonly Event[], undefined> | null = await events.next();
        const untaken = stream.untaken;
        stream.untaken = null;
        if (untaken !== null) await this.#waitFor(stream, caller, untaken);
        if (result.done === true) return stream.end();
        let batch: readonly Event[] = result.value;
        result = null;
        for (let at = 0; at < batch.length; at += 1) {
          const made = frameOf(batch[at] as Event);
          const isLast = endsAfter?.(batch[at] as Event) === true;
          // The frame of a large event is enough: a slow reader does not keep the event too.
          if (made instanceof Promise) [batch, at] = [batch.slice(at + 1), -1];
          const frame = made instanceof Promise ? await made : made;
          // Awaited only when the reader is slow: with a thousand readers of one event each promise turn counts.
          if (frame !== null && !stream.write(frame)) await this.#waitFor(stream, caller, frame);
          if (isLast) return stream.end();
        }
      }
    } catch (fault) {
      this.#options.log.error({ run_id: runId, err: fault }, 'stream failed');
      stream.dismiss(retryAfterFaultMs);
    }
  }

  /** Resolves once the frame is taken. Where there is no room for it, the reader has to come again. */
  async #waitFor(stream: Stream, caller: string, frame: Buffer): Promise<void> {
    const cut = (): void => {
      held?.release();
      stream.cut();
    };
    let held: Held | null = null;
    try {
      held = this.#options.unsent.hold(caller, { content: frame, bytes: frame.length, cut });
    } catch (refusal) {
      if (!(refusal instanceof GatewayError)) throw refusal;
      return cut();
    }
    await stream.whenTaken();
    held.release();
  }

  /** The reader left before the end of its stream. */
  #leave({ onLeft, runId }: Pick<Source<never>, 'onLeft' | 'runId'>): void {
    onLeft?.().catch((fault: unknown) =>
      this.#options.log.error({ run_id: runId, err: fault }, 'cancelling a run on client disconnect failed'),
    );
  }

  #add(stream: Stream): void {
    this.#open.add(stream);
    this.#timer ??= setInterval(() => {
      for (const each of this.#open) each.beat();
    }, this.#options.heartbeatMs).unref();
  }

  #remove(stream: Stream): void {
    this.#open.delete(stream);
    if (this.#open.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

type News<Event> = { readonly news: readonly Event[]; readonly isEnd: boolean };

/**
 * Writes small events in the turn in which they come, and sends them: of a thousand readers the first has them before they
 * are written for the last one, and all have them before a thousand promises are settled. Gives those that are left; null:
 * the reader has all. Never throws.
 */
function takeAtOnce<Event>(stream: Stream, source: Source<Event>, news: News<Event>): readonly Event[] | null {
  stream.cork();
  try {
    return writeAtOnce(stream, source, news);
  } finally {
    stream.uncork();
  }
}

function writeAtOnce<Event>(
  stream: Stream,
  { frameOf, endsAfter }: Source<Event>,
  { news, isEnd }: News<Event>,
): readonly Event[] | null {
  for (let at = 0; at < news.length; at += 1) {
    const event = news[at] as Event;
    const frame = tryFrame(frameOf, event);
    if (frame === undefined || frame instanceof Promise || stream.isSlow) return news.slice(at);
    if (endsAfter?.(event) === true || (isEnd && at === news.length - 1 && stream.hasRoomFor(frame))) {
      stream.end(frame);
      return null;
    }
    if (frame !== null && !stream.write(frame)) {
      stream.untaken = frame;
      return news.slice(at + 1);
    }
  }
  return null;
}

/** Undefined where it cannot be made: then the fault is met again, and reported, where the event is handed over. */
function tryFrame<Event>(frameOf: (event: Event) => Frame, event: Event): Frame | undefined {
  try {
    return frameOf(event);
  } catch {
    return undefined;
  }
}

/** One reader's answer. At most the socket's own buffer and one event wait for the reader. */
class Stream {
  readonly #response: ServerResponse;
  readonly #events: EventBatches<unknown>;
  readonly #slowReaderMs: number;
  readonly #farewell: SentEvent | undefined;
  /** What was written and the reader is too slow for; {@link whenTaken} has to come. */
  untaken: Buffer | null = null;
  #over = false;
  #resume: (() => void) | null = null;

  constructor(
    response: ServerResponse,
    events: EventBatches<unknown>,
    { slowReaderMs, farewell }: { readonly slowReaderMs: number; readonly farewell: SentEvent | undefined },
  ) {
    this.#response = response;
    this.#events = events;
    this.#slowReaderMs = slowReaderMs;
    this.#farewell = farewell;
    response.on('drain', () => this.#wake());
    // A write may still fail after the reader has left; there is no one to answer.
    response.on('error', () => this.stop());
  }

  get isOver(): boolean {
    return this.#over;
  }

  get isSlow(): boolean {
    return this.#response.writableNeedDrain;
  }

  /** Whether a frame would leave the reader one that is not slow. */
  hasRoomFor(frame: Buffer | null): boolean {
    const { writableLength, writableHighWaterMark } = this.#response;
    return frame === null || writableLength + frame.length < writableHighWaterMark;
  }

  /** Gathers what is written until {@link uncork} sends it, where Node would send it at the end of the turn. */
  cork(): void {
    this.#response.socket?.cork();
  }

  uncork(): void {
    this.#response.socket?.uncork();
  }

  /** False: the reader is slow; {@link whenTaken} comes before more is written. */
  write(frame: Buffer): boolean {
    return this.#over || this.#response.write(frame);
  }

  /** Resolves when more may be sent. */
  async whenTaken(): Promise<void> {
    const lift = boundReading(this.#response, this.#slowReaderMs);
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
    if (this.#over) {
      // The bound stays until what was sent is taken or the connection closes.
      if (!this.#response.closed) await new Promise<void>((resolve) => this.#response.once('close', () => resolve()));
      lift();
      return;
    }
    lift();
    this.#response.setTimeout(0);
  }

  beat(): void {
    // A reader that does not take events needs no heartbeat.
    if (!this.#over && !this.#response.writableNeedDrain) this.#response.write(heartbeat);
  }

  /** Ends the answer after its last event, the frame of which may come with the end. */
  end(frame: Buffer | null = null): void {
    if (this.#over) return;
    this.#over = true;
    this.#response.end(frame);
    void this.#events.return();
  }

  /** Ends the answer before the run does. */
  dismiss(retryMs: number): void {
    if (this.#over) return;
    this.stop();
    const last = this.#farewell === undefined ? encodeRetry(retryMs) : encodeSent(this.#farewell);
    // One that is large could not be sent in this turn.
    this.#response.end(last instanceof Promise ? encodeRetry(retryMs) : last);
  }

  /** Drops what the reader has not taken, and the connection with it. */
  cut(): void {
    this.stop();
    this.#response.destroy();
  }

  /** Writes nothing more. */
  stop(): void {
    this.#over = true;
    void this.#events.return();
    this.#wake();
  }

  #wake(): void {
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
  }
}
