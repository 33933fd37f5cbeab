import type { ZodType } from 'zod';
import type { Json } from '../domain/json.ts';
import type { AnswerHeaders, Authorize, CallRule, Consequence, RpcStatus } from './http.ts';

/**
 * A unary gRPC call over HTTP/2. The client frames and unframes the messages; the adapter encodes and decodes them. A base
 * URL with `http` means HTTP/2 without TLS and without an upgrade, one with `https` means HTTP/2 by ALPN.
 */
export type RpcCall<T> = CallRule & {
  /** What the call is for, such as `start`: a label for the log. */
  readonly purpose: string;
  /** `/package.Service/Method`, joined to the base URL. */
  readonly path: string;
  /** Names in lower case. The value of one that ends in `-bin` is base64. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The encoded request, without gRPC's frame. */
  readonly message: Uint8Array;
  /** Left out, the call has the metadata above and nothing more. It is handed a request without a body, and no query is sent. */
  readonly authorize?: Authorize | undefined;
  /**
   * Decodes the answer, without gRPC's frame, into JSON, out of which the client then takes the secrets; what the adapter
   * unpacks later goes through {@link HttpClient.redact}. An answer of which it throws is malformed.
   */
  readonly decode: (message: Uint8Array) => Json;
  /** The decoded answer, read tolerantly: unknown fields pass, missing optional ones are fine. */
  readonly answer: ZodType<T>;
  /**
   * What a status of the server means. Left out, or null: `faults` and `retry` say so, where 3, 6, 7, 9, 11, 12 and 16
   * refuse, 5 is `notFound`, 8 and 14 are `busy` (left out: a lost answer), and the others are lost answers.
   */
  readonly meaningOf?: (status: RpcStatus) => Consequence | null;
  /** How long the vendor may hold its answer, in addition to the time-out of the backend. Left out: not at all. */
  readonly holdMs?: number | undefined;
  /** Left out, the call is never cut short. */
  readonly signal?: AbortSignal | undefined;
};

export type RpcAnswer<T> = {
  /** The parsed answer. */
  readonly body: T;
  /** The decoded answer, without secrets. */
  readonly raw: Json;
  /** Without secrets. */
  readonly headers: AnswerHeaders;
  /** Without secrets. */
  readonly trailers: AnswerHeaders;
  /** Size of the message, unpacked. */
  readonly bytes: number;
};
