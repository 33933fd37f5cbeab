import type { ServerResponse } from 'node:http';
import type { Answer } from '../contract/dialect.ts';
import type { Log } from '../contract/log.ts';
import type { RunFeed } from '../contract/use-cases.ts';
import { encodeRetry, Frames, heartbeat } from './frames.ts';

export type StreamSource = Omit<Extract<Answer, { kind: 'stream' }>, 'kind'>;

export const streamType = 'text/event-stream';

export const streamHeaders = {
  'Content-Type': streamType,
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
};

/** After a fault of ours; the reader's next try finds it gone, or is told by an error answer. */
const retryAfterFaultMs = 1000;

/** All open streams: one timer keeps them alive, one call sends their readers away. */
export class Streams {
  readonly #open = new Set<Stream>();
  readonly #frames = new Frames();
  readonly #heartbeatMs: number;
  readonly #log: Log;
  readonly #slowReaderMs: number;
  #timer: NodeJS.Timeout | null = null;
  /** Set once the gateway drains. */
  #retryMs: number | null = null;

  /** A reader that takes nothing for `slowReaderMs` is cut off. */
  constructor(heartbeatMs: number, log: Log, slowReaderMs: number) {
    this.#heartbeatMs = heartbeatMs;
    this.#log = log;
    this.#slowReaderMs = slowReaderMs;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Answers with the head at once, then with events until the feed ends, the reader leaves or the gateway drains. */
  start(response: ServerResponse, source: StreamSource): void {
    // The reader may have left while its feed was made; then nothing more will be heard of it.
    if (response.closed) {
      source.feed.close();
      this.#leave(source);
      return;
    }
    const stream = new Stream(response, source.feed, this.#slowReaderMs);
    response.writeHead(200, streamHeaders);
    response.flushHeaders();
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

  async #pump(stream: Stream, source: StreamSource): Promise<void> {
    const { encode, eventName, endsAfter, runId } = source;
    try {
      for (let events = await stream.next(); events !== null; events = await stream.next()) {
        for (const event of events) {
          const frame = this.#frames.of(event, encode, eventName);
          if (frame !== null) await stream.send(frame);
          if (endsAfter?.(event) === true) return stream.end();
        }
      }
      stream.end();
    } catch (fault) {
      this.#log.error({ run_id: runId, err: fault }, 'stream failed');
      stream.dismiss(retryAfterFaultMs);
    }
  }

  /** The reader left before it was given the end. */
  #leave({ onLeft, runId }: StreamSource): void {
    onLeft?.().catch((fault: unknown) =>
      this.#log.error({ run_id: runId, err: fault }, 'a run was not told that its reader left'),
    );
  }

  #add(stream: Stream): void {
    this.#open.add(stream);
    this.#timer ??= setInterval(() => {
      for (const each of this.#open) each.beat();
    }, this.#heartbeatMs).unref();
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
  readonly #feed: RunFeed;
  readonly #slowReaderMs: number;
  #over = false;
  #resume: (() => void) | null = null;

  constructor(response: ServerResponse, feed: RunFeed, slowReaderMs: number) {
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

  async next() {
    return this.#over ? null : await this.#feed.next();
  }

  /** Resolves when more may be sent. */
  async send(frame: Buffer): Promise<void> {
    if (this.#over || this.#response.write(frame)) return;
    // Node counts what the reader takes as life, and destroys the socket of one that takes nothing.
    this.#response.setTimeout(this.#slowReaderMs);
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
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
