import {
  type Authorize,
  type CallRule,
  type HttpAnswer,
  type HttpCall,
  UpstreamFault,
} from '../contract/adapter/http.ts';
import type { HttpClient } from '../contract/adapter/http-client.ts';
import type { AdmittedRequest, RequestAdmission } from '../contract/adapter/request-admission.ts';
import type { RpcAnswer, RpcCall } from '../contract/adapter/rpc.ts';
import type { Log, Redactor } from '../contract/domain/log.ts';
import { CallPlaces } from './call-place.ts';
import type { CallRecord, CallRecords } from './call-record.ts';
import { authorizeRequest, CallWriter, type WrittenRequest } from './call-request.ts';
import { classifyFault } from './fault-rule.ts';
import { type ReadOptions, readAnswer } from './read-answer.ts';
import { readRpcAnswer } from './read-rpc-answer.ts';
import type { HttpResult, RequestOptions } from './send-request.ts';
import type { Exceptions } from './ssrf-address.ts';
import { isPacked, unpackAnswer } from './unpack-answer.ts';

export type ClientOptions = {
  /** http or https, with any path; user and password in it are sent as basic authentication. */
  readonly baseUrl: string;
  readonly maxAnswerBytes: number;
  /** Taken out of every answer and message, like the password in the base URL. */
  readonly secrets: readonly string[];
  readonly createRedactor: (secrets: readonly string[]) => Redactor;
  /** Addresses that answers may lead to although they are not public. */
  readonly exceptions: Exceptions;
  readonly log?: Log | undefined;
  /** What lets the requests to the vendor through; asked before each of them. Left out: they go at once. */
  readonly admission?: (() => RequestAdmission | undefined) | undefined;
  /** Left out: gRPC calls are not held. */
  readonly maxHeldRpcs?: (() => number) | undefined;
  /** Left out, nothing is recorded, and no trace is handed on. */
  readonly records?: CallRecords | undefined;
  /** What each call passes when it begins, where it may throw an {@link UpstreamFault}, and when it is over. */
  readonly doors?: { enter(): void; leave(): void } | undefined;
};

/** Sends one request and never rejects; an answered address that is not trusted is checked when it is connected to. */
export type Transport = (
  request: WrittenRequest,
  options: RequestOptions & { readonly isTrusted: boolean; readonly holdMs: number },
) => Promise<HttpResult>;

/** What calls of both kinds have. */
type AnyCall = CallRule & {
  readonly purpose: string;
  readonly authorize?: Authorize | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly holdMs?: number | undefined;
  readonly events?: HttpCall<unknown>['events'];
};

/** Turns what came over the wire into the call's answer; throws or rejects with the {@link UpstreamFault} that it amounts to. */
type Read<C, A> = (call: C, result: HttpResult, asked: ReadOptions) => A | Promise<A>;

/** How calls of one kind are written and read. */
type Kind<C, A> = {
  readonly write: (call: C) => { readonly request: WrittenRequest; readonly isTrusted: boolean };
  readonly read: Read<C, A>;
  readonly statusOf: (answer: A) => number;
};

