import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/**
 * Stands between the gateway and a vendor. While it holds, what the gateway sends reaches the vendor, and what the vendor answers
 * does not reach the gateway.
 */
export class AnswerHolder {
  readonly #vendorUrl: string;
  readonly #server: Server;
  #held: PromiseWithResolvers<void> | null = null;

  constructor(vendorUrl: string) {
    this.#vendorUrl = vendorUrl;
    this.#server = createServer((request, response) => {
      this.#pass(request, response).catch(() => response.destroy());
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  hold(): void {
    this.#held = Promise.withResolvers();
  }

  /** Resolves once the vendor has answered, and the gateway has not got it. */
  async untilHeld(): Promise<void> {
    await this.#held?.promise;
  }

  release(): void {
    this.#held = null;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, headers } = request;
    const body = await buffer(request);
    const passed = send(new URL(request.url ?? '/', this.#vendorUrl), { method, headers }).end(body);
    const [answer] = (await once(passed, 'response')) as [IncomingMessage];
    if (this.#held === null) {
      // As it comes: a stream need not have an end.
      response.on('close', () => passed.destroy());
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      return;
    }
    await buffer(answer);
    this.#held?.resolve();
  }
}
