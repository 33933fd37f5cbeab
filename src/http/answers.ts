import { Readable } from 'node:stream';
import type { Context } from 'koa';
import type { Answer, ListAnswer, NextPage } from '../contract/api/protocol.ts';
import { assertNever } from '../contract/domain/assert-never.ts';
import type { Waiting } from '../contract/domain/waiting.ts';
import { sizeOf, writeList } from './lists.ts';
import { type Streams, streamHeaders } from './sse.ts';

/** Larger answers are written as the reader takes them. */
const maxWrittenAtOnce = 65_536;

type JsonAnswer = Extract<Answer, { kind: 'json' }>;
type StreamAnswer = Extract<Answer, { kind: 'stream' | 'events' }>;

/** Turns the answers of protocols into Koa's. */
export class Answers {
  readonly #streams: Streams;
  /** Lasting answers are given again and again: their texts are made once and live as long as they do. */
  readonly #texts = new WeakMap<JsonAnswer, string>();

  readonly #maxListBytes: number;

  constructor(streams: Streams, maxListBytes: number) {
    this.#streams = streams;
    this.#maxListBytes = maxListBytes;
  }

  /** `prefix` is where the protocol is mounted. A promise where the answer is still to be made. */
  send(context: Context, answer: Answer, prefix: string): Promise<void> | undefined {
    if ('runId' in answer && answer.runId !== undefined)
      context.set('Content-Location', `${prefix}/runs/${answer.runId}`);
    if ('replayed' in answer && answer.replayed === true) context.set('Idempotent-Replayed', 'true');
    if ('waiting' in answer && answer.waiting !== undefined)
      context.set('X-Rungate-Waiting', encodeWaiting(answer.waiting));
    switch (answer.kind) {
      case 'json':
        context.status = answer.status;
        setJson(context, this.#textOf(answer));
        return undefined;
      case 'list':
        return this.#sendList(context, answer);
      case 'empty':
        context.status = answer.status;
        return undefined;
      case 'stream':
      case 'events':
        this.#sendStream(context, answer);
        return undefined;
      default:
        return assertNever(answer);
    }
  }

  async #sendList(context: Context, list: ListAnswer): Promise<void> {
    const { buffers, next } = await writeList(list, this.#maxListBytes, () => true);
    context.status = 200;
    if (next !== null) {
      context.set('X-Pagination-Next', next.value);
      if (context.method === 'GET' || context.method === 'HEAD') context.set('Link', linkToNext(context, next));
    }
    setBuffers(context, buffers);
  }

  #textOf(answer: JsonAnswer): string {
    if (answer.lasting !== true) return JSON.stringify(answer.body);
    let text = this.#texts.get(answer);
    if (text === undefined) {
      text = JSON.stringify(answer.body);
      this.#texts.set(answer, text);
    }
    return text;
  }

  #sendStream(context: Context, answer: StreamAnswer): void {
    if (context.method === 'HEAD') {
      void answer.events.return();
      context.status = 200;
      context.set(streamHeaders);
      return;
    }
    // Koa would end the answer as soon as the last step returns.
    context.respond = false;
    if (answer.kind === 'events') this.#streams.startEvents(context.res, answer.events);
    else this.#streams.start(context.res, answer);
  }
}

/** A link to the same list from another row on (RFC 8288). */
function linkToNext({ path, query }: Context, { name, value }: NextPage): string {
  const params = new URLSearchParams();
  for (const [key, given] of Object.entries(query)) for (const each of [given ?? []].flat()) params.append(key, each);
  params.set(name, value);
  return `<${path}?${params}>; rel="next"`;
}

/** Answers with JSON that is in buffers already: Koa writes one after the other, as the reader takes them. */
function setBuffers(context: Context, buffers: readonly Buffer[]): void {
  context.set('Content-Type', 'application/json');
  const size = sizeOf(buffers);
  const isSmall = size <= maxWrittenAtOnce;
  context.body = isSmall ? Buffer.concat(buffers, size) : Readable.from(buffers, { objectMode: false });
  context.set('Content-Type', 'application/json');
  context.length = size;
}

/** An item of RFC 9651: the cause, and how many seconds from now the run goes on or tries again, where that is known. */
function encodeWaiting({ cause, retryAtMs }: Waiting): string {
  const seconds = retryAtMs === null ? -1 : Math.ceil((retryAtMs - Date.now()) / 1000);
  return seconds < 0 ? cause : `${cause}; retry-after=${seconds}`;
}

/** Answers with JSON text. Koa would add a charset, which JSON does not have (RFC 8259, section 11). */
export function setJson(context: Context, text: string): void {
  context.set('Content-Type', 'application/json');
  context.body = text;
}
