import { Agent, type ClientRequest, request as sendRequest } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Pool } from './pool.ts';
import type { OperationRequest, RawRequest } from './requests.ts';

export type Answered = {
  readonly kind: 'answered';
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Of a stream, what came of it in its first moments. */
  readonly text: string;
};

export type Sent =
  | Answered
  /** The statuses of what came back, if anything did. */
  | { readonly kind: 'closed'; readonly statuses: readonly number[] }
  /** It may wait for its run, and was left. */
  | { readonly kind: 'left' }
  | { readonly kind: 'unanswered' }
  /** Node's own client does not send it. */
  | { readonly kind: 'unsendable' }
  | { readonly kind: 'broken'; readonly reason: string };

/** An answer that may wait for its run is not waited for longer. */
const waitingPatienceMs = 2000;
/** Everything else must have been answered by then, on a busy machine too. */
const patienceMs = 30_000;
const streamMs = 100;

/** Sends requests to one gateway. */
export class Wire {
  readonly #url: URL;
  readonly #pool: Pool;
  readonly #authorization: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 32 });

  constructor(url: string, pool: Pool, authorization: string) {
    this.#url = new URL(url);
    this.#pool = pool;
    this.#authorization = authorization;
  }

  close(): void {
    this.#agent.destroy();
  }

  async send(request: OperationRequest): Promise<Sent> {
    const { operation, body } = request;
    const path = this.pathOf(request);
    const bytes = typeof body === 'string' ? Buffer.from(this.#pool.fill(body)) : body;
    const headers = {
      authorization: this.#authorization,
      ...(bytes === null ? {} : { 'content-type': 'application/json', 'content-length': String(bytes.length) }),
      ...request.headers,
    };
    const method = request.method ?? operation.method.toUpperCase();
    let outgoing: ClientRequest;
    try {
      const { hostname, port } = this.#url;
      outgoing = sendRequest({ hostname, port, path, method, headers, agent: this.#agent });
    } catch {
      return { kind: 'unsendable' };
    }
    const answer = this.#read(outgoing);
    outgoing.end(bytes ?? undefined);
    const mayWait = /wait|stream|block_timeout/.test(path);
    const outcome = await Promise.race([answer, delay(mayWait ? waitingPatienceMs : patienceMs, null, { ref: false })]);
    if (outcome !== null) return outcome;
    outgoing.destroy();
    return { kind: mayWait ? 'left' : 'unanswered' };
  }

  /** Sends bytes, says that no more will come, and waits until the other side has closed. */
  sendRaw({ bytes }: RawRequest): Promise<Sent> {
    return new Promise((resolve) => {
      let text = '';
      const socket = connect(Number(this.#url.port), this.#url.hostname, () => socket.end(bytes));
      const timer = setTimeout(() => {
        socket.destroy();
        resolve({ kind: 'unanswered' });
      }, patienceMs);
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        text = (text + chunk).slice(0, 100_000);
      });
      socket.on('error', () => {});
      socket.on('close', () => {
        clearTimeout(timer);
        resolve({
          kind: 'closed',
          statuses: [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status)),
        });
      });
    });
  }

  /** Asks for what the fuzzer itself needs. */
  async ask(method: string, path: string, body?: Json): Promise<Json> {
    const headers = {
      authorization: this.#authorization,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const answer = await fetch(new URL(path, this.#url), {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.text();
    return text === '' ? null : (JSON.parse(text) as Json);
  }

  /** The path as it is sent. */
  pathOf({ prefix, operation, params, query }: OperationRequest): string {
    const place = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      encode(this.#pool.fill(String(params[name] ?? ''))),
    );
    const asked = Object.entries(query).map(
      ([name, value]) => `${encode(name)}=${encode(this.#pool.fill(String(value)))}`,
    );
    return `${prefix}${place}${asked.length === 0 ? '' : `?${asked.join('&')}`}`;
  }

  #read(outgoing: ClientRequest): Promise<Sent> {
    return new Promise((resolve) => {
      outgoing.on('error', (fault) => resolve({ kind: 'broken', reason: fault.message }));
      outgoing.on('response', (incoming) => {
        const { statusCode: status = 0, headers } = incoming;
        let text = '';
        const finish = (): void => {
          resolve({ kind: 'answered', status, headers, text });
          incoming.destroy();
        };
        incoming.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        incoming.on('end', finish).on('error', finish);
        // A stream goes on as long as its run: a moment of it shows enough.
        if (headers['content-type'] === 'text/event-stream') setTimeout(finish, streamMs);
      });
    });
  }
}

/** Lone surrogates have no encoding; a percent sign that we did not write stays as it is. */
function encode(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return '%ff';
  }
}
