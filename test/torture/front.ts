import { Pool } from 'undici';
import { z } from 'zod';
import type { Json } from '../../src/contract/domain/json.ts';
import { readEvents, type StreamEvent } from './event-stream.ts';

export type Answer = { readonly status: number; readonly replayed: boolean; readonly body: Json };

/** What a client waits for an answer, on top of what it asked the gateway to wait. */
const patienceMs = 3000;
/** A stream writes a sign of life every second; see `config.ts`. */
const silenceMs = 3500;
const json = z.json();

/** A client's way to one gateway process. Every method rejects when the connection breaks or nothing comes back. */
export class GatewayClient {
  readonly #pool: Pool;

  constructor(url: string) {
    this.#pool = new Pool(url, { connections: 512, pipelining: 1, connect: { timeout: patienceMs } });
  }

  async call(
    method: 'GET' | 'POST',
    path: string,
    options: { readonly body?: Json; readonly idempotencyKey?: string | undefined; readonly blockMs?: number } = {},
  ): Promise<Answer> {
    const { body, idempotencyKey, blockMs = 0 } = options;
    const { statusCode, headers, ...answer } = await this.#pool.request({
      method,
      path,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      headersTimeout: patienceMs + blockMs,
      bodyTimeout: patienceMs,
    });
    const text = await answer.body.text();
    const replayed = headers['idempotent-replayed'] === 'true';
    return { status: statusCode, replayed, body: text === '' ? null : json.parse(JSON.parse(text)) };
  }

  /** The sum of a metric over the series that have the label; all where it is empty. */
  async sumOf(name: string, label: string): Promise<number> {
    const options = { headersTimeout: patienceMs, bodyTimeout: patienceMs };
    const { body } = await this.#pool.request({ method: 'GET', path: '/metrics', ...options });
    const lines = (await body.text()).split('\n').filter((line) => /^rungate_(\w+)/.exec(line)?.[1] === name);
    return lines.filter((line) => line.includes(label)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** The events of a run after one; ends when the gateway ends them. An answer that is no stream is given instead. */
  async listen(
    runId: string,
    afterId: number,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly events: AsyncIterable<StreamEvent> }> {
    const { statusCode, body } = await this.#pool.request({
      method: 'GET',
      path: `/runs/${runId}/stream`,
      headers: afterId === 0 ? {} : { 'last-event-id': String(afterId) },
      headersTimeout: patienceMs,
      bodyTimeout: silenceMs,
      signal,
    });
    if (statusCode !== 200) await body.dump();
    return { status: statusCode, events: readEvents(body) };
  }

  close(): void {
    this.#pool.destroy().catch(() => {});
  }
}
