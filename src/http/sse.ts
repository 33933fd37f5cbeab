import type { ServerResponse } from 'node:http';
import type { Answer, EventFeed } from '../contract/api/protocol.ts';
import type { Log, Metrics } from '../contract/domain/log.ts';
import { boundReading } from './slow-reader.ts';
import { encodeRetry, encodeSent, Frames, heartbeat } from './sse-frames.ts';

export type StreamSource = Omit<Extract<Answer, { kind: 'stream' }>, 'kind'>;

/** What is written for one reader, in whatever words. */
type Source<Event> = {
  readonly feed: { next(): Promise<readonly Event[] | null>; close(): void };
  /** Null: there is no word for the event. */
  readonly frameOf: (event: Event) => Buffer | null;
  readonly endsAfter?: ((event: Event) => boolean) | undefined;
  readonly onLeft?: (() => Promise<void>) | undefined;
  readonly runId?: string;
};

export const streamType = 'text/event-stream';

export const streamHeaders = {
  'Content-Type': streamType,
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
};

/** After a fault of ours; the reader's next try finds it gone, or is told by an error answer. */
const retryAfterFaultMs = 1000;

export type StreamOptions = {
  readonly heartbeatMs: number;
  /** A reader that takes nothing for so long is cut off. */
  readonly slowReaderMs: number;
  readonly log: Log;
  readonly metrics: Metrics;
};

/** All open streams: one timer keeps them alive, one call sends their readers away. */
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

  /** Answers with the head at once, then with events until the feed ends, the reader leaves or the gateway drains. */
  start(response: ServerResponse, { encode, eventName, ...source }: StreamSource): void {
    this.#begin(response, { ...source, frameOf: (event) => this.#frames.of(event, encode, eventName) });
  }

  /** The same for events that are told to one reader alone. */
  startEvents(response: ServerResponse, feed: EventFeed): void {
    this.#begin(response, { feed, frameOf: encodeSent });
  }

  #begin<Event>(response: ServerResponse, source: Source<Event>): void {
    // The reader may have left while its feed was made; then nothing more will be heard of it.
    if (response.closed) {
      source.feed.close();
      this.#leave(source);
      return;
    }
    const stream = new Stream(response, source.feed, this.#options.slowReaderMs);
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

  /** Sends every reader away, now and from now on; each is told to come back after `retryMs`. */
  drain(retryMs: number): void {
    this.#retryMs = retryMs;
    for (const stream of this.#open) stream.dismiss(retryMs);
  }

  async #pump<Event>(stream: Stream, { feed, frameOf, endsAfter, runId }: Source<Event>): Promise<void> {
    try {
      while (!stream.isOver) {
        const events = await feed.next();
        if (events === null) break;
        for (const event of events) {
          const frame = frameOf(event);
          // Not awaited without need: with a thousand readers of one event each turn counts.
          if (frame !== null && !stream.write(frame)) await stream.whenTaken();
          if (endsAfter?.(event) === true) return stream.end();
        }
      }
      stream.end();
    } catch (fault) {
      this.#options.log.error({ run_id: runId, err: fault }, 'stream failed');
      stream.dismiss(retryAfterFaultMs);
    }
  }

  /** The reader left before it was given the end. */
  #leave({ onLeft, runId }: Pick<Source<never>, 'onLeft' | 'runId'>): void {
    onLeft?.().catch((fault: unknown) =>
      this.#options.log.error({ run_id: runId, err: fault }, 'a run was not told that its reader left'),
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

/** One reader's answer. What it has not taken is never more than the socket's own buffer and one event. */
class Stream {
  readonly #response: ServerResponse;
  readonly #feed: { close(): void };
  readonly #slowReaderMs: number;
  #over = false;
  #resume: (() => void) | null = null;

  constructor(response: ServerResponse, feed: { close(): void }, slowReaderMs: number) {
    this.#response = response;
    this.#feed = feed;
    this.#slowReaderMs = slowReaderMs;
    response.on('drain', () => this.#wake());
    // A write may still fail after the reader has left; there is nobody left to tell.
    response.on('error', () => this.stop());
  }

  get isOver(): boolean {
    return this.#over;
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
      // What was sent and not taken is bound for as long as it is there.
      this.#response.once('close', lift);
      return;
    }
    lift();
    this.#response.setTimeout(0);
  }

  beat(): void {
    // A reader that does not even take events has no use for signs of life.
    if (!this.#over && !this.#response.writableNeedDrain) this.#response.write(heartbeat);
  }

  /** Every event was given. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#feed.close();
    this.#response.end();
  }

  /** Ends the answer before the run does. */
  dismiss(retryMs: number): void {
    if (this.#over) return;
    this.stop();
    this.#response.end(encodeRetry(retryMs));
  }

  /** Nothing is written any more. */
  stop(): void {
    this.#over = true;
    this.#feed.close();
    this.#wake();
  }

  #wake(): void {
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
  }
}
