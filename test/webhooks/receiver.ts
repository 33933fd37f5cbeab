import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { Bell } from '../gateway/bell.ts';

export const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;
export const olderSecret = `whsec_${Buffer.from('fedcba9876543210fedcba9876543210').toString('base64')}`;

/** A POST that a receiver got. */
export type Received = {
  readonly path: string;
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: JsonObject;
  answer(status: number, headers?: Readonly<Record<string, string>>): void;
  /** What it was answered with; null: with nothing yet. */
  answered(): number | null;
};

/** How a receiver answers; null: it says nothing yet. */
type Plan = (received: Received, count: number) => number | readonly [number, Readonly<Record<string, string>>] | null;

/** A receiver of webhooks on a real port; it answers 204 unless a test plans otherwise. */
export class Receiver implements AsyncDisposable {
  readonly #server = createServer();
  readonly #bell = new Bell();
  readonly received: Received[] = [];
  plan: Plan = () => 204;

  static async open(): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  private constructor() {
    this.#server.on('request', async (request, response: ServerResponse) => {
      let text = '';
      for await (const chunk of request.setEncoding('utf8')) text += chunk;
      const { headers, url: path = '' } = request;
      const answer = (status: number, more = {}) => void response.writeHead(status, more).end();
      const answered = () => (response.headersSent ? response.statusCode : null);
      const body = JSON.parse(text) as JsonObject;
      const received = { path, headers, text, body, id: String(headers['webhook-id']), answer, answered };
      this.received.push(received);
      const planned = this.plan(received, this.received.length);
      if (typeof planned === 'number') answer(planned);
      else if (planned !== null) answer(...planned);
      this.#bell.ring();
    });
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}/hook`;
  }

  get statuses(): readonly (Json | undefined)[] {
    return this.received.map(({ body }) => body.status);
  }

  /** The first POSTs, once there are this many. */
  async count(max: number): Promise<readonly Received[]> {
    return await this.#bell.until(() => this.received.length >= max && this.received.slice(0, max));
  }

  async until<T>(look: (received: readonly Received[]) => T | undefined | null | false): Promise<T> {
    return await this.#bell.until(() => look(this.received));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Throws where the library does not take the signature. */
export function verify({ text, headers }: Received, key = secret): unknown {
  return new Webhook(key).verify(text, headers as Record<string, string>);
}
