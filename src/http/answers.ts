import type { Context } from 'koa';
import type { Answer } from '../contract/api/protocol.ts';
import { assertNever } from '../contract/domain/assert-never.ts';
import { type Streams, streamHeaders } from './sse.ts';

type JsonAnswer = Extract<Answer, { kind: 'json' }>;
type StreamAnswer = Extract<Answer, { kind: 'stream' | 'events' }>;

/** Turns the answers of protocols into Koa's. */
export class Answers {
  readonly #streams: Streams;
  /** Lasting answers are given again and again: their texts are made once and live as long as they do. */
  readonly #texts = new WeakMap<JsonAnswer, string>();

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  /** `prefix` is where the protocol is mounted. */
  send(context: Context, answer: Answer, prefix: string): void {
    if ('runId' in answer && answer.runId !== undefined)
      context.set('Content-Location', `${prefix}/runs/${answer.runId}`);
    if ('replayed' in answer && answer.replayed === true) context.set('Idempotent-Replayed', 'true');
    switch (answer.kind) {
      case 'json':
        context.status = answer.status;
        setJson(context, this.#textOf(answer));
        return;
      case 'empty':
        context.status = answer.status;
        return;
      case 'stream':
      case 'events':
        this.#sendStream(context, answer);
        return;
      default:
        assertNever(answer);
    }
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

/** Answers with JSON text. Koa would add a charset, which JSON does not have (RFC 8259, section 11). */
export function setJson(context: Context, text: string): void {
  context.set('Content-Type', 'application/json');
  context.body = text;
}
