import type { Context } from 'koa';
import type { Decoded } from '../contract/api/protocol.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { Disconnects } from './disconnects.ts';

type Parts<Params, Query, Body> = {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly tenant: string;
  /** The public address of the gateway; null: the one that the request names. */
  readonly publicUrl: string | null;
  /** The request is answered once more, and waits for nothing. */
  readonly isAgain?: boolean;
};

/** A request as an operation receives it. Members that few operations read are made on access. */
export class OperationRequest<Params, Query, Body> implements Decoded<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly tenant: string;
  readonly #publicUrl: string | null;
  readonly #isAgain: boolean;
  readonly #context: Context;
  readonly #disconnects: Disconnects;

  constructor(context: Context, disconnects: Disconnects, deps: Parts<Params, Query, Body>) {
    this.params = deps.params;
    this.query = deps.query;
    this.body = deps.body;
    this.tenant = deps.tenant;
    this.#publicUrl = deps.publicUrl;
    this.#isAgain = deps.isAgain === true;
    this.#context = context;
    this.#disconnects = disconnects;
  }

  get baseUrl(): string {
    const { protocol, host } = this.#context;
    return this.#publicUrl ?? `${protocol}://${host}`;
  }

  header(name: string): string | undefined {
    const value = this.#context.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  get signal(): AbortSignal {
    if (this.#isAgain) return AbortSignal.abort();
    return this.#disconnects.signalFor(this.#context.res);
  }

  clientLeft(): boolean {
    return this.#context.res.destroyed && !this.#context.res.writableFinished;
  }

  /** Throws `invalid_request` for a malformed id: restarting at 1 would repeat events that the reader has. */
  get afterSeq(): number {
    return Math.max(0, this.lastSeen ?? 0);
  }

  /** Throws like `afterSeq`. */
  get lastSeen(): number | null {
    const value = this.#context.headers['last-event-id'];
    if (value === undefined || value === '') return null;
    // Some clients ask for the beginning with it; no event has it.
    if (value === '-1') return -1;
    if (typeof value !== 'string' || !/^\d{1,15}$/.test(value)) {
      throw new GatewayError('invalid_request', {
        path: 'Last-Event-ID',
        detail: 'must be an id that the stream gave',
      });
    }
    return Number(value);
  }

  get requestId(): string {
    return String(this.#context.res.getHeader('X-Request-Id') ?? '');
  }

  /** Throws `invalid_request`. The draft quotes the key; many clients do not. */
  get idempotencyKey(): string | undefined {
    const value = this.#context.headers['idempotency-key'];
    if (value === undefined) return undefined;
    const key = typeof value === 'string' ? value.trim().replace(/^"(.*)"$/, '$1') : '';
    if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
      throw new GatewayError('invalid_request', {
        path: 'Idempotency-Key',
        detail: 'must be 1 to 255 visible ASCII characters',
      });
    }
    return key;
  }
}
