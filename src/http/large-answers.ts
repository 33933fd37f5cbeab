import { Readable } from 'node:stream';
import type { Context } from 'koa';
import { encodeSliced } from '../compute/json-writer.ts';
import type { Answer } from '../contract/api/protocol.ts';
import { sizeOf } from './lists.ts';
import { boundReading } from './slow-reader.ts';
import type { UnsentBytes } from './unsent-bytes.ts';
import { whenOver } from './when-over.ts';

/** Larger answers are written as the reader takes them. */
export const maxWrittenAtOnce = 65_536;

type Buffers = readonly Buffer[];
type JsonAnswer = Extract<Answer, { kind: 'json' }>;

/** A large answer's reader, and how it can be answered again; null: what it asked for cannot be done twice. */
export type Reader = { readonly caller: string; readonly askAgain: (() => Promise<Answer>) | null };

/**
 * Answers that take more than one write. One is made at a time: what waits for its turn is a question, not an answer in
 * memory. Equal readers of a lasting answer share its buffers.
 */
export class LargeAnswers {
  readonly #unsent: UnsentBytes;
  readonly #slowReaderMs: number;
  /** The buffers of lasting answers, by their bodies, for as long as a reader has them. */
  readonly #made = new WeakMap<object, WeakRef<Buffers> | Promise<Buffers>>();
  #turn: Promise<unknown> = Promise.resolve();
  #inTurn = 0;

  constructor(unsent: UnsentBytes, slowReaderMs: number) {
    this.#unsent = unsent;
    this.#slowReaderMs = slowReaderMs;
  }

  /** Answers with a large JSON value. Rejects with `too_many_unsent_bytes` or `unsent_bytes_exhausted`. */
  sendJson(context: Context, answer: JsonAnswer, { caller, askAgain }: Reader): Promise<void> {
    const isBusy = this.#inTurn > 0 && !this.#isMade(answer);
    return isBusy && askAgain !== null
      ? this.#sendLater(context, caller, askAgain)
      : this.#sendInTurn(context, answer, caller);
  }

  /** The answer itself is forgotten: it is read again when its turn comes. No function made here may hold it. */
  #sendLater(context: Context, caller: string, askAgain: () => Promise<Answer>): Promise<void> {
    return this.takeTurn(caller, () => this.#askAgain(context, caller, askAgain));
  }

  #sendInTurn(context: Context, answer: JsonAnswer, caller: string): Promise<void> {
    return this.takeTurn(caller, () => this.#sendNow(context, answer, caller));
  }

  /** Does what makes a large answer once no other is being made. Rejects at once where the caller has no room for one. */
  async takeTurn<T>(caller: string, work: () => Promise<T>): Promise<T> {
    this.#inTurn += 1;
    const done = this.#turn.then(async () => {
      this.#unsent.checkRoom(caller);
      return await work();
    });
    this.#turn = done.then(
      () => {},
      () => {},
    );
    return await done.finally(() => {
      this.#inTurn -= 1;
    });
  }

  /** Answers with JSON that is in buffers: Koa writes one after the other, as the reader takes them. */
  sendBuffers(context: Context, caller: string, buffers: Buffers, mustHold = false): void {
    const size = sizeOf(buffers);
    const { req, res, method } = context;
    if (size <= maxWrittenAtOnce || method === 'HEAD') {
      context.body = size <= maxWrittenAtOnce ? Buffer.concat(buffers, size) : '';
    } else if (!res.closed) {
      const held = this.#unsent.hold(caller, {
        ...{ content: buffers, bytes: size, mustHold },
        cut: () => {
          held.release();
          req.socket.destroy();
        },
      });
      const lift = boundReading(res, this.#slowReaderMs);
      res.on('drain', held.progress);
      whenOver(req, res, () => {
        held.release();
        lift();
      });
      context.body = Readable.from(buffers, { objectMode: false });
    }
    // Koa would take it for bytes of any kind.
    context.set('Content-Type', 'application/json');
    context.length = size;
  }

  async #askAgain(context: Context, caller: string, askAgain: () => Promise<Answer>): Promise<void> {
    const answer = await askAgain();
    // It was removed, or has changed, as it may between any two questions.
    if (answer.kind === 'json') return await this.#sendNow(context, answer, caller);
    context.status = answer.kind === 'empty' ? answer.status : 503;
  }

  async #sendNow(context: Context, answer: JsonAnswer, caller: string): Promise<void> {
    // What a request that is no question has done must be answered.
    this.sendBuffers(context, caller, await this.#make(answer), context.method !== 'GET');
    if (answer.contentType !== undefined) context.set('Content-Type', answer.contentType);
  }

  #isMade({ body, lasting }: JsonAnswer): boolean {
    const made = lasting === true && typeof body === 'object' && body !== null ? this.#made.get(body) : undefined;
    return made instanceof Promise || made?.deref() !== undefined;
  }

  async #make({ body, lasting }: JsonAnswer): Promise<Buffers> {
    if (lasting !== true || typeof body !== 'object' || body === null) return await encodeSliced(body);
    const made = this.#made.get(body);
    const known = made instanceof Promise ? await made : made?.deref();
    if (known !== undefined) return known;
    const making = encodeSliced(body);
    this.#made.set(body, making);
    const buffers = await making;
    this.#made.set(body, new WeakRef(buffers));
    return buffers;
  }
}
