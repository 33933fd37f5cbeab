import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { CodedClient } from './coded-clients.ts';

export type Recorded = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

/** A stand-in that answers as it is told and keeps what it was sent. */
export class RecordingVendor {
  readonly #answers: CodedClient['answers'];
  readonly #server: Server;
  #recorded: Recorded[] = [];

  constructor(answers: CodedClient['answers']) {
    this.#answers = answers;
    this.#server = createServer(async (request, response) => {
      const { method = '', url: path = '', headers } = request;
      this.#recorded.push({ method, path, headers, body: await text(request) });
      const answer = this.#answers[`${method} ${path.split('?')[0]}`];
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': answer?.type ?? 'application/json' });
      response.end(answer?.body ?? '{}');
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What came since it was asked last. */
  take(): readonly Recorded[] {
    const recorded = this.#recorded;
    this.#recorded = [];
    return recorded;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