/** Makes the client that an adapter is handed. Throws `TypeError` for a base URL that is not valid. */
export function createClient(options: ClientOptions, send: Transport): HttpClient {
  const { maxAnswerBytes, createRedactor, log } = options;
  const base = new URL(options.baseUrl);
  if (base.protocol !== 'http:' && base.protocol !== 'https:')
    throw new TypeError('the base URL must be http or https');
  const secrets = [...options.secrets, decodePart(base.password)];
  const redactor = createRedactor(secrets);
  const redactors = new WeakMap<readonly string[], Redactor>();
  const places = new CallPlaces(base, options.exceptions);
  const writer = new CallWriter(readAuthorization(base));

  function redactorFor(more: readonly string[] | undefined): Redactor {
    if (more === undefined || more.length === 0) return redactor;
    const known = redactors.get(more) ?? createRedactor([...secrets, ...more]);
    redactors.set(more, known);
    return known;
  }

  // One function from the request to the answer: each further one that is awaited would keep half a kilobyte for every call
  // under way.
  async function perform<C extends AnyCall, A>(call: C, { write, read, statusOf }: Kind<C, A>): Promise<A> {
    options.doors?.enter();
    let admitted: AdmittedRequest | null | undefined;
    let record: CallRecord | undefined;
    try {
      const written = write(call);
      const { isTrusted } = written;
      let { request } = written;
      let asked: ReadOptions = { redactor, maxAnswerBytes, url: request.origin + request.path };
      if (call.authorize !== undefined && isTrusted) {
        const made = authorizeRequest(request, call.authorize);
        const authorized = made instanceof Promise ? await made : made;
        request = authorized.request;
        asked = { ...asked, redactor: redactorFor(authorized.secrets) };
      }
      // Requests to hosts that are not the vendor's own neither count against its budget nor say anything about it. Asked
      // after the credentials, whose own request may have to go first.
      const admission = isTrusted ? options.admission?.() : undefined;
      const entered = admission?.enter(call.signal);
      admitted = entered instanceof Promise ? await entered : entered;
      if (admitted === null) throw giveUp(call);
      record = isTrusted ? options.records?.begin(call.purpose, request.method, admission?.trace) : undefined;
      if (record?.context !== undefined) request = addHeaders(request, record.context);
      const { signal, holdMs = 0, events } = call;
      const result = await send(request, { signal, isTrusted, holdMs, isEnough: events?.isEnough });
      let answer: A;
      try {
        // Awaits of their own, so that an ordinary answer takes no further turn.
        const plain = isPacked(result) ? await unpackAnswer(result, maxAnswerBytes) : result;
        const reading = read(call, plain, asked);
        answer = reading instanceof Promise ? await reading : reading;
      } finally {
        if (result.kind === 'answer') result.leave?.();
      }
      admitted?.settle(null);
      record?.answered(statusOf(answer));
      return answer;
    } catch (error) {
      admitted?.settle(error);
      record?.failed(error);
      noteFault(call, error);
      throw error;
    } finally {
      options.doors?.leave();
    }
  }

  const http = {
    write: <T>(call: HttpCall<T>) => {
      const place = places.find(call.base, call);
      return { request: writer.write(call, place), isTrusted: place.isTrusted };
    },
    read: readAnswer,
    statusOf: httpStatusOf,
  };
  const rpc = {
    write: <T>(call: RpcCall<T>) => ({ request: writer.writeRpc(call, places.find(undefined, call)), isTrusted: true }),
    read: readRpcAnswer,
    statusOf: rpcStatusOf,
  };

  function noteFault({ purpose }: AnyCall, error: unknown): void {
    if (!(error instanceof UpstreamFault)) return;
    const { consequence, kind, httpStatus, rpc, message, cause } = error;
    const status = rpc === null ? { http_status: httpStatus } : { grpc_status: rpc.code };
    log?.debug({ purpose, consequence, kind, ...status, message, cause }, 'vendor call failed');
  }

  return {
    maxAnswerBytes,
    call: <T>(call: HttpCall<T>) => perform<HttpCall<T>, HttpAnswer<T>>(call, http),
    rpc: <T>(call: RpcCall<T>) => perform<RpcCall<T>, RpcAnswer<T>>(call, rpc),
    maxHeldRpcs: options.maxHeldRpcs ?? (() => 0),
    warn: (fields, message) => log?.warn(fields, message),
    // A backslash has the redactor look at every text: an unpacked value has no source.
    redact: (value) => redactor.json(value, '\\'),
  };
}

function httpStatusOf({ status }: { readonly status: number }): number {
  return status;
}

/** Every answer of gRPC has it, whatever its own status is. */
function rpcStatusOf(): number {
  return 200;
}

function addHeaders(request: WrittenRequest, headers: Readonly<Record<string, string>>): WrittenRequest {
  return { ...request, headers: { ...request.headers, ...headers } };
}

function giveUp(call: CallRule): UpstreamFault {
  const consequence = classifyFault(call, { kind: 'aborted', sent: false });
  return new UpstreamFault({ consequence, kind: 'aborted', message: 'the call was given up before it was sent' });
}

function readAuthorization(base: URL): Readonly<Record<string, string>> {
  if (base.username === '' && base.password === '') return {};
  const credentials = `${decodePart(base.username)}:${decodePart(base.password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** A lone percent sign in a password is not an escape, and not a reason to refuse to start. */
function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
