import type { EventBatches, SentEvent } from '../../contract/domain/event.ts';
import type { JsonObject } from '../../contract/domain/json.ts';

/** Messages from several sources on one stream, in the order in which they come. */
export class Notifications implements EventBatches<SentEvent> {
  readonly #onClosed: (() => void)[] = [];
  #waiting: SentEvent[];
  #news = Promise.withResolvers<void>();
  #taken = Promise.withResolvers<void>();
  #isEnding = false;
  #isOver = false;
  #fault: unknown = null;

  constructor(first: JsonObject) {
    this.#waiting = [{ data: first }];
    this.#news.resolve();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Called once the reader has left or has all. */
  onClosed(close: () => void): void {
    if (this.#isOver) close();
    else this.#onClosed.push(close);
  }

  /** Resolves when the message is taken, so that a source is no faster than its reader. */
  put(message: JsonObject): Promise<void> {
    if (this.#isOver || this.#isEnding) return Promise.resolve();
    this.#waiting.push({ data: message });
    this.#news.resolve();
    return this.#taken.promise;
  }

  /** Ends the stream after what was put. */
  end(message: JsonObject): void {
    void this.put(message);
    this.#isEnding = true;
  }

  /** Ends the stream as one that failed. */
  fail(fault: unknown): void {
    this.#fault ??= fault;
    this.#news.resolve();
  }

  async next(): Promise<IteratorResult<readonly SentEvent[], undefined>> {
    await this.#news.promise;
    if (this.#fault !== null) {
      this.#close();
      throw this.#fault;
    }
    const value = this.#waiting;
    if (this.#isOver || value.length === 0) return await this.return();
    this.#waiting = [];
    if (!this.#isEnding) this.#news = Promise.withResolvers<void>();
    this.#taken.resolve();
    this.#taken = Promise.withResolvers<void>();
    return { done: false, value };
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#close();
    return { done: true, value: undefined };
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    this.#news.resolve();
    this.#taken.resolve();
    for (const close of this.#onClosed) close();
  }
}
