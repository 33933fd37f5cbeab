import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { Bell } from './bell.ts';

export type StreamEvent = { readonly id: string; readonly data: JsonObject };

/** One frame, to the letter: a client that knows less of the format than the specification must do with it. */
const frame = /^id: (\d+)\nevent: agent_event\ndata: (\{[^\n]*\})\n\n/;
const heartbeat = ':\n';
const retry = /^retry: \d+\n/;

/** Reads an event stream byte by byte over a connection of its own, and refuses what is out of format. */
export class StreamReader {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly events: StreamEvent[] = [];
  heartbeats = 0;
  /** Whether the gateway asked it to reconnect. */
  dismissed = false;
  readonly #response: IncomingMessage;
  readonly #bell = new Bell();
  readonly #check: (data: Json) => void;
  #rest = '';
  #over = false;
  #fault: Error | null = null;

  static open(
    url: string,
    headers: Readonly<Record<string, string>>,
    check: (data: Json) => void,
  ): Promise<StreamReader> {
    return new Promise((resolve, reject) => {
      const request = get(url, { agent: false, headers: { accept: 'text/event-stream', ...headers } }, (response) =>
        resolve(new StreamReader(response, check)),
      );
      request.once('error', reject);
    });
  }

  private constructor(response: IncomingMessage, check: (data: Json) => void) {
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    this.#response = response;
    this.#check = check;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#take(text));
    response.on('error', () => {});
    response.on('close', () => {
      this.#over = true;
      if (this.#rest !== '') this.#fault ??= new Error(`ends in the middle: ${JSON.stringify(this.#rest)}`);
      this.#bell.ring();
    });
  }

  /** The first event that passes. */
  async find(passes: (data: JsonObject) => boolean): Promise<StreamEvent> {
    return await this.until(() => this.events.find(({ data }) => passes(data)));
  }

  async until<T>(look: () => T | undefined | null | false): Promise<T> {
    return await this.#bell.until(() => {
      if (this.#fault !== null) throw this.#fault;
      const seen = look();
      if (!seen && this.#over) throw new Error(`the stream ended after ${JSON.stringify(this.events)}`);
      return seen;
    });
  }

  /** All events, once the gateway has ended the stream. */
  async end(): Promise<readonly StreamEvent[]> {
    await this.#bell.until(() => this.#over);
    if (this.#fault !== null) throw this.#fault;
    return this.events;
  }

  /** Leaves without a word. */
  leave(): void {
    this.#response.destroy();
    this.#rest = '';
  }

  #take(text: string): void {
    this.#rest += text;
    try {
      while (this.#takeFrame());
    } catch (error) {
      this.#fault ??= error as Error;
    }
    this.#bell.ring();
  }

  #takeFrame(): boolean {
    const found = frame.exec(this.#rest);
    const comesBack = retry.exec(this.#rest);
    if (found !== null) {
      const data = JSON.parse(found[2] ?? '') as JsonObject;
      this.#check(data);
      this.events.push({ id: found[1] ?? '', data });
      this.#rest = this.#rest.slice(found[0].length);
    } else if (this.#rest.startsWith(heartbeat)) {
      this.heartbeats += 1;
      this.#rest = this.#rest.slice(heartbeat.length);
    } else if (comesBack !== null) {
      this.dismissed = true;
      this.#rest = this.#rest.slice(comesBack[0].length);
    } else if (this.#rest.includes('\n\n')) {
      throw new Error(`not a frame: ${JSON.stringify(this.#rest)}`);
    } else return false;
    return true;
  }
}
