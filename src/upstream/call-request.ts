import type { Authorize, Credentials, HttpCall, HttpMethod } from '../contract/adapter/http.ts';
import type { RpcCall } from '../contract/adapter/rpc.ts';
import type { CallPlace } from './call-place.ts';
import { frameMessage } from './grpc-frame.ts';
import { acceptedEncodings } from './unpack-answer.ts';

/** A request without the origin, as the pool of an origin sends it. */
export type WrittenRequest = {
  readonly origin: string;
  readonly path: string;
  readonly method: HttpMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** Of a gRPC call, which goes over HTTP/2, in place of `body`: the framed message. */
  readonly framed?: Uint8Array;
};

const userAgent = { 'user-agent': 'rungate' } as const;
const usual = {
  accept: 'application/json',
  'accept-encoding': acceptedEncodings,
  ...userAgent,
} as const satisfies Readonly<Record<string, string>>;

/** A packed stream would have to be read to its end. */
const acceptsEvents = { accept: 'application/json, text/event-stream', 'accept-encoding': 'identity' } as const;
const jsonType = { 'content-type': 'application/json' } as const;
const rpcHeaders = {
  'content-type': 'application/grpc',
  te: 'trailers',
  'grpc-accept-encoding': 'identity,gzip',
  ...userAgent,
} as const;
const formType = { 'content-type': 'application/x-www-form-urlencoded' } as const;

/** Writes the requests of one backend. `own` are headers of its base URL, such as basic authentication. */
export class CallWriter {
  readonly #own: Readonly<Record<string, string>>;
  readonly #ownOfRpc: Readonly<Record<string, string>>;

  constructor(own: Readonly<Record<string, string>>) {
    this.#own = { ...usual, ...own };
    this.#ownOfRpc = { ...rpcHeaders, ...own };
  }

  /** What is sent of a call but its credentials. A place that is not trusted gets none of the call's headers. */
  write<T>(call: HttpCall<T>, { origin, prefix, isTrusted }: CallPlace): WrittenRequest {
    const body = call.form === undefined ? toJson(call.body) : writeForm(call.form);
    const type = body === null ? undefined : call.form === undefined ? jsonType : formType;
    const accepts = call.events === undefined ? undefined : acceptsEvents;
    const headers = isTrusted
      ? { ...this.#own, ...accepts, ...type, ...call.headers }
      : { ...usual, ...accepts, ...type };
    return { origin, path: joinPath(prefix, call.path), method: call.method, headers, body };
  }

  writeRpc<T>(call: RpcCall<T>, { origin, prefix }: CallPlace): WrittenRequest {
    const headers = { ...this.#ownOfRpc, ...call.metadata };
    const framed = frameMessage(call.message);
    return { origin, path: joinPath(prefix, call.path), method: 'POST', headers, body: null, framed };
  }
}

/** The request with its credentials; a promise only where these have to be fetched. */
export function authorizeRequest(request: WrittenRequest, authorize: Authorize): Authorized | Promise<Authorized> {
  const { method, origin, path, headers, body } = request;
  const credentials = authorize({ method, url: origin + path, headers, body });
  return credentials instanceof Promise
    ? credentials.then((each) => addCredentials(request, each))
    : addCredentials(request, credentials);
}

export type Authorized = { readonly request: WrittenRequest; readonly secrets: readonly string[] | undefined };

function addCredentials(request: WrittenRequest, { headers, query, secrets }: Credentials): Authorized {
  const withHeaders = headers === undefined ? request : { ...request, headers: { ...request.headers, ...headers } };
  if (query === undefined) return { request: withHeaders, secrets };
  const separator = request.path.includes('?') ? '&' : '?';
  return {
    request: { ...withHeaders, path: request.path + separator + new URLSearchParams(query).toString() },
    secrets,
  };
}

function joinPath(prefix: string, path: string): string {
  const joined = prefix + path;
  return joined.startsWith('/') ? joined : `/${joined}`;
}

function toJson(body: unknown): string | null {
  return body === undefined ? null : JSON.stringify(body);
}

function writeForm(form: readonly (readonly [string, string])[]): string {
  return new URLSearchParams(form.map(([name, value]) => [name, value])).toString();
}
