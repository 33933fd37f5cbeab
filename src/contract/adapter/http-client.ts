import type { Json, JsonObject } from '../domain/json.ts';
import type { HttpAnswer, HttpCall } from './http.ts';
import type { RpcAnswer, RpcCall } from './rpc.ts';

/** How TLS is spoken with a vendor, each in PEM. */
export type TlsOptions = {
  /** Certificate authorities in place of the usual ones. */
  readonly ca?: string | undefined;
  /** Our certificate with its chain, and its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name that the vendor's certificate must be for, in place of the host of the base URL. */
  readonly serverName?: string | undefined;
};

/** What the settings of a backend say about its connections. */
export type ConnectionOptions = {
  readonly tls?: TlsOptions | undefined;
  /**
   * Held calls are gRPC calls, many of which share a connection, so that the usual ceiling is one of streams instead of
   * connections. Left out: false.
   */
  readonly isMultiplexed?: boolean | undefined;
};

/**
 * The HTTP client that an adapter is handed: one pool per backend and origin, with its timeouts. A non-2xx answer, a gRPC
 * status other than 0, an answer that cannot be read or has another shape, and every transport fault are thrown as
 * `UpstreamFault`.
 */
export interface HttpClient {
  /** Bound on the body of one answer. */
  readonly maxAnswerBytes: number;
  call<T>(call: HttpCall<T>): Promise<HttpAnswer<T>>;
  rpc<T>(call: RpcCall<T>): Promise<RpcAnswer<T>>;
  /** How many gRPC calls may be held at a time, so that others still find a stream; changes with what the vendor allows. */
  maxHeldRpcs(): number;
  /** Logs what the operator of the backend should know; keys in snake case, no secrets. */
  warn(fields: JsonObject, message: string): void;
  /** Takes the configured secrets out of what an adapter has unpacked of an answer. */
  redact(value: Json): Json;
}
