import { Pool } from 'undici';

export type Asked = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
};

export type AskOptions = {
  readonly key?: string;
  /** A text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly patienceMs?: number;
};

/** A client of the gateway over plain HTTP. Connections are reused. */
export class Front {
  readonly url: string;
  readonly #pool: Pool;

  constructor(url: string, connections = 64) {
    this.url = url;
    this.#pool = new Pool(url, { connections, pipelining: 1, bodyTimeout: 120_000, headersTimeout: 120_000 });
  }

  async ask(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, options: AskOptions = {}): Promise<Asked> {
    const { statusCode, headers, body } = await this.#request(method, path, options);
    return { status: statusCode, headers, text: await body.text() };
  }

  /** How many bytes the answer has, which is not kept; stops at the signal. */
  async measure(
    path: string,
    key: string,
    signal: AbortSignal,
  ): Promise<{ status: number; bytes: number; tail: string }> {
    const answer = await this.#pool.request({
      method: 'GET',
      path,
      headers: { authorization: `Bearer ${key}` },
      signal,
    });
    let bytes = 0;
    let tail = '';
    try {
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        tail = (tail + chunk.subarray(-600).toString('latin1')).slice(-600);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return { status: answer.statusCode, bytes, tail };
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #request(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, options: AskOptions) {
    const { key, body, headers, patienceMs = 30_000 } = options;
    return this.#pool.request({
      method,
      path,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: toBody(body) }),
      signal: AbortSignal.timeout(patienceMs),
    });
  }
}

function toBody(body: unknown): string | Buffer {
  return typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
}
