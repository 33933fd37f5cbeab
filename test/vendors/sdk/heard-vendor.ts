import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';

export type HeardCall = {
  /** Below the vendor's base URL, without its query. */
  readonly key: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

export type Answer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body: string;
};

/** Answers a call; `path` is that of the request below the vendor's base URL, with its query. */
export type AnswerCall = (call: HeardCall, path: string) => Answer | Promise<Answer>;

const sinkPath = '/sink-of-the-client';

/** A vendor that writes down what a client sends. */
export class HeardVendor {
  readonly #basePath: string;
  readonly #server: Server;
  readonly #calls: HeardCall[] = [];
  #origin = '';

  constructor(basePath: string, answer: AnswerCall) {
    this.#basePath = basePath;
    this.#server = createServer(async (request, response) => {
      const body = (await buffer(request)).toString('utf8');
      if (request.url === sinkPath) return response.end();
      const { pathname, search, searchParams } = new URL(request.url ?? '/', this.#origin);
      const path = pathname.startsWith(basePath) ? pathname.slice(basePath.length) || '/' : pathname;
      const call = {
        ...{ key: `${request.method} ${path}`, query: Object.fromEntries(searchParams) },
        ...{ headers: request.headers, body },
      };
      this.#calls.push(call);
      const { status, headers, body: text } = await answer(call, `${path}${search}`);
      return response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
    });
  }

  get calls(): readonly HeardCall[] {
    return this.#calls;
  }

  /** Where the client may have the vendor call it. */
  get sinkUrl(): string {
    return `${this.#origin}${sinkPath}`;
  }

  /** The vendor's base URL. */
  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('the server has no port');
    this.#origin = `http://127.0.0.1:${address.port}`;
    return `${this.#origin}${this.#basePath}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
