import { z } from 'zod';
import { type Credentials, UpstreamFault } from '../src/contract/adapter/http.ts';
import type { HttpClient } from '../src/contract/adapter/http-client.ts';
import { findReason } from '../src/json/find-reason.ts';
import { headerValue } from './path.ts';

/** A request to a token endpoint. */
export type TokenRequest = {
  readonly url: string;
  readonly form: readonly (readonly [name: string, value: string])[];
};

/** No token could be had: the request that needed it was not sent. */
export class TokenFault extends UpstreamFault {}

type Held = { readonly credentials: Credentials; readonly untilMs: number };

/** A token is renewed this long before it expires, so that it is valid when the request arrives. */
const leewayMs = 30_000;
/** Where the endpoint does not say how long a token lives. */
const usualLifeMs = 300_000;
/** A younger token that the vendor refuses is not the one that is wrong. */
const minAgeToRenewMs = 1000;

const answer = z.looseObject({ access_token: headerValue, expires_in: z.coerce.number().positive().optional() });

/** A token that is fetched once for all calls that need it, and kept until it expires. */
export class FetchedToken {
  readonly #http: HttpClient;
  readonly #makeRequest: () => Promise<TokenRequest>;
  #held: Held | null = null;
  #fetchedAtMs = Number.NEGATIVE_INFINITY;
  /** The fetch that every caller waits for. */
  #fetching: Promise<Credentials> | null = null;

  constructor(http: HttpClient, makeRequest: () => Promise<TokenRequest>) {
    this.#http = http;
    this.#makeRequest = makeRequest;
  }

  authorize(): Credentials | Promise<Credentials> {
    if (this.#held !== null && performance.now() < this.#held.untilMs) return this.#held.credentials;
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  /**
   * The vendor refused these credentials. True: others are there, or are fetched by the next call; false: they are so new
   * that others would be refused as well.
   */
  renew(refused: Credentials): boolean {
    if (this.#held?.credentials !== refused) return true;
    if (performance.now() - this.#fetchedAtMs < minAgeToRenewMs) return false;
    this.#held = null;
    return true;
  }

  async #fetch(): Promise<Credentials> {
    const { url, form } = await this.#makeRequest();
    try {
      const { body } = await this.#http.call({
        ...{ purpose: 'token', method: 'POST', path: '', retry: 'safe' },
        ...{ base: { kind: 'configured', url }, form, answer, errorMessage: findReason },
      });
      const lifeMs = body.expires_in === undefined ? usualLifeMs : body.expires_in * 1000;
      const credentials: Credentials = {
        headers: { authorization: `Bearer ${body.access_token}` },
        secrets: [body.access_token],
      };
      const nowMs = performance.now();
      this.#fetchedAtMs = nowMs;
      this.#held = { credentials, untilMs: nowMs + Math.max(lifeMs - leewayMs, lifeMs / 2) };
      return credentials;
    } catch (error) {
      if (!(error instanceof UpstreamFault)) throw error;
      const { consequence, kind, httpStatus, retryAfterMs, message, answer: refusal, cause } = error;
      // A client that the endpoint refuses is what a wrong API key is elsewhere, whatever status the endpoint has for it.
      const status = consequence === 'rejected' ? 401 : httpStatus;
      const said = `no token: ${message}`;
      throw new TokenFault({
        consequence,
        kind,
        httpStatus: status,
        retryAfterMs,
        message: said,
        answer: refusal,
        cause,
      });
    }
  }
}
