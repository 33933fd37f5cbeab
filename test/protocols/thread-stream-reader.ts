import type { JsonObject } from '../../src/contract/domain/json.ts';

/** A `StreamingEvent` with its frame's lines. */
export type ThreadFrame = { readonly id: string; readonly event: string; readonly data: JsonObject };

/** Reads a thread's event stream over HTTP, frame by frame. */
export class ThreadStreamReader {
  readonly answer: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #rest = '';

  static async open(url: string, body: JsonObject, headers: Readonly<Record<string, string>> = {}) {
    const sent = { 'content-type': 'application/json', ...headers };
    const answer = await fetch(url, { method: 'POST', headers: sent, body: JSON.stringify(body) });
    if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
    return new ThreadStreamReader(answer);
  }

  private constructor(answer: Response) {
    this.answer = answer;
    if (answer.body === null) throw new Error('no body');
    this.#reader = answer.body.getReader();
  }

  /** This many events; fewer where the stream ends earlier. */
  async take(count: number): Promise<readonly ThreadFrame[]> {
    const frames: ThreadFrame[] = [];
    while (frames.length < count) {
      const [frame, id = '', event = '', data = ''] =
        /^(?::\n)*id: (\d+)\nevent: ([\w.]+)\ndata: (.*)\n\n/.exec(this.#rest) ?? [];
      if (frame !== undefined) {
        frames.push({ id, event, data: JSON.parse(data) as JsonObject });
        this.#rest = this.#rest.slice(frame.length);
        continue;
      }
      const { done, value } = await this.#reader.read();
      if (done) break;
      this.#rest += this.#decoder.decode(value, { stream: true });
    }
    return frames;
  }

  /** What came that is no event, once the stream has ended. */
  async end(): Promise<string> {
    const unread = await this.take(Number.POSITIVE_INFINITY);
    if (unread.length > 0) throw new Error(`events were left: ${JSON.stringify(unread)}`);
    return this.#rest;
  }

  async leave(): Promise<void> {
    await this.#reader.cancel();
  }
}
