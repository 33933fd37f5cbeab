import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';

const withinMs = 20_000;
const call = z.object({ run_id: z.string(), status: z.string() }).loose();

/** Takes the calls to the webhooks of runs, and verifies each. */
export class WebhookReceiver {
  readonly #server: Server;
  readonly #ends = new Map<string, PromiseWithResolvers<{ readonly status: string }>>();

  constructor(secret: string) {
    const webhook = new Webhook(secret);
    this.#server = createServer(async (request, response) => {
      const body = await text(request);
      try {
        webhook.verify(body, z.record(z.string(), z.string()).parse(request.headers));
        const { run_id: runId, status } = call.parse(JSON.parse(body));
        if (['success', 'error', 'timeout'].includes(status)) this.#endOf(runId).resolve({ status });
        response.writeHead(204).end();
      } catch (error) {
        response.writeHead(400).end(String(error));
      }
    });
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  async untilEnd(runId: string): Promise<{ readonly status: string }> {
    const late = setTimeout(() => this.#endOf(runId).reject(new Error('no call to the webhook')), withinMs);
    try {
      return await this.#endOf(runId).promise;
    } finally {
      clearTimeout(late);
    }
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #endOf(runId: string): PromiseWithResolvers<{ readonly status: string }> {
    const known = this.#ends.get(runId) ?? Promise.withResolvers<{ readonly status: string }>();
    this.#ends.set(runId, known);
    return known;
  }
}
