import type { Context } from 'koa';
import { stringifySmall } from '../compute/json-writer.ts';
import type { Answer, ListAnswer, NextPage } from '../contract/api/protocol.ts';
import { assertNever } from '../contract/domain/assert-never.ts';
import type { Waiting } from '../contract/domain/waiting.ts';
import { type LargeAnswers, maxWrittenAtOnce, type Reader } from './large-answers.ts';
import { type WrittenList, writeList } from './lists.ts';
import { type Streams, streamHeaders } from './sse.ts';
import type { UnsentBytes } from './unsent-bytes.ts';

type JsonAnswer = Extract<Answer, { kind: 'json' }>;
type StreamAnswer = Extract<Answer, { kind: 'stream' | 'events' }>;

export type AnswersDeps = {
  readonly streams: Streams;
  readonly large: LargeAnswers;
  readonly unsent: UnsentBytes;
  readonly maxListBytes: number;
};

/** Where an answer goes: the mount that its paths begin with, and the caller that its bytes are counted for. */
export type Destination = Reader & { readonly prefix: string };

/** Turns the answers of protocols into Koa's. */
export class Answers {
  readonly #deps: AnswersDeps;
  /** Lasting answers are given again and again: their texts are made once and live as long as their bodies do. */
  readonly #texts = new WeakMap<object, string>();

  constructor(deps: AnswersDeps) {
    this.#deps = deps;
  }

  /** A promise where the answer is still to be made. Throws or rejects with the refusals of unsent bytes. */
  send(context: Context, answer: Answer, { prefix, ...reader }: Destination): Promise<void> | undefined {
    if ('runId' in answer && answer.runId !== undefined)
      context.set('Content-Location', `${prefix}/runs/${answer.runId}`);
    if ('replayed' in answer && answer.replayed === true) context.set('Idempotent-Replayed', 'true');
    if ('waiting' in answer && answer.waiting !== undefined)
      context.set('X-Rungate-Waiting', encodeWaiting(answer.waiting));
    if ('retryAfterSeconds' in answer && answer.retryAfterSeconds !== undefined)
      context.set('Retry-After', `${answer.retryAfterSeconds}`);
    if (answer.headers !== undefined) context.set(answer.headers);
    switch (answer.kind) {
      case 'json':
        return this.#sendJson(context, answer, reader);
      case 'list':
        return this.#sendList(context, answer, reader);
      case 'empty':
        // Koa would write the status in words where it has a body.
        context.body = null;
        context.status = answer.status;
        return undefined;
      case 'stream':
      case 'events':
        this.#sendStream(context, answer, reader.caller);
        return undefined;
      default:
        return assertNever(answer);
    }
  }

  async #sendList(context: Context, list: ListAnswer, { caller, askAgain }: Reader): Promise<void> {
    const { maxListBytes, large } = this.#deps;
    const small = await writeList(list, { maxBytes: maxListBytes, maxSmall: maxWrittenAtOnce });
    if (small !== null) return this.#sendWritten(context, caller, small);
    // A list that is long is read from its beginning when its turn comes.
    await large.takeTurn(caller, async () => {
      const again = (await askAgain?.()) ?? list;
      if (again.kind === 'list') await this.#sendLong(context, caller, again);
    });
  }

  async #sendLong(context: Context, caller: string, list: ListAnswer): Promise<void> {
    const { maxListBytes, unsent } = this.#deps;
    // Where there is no room for the longest page, one row comes.
    const reserved = unsent.reserve(caller, maxListBytes);
    const written = await writeList(list, { maxBytes: reserved === null ? 0 : maxListBytes, maxSmall: null }).finally(
      () => reserved?.release(),
    );
    if (written !== null) this.#sendWritten(context, caller, written);
  }

  #sendWritten(context: Context, caller: string, { buffers, next, total }: WrittenList): void {
    context.status = 200;
    if (total !== null) context.set('X-Pagination-Total', `${total}`);
    if (next !== null) {
      context.set('X-Pagination-Next', next.value);
      if (context.method === 'GET' || context.method === 'HEAD') context.set('Link', linkToNext(context, next));
    }
    this.#deps.large.sendBuffers(context, caller, buffers);
  }

  #sendJson(context: Context, answer: JsonAnswer, reader: Reader): Promise<void> | undefined {
    const { body, lasting = false } = answer;
    const known = lasting && typeof body === 'object' && body !== null ? this.#texts.get(body) : undefined;
    const text = known ?? stringifySmall(body);
    // Koa gives a text 200 by itself.
    if (text === null || answer.status !== 200) context.status = answer.status;
    if (text === null) return this.#deps.large.sendJson(context, answer, reader);
    if (known === undefined && lasting && typeof body === 'object' && body !== null) this.#texts.set(body, text);
    setJson(context, text, answer.contentType);
    return undefined;
  }

  #sendStream(context: Context, answer: StreamAnswer, caller: string): void {
    if (context.method === 'HEAD') {
      void answer.events.return();
      context.status = 200;
      context.set(streamHeaders);
      return;
    }
    // Koa would end the answer as soon as the last step returns.
    context.respond = false;
    const { streams } = this.#deps;
    if (answer.kind === 'events') streams.startEvents(context.res, answer, caller);
    else streams.start(context.res, answer, caller);
  }
}

/** A link to the same list from another row on (RFC 8288). */
function linkToNext({ path, query }: Context, { name, value }: NextPage): string {
  const params = new URLSearchParams();
  for (const [key, given] of Object.entries(query)) for (const each of [given ?? []].flat()) params.append(key, each);
  params.set(name, value);
  return `<${path}?${params}>; rel="next"`;
}

/** An item of RFC 9651: the cause, and how many seconds from now the run goes on or tries again, where that is known. */
function encodeWaiting({ cause, retryAtMs }: Waiting): string {
  const seconds = retryAtMs === null ? -1 : Math.ceil((retryAtMs - Date.now()) / 1000);
  return seconds < 0 ? cause : `${cause}; retry-after=${seconds}`;
}

/** Answers with JSON text. Koa would add a charset, which JSON does not have (RFC 8259, section 11). */
export function setJson(context: Context, text: string, contentType = 'application/json'): void {
  context.res.setHeader('Content-Type', contentType);
  context.body = text;
}
