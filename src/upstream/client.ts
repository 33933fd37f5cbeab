import {
  type Authorize,
  type CallRule,
  type HttpAnswer,
  type HttpCall,
  UpstreamFault,
} from '../contract/adapter/http.ts';
import type { HttpClient } from '../contract/adapter/http-client.ts';
import type { RequestAdmission } from '../contract/adapter/request-admission.ts';
import type { RpcAnswer, RpcCall } from '../contract/adapter/rpc.ts';
import type { Log, Redactor } from '../contract/domain/log.ts';
import { CallPlaces } from './call-place.ts';
import type { CallRecords } from './call-record.ts';
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

/** A written request, and how its answer is read. */
type Exchange<C, A> = {
  readonly request: WrittenRequest;
  readonly isTrusted: boolean;
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

  async function perform<C extends AnyCall, A>(call: C, exchange: Exchange<C, A>): Promise<A> {
    const { isTrusted } = exchange;
    const url = exchange.request.origin + exchange.request.path;
    let { request } = exchange;
    let asked: ReadOptions = { redactor, maxAnswerBytes, url };
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
    const gated = entered instanceof Promise ? await entered : entered;
    if (gated === null) throw giveUp(call);
    const record = isTrusted ? options.records?.begin(call.purpose, request.method, admission?.trace) : undefined;
    const traced = record?.context === undefined ? request : addHeaders(request, record.context);
    try {
      const answer = await sendAndRead(call, { ...exchange, request: traced }, asked);
      gated?.settle(null);
      record?.answered(exchange.statusOf(answer));
      return answer;
    } catch (error) {
      gated?.settle(error);
      record?.failed(error);
      throw error;
    }
  }

  async function sendAndRead<C extends AnyCall, A>(
    call: C,
    { request, isTrusted, read }: Exchange<C, A>,
    asked: ReadOptions,
  ): Promise<A> {
    const { signal, holdMs = 0, events } = call;
    const result = await send(request, { signal, isTrusted, holdMs, isEnough: events?.isEnough });
    try {
      // Awaits of their own, so that an ordinary answer takes no further turn.
      const plain = isPacked(result) ? await unpackAnswer(result, maxAnswerBytes) : result;
      const answer = read(call, plain, asked);
      return answer instanceof Promise ? await answer : answer;
    } finally {
      if (result.kind === 'answer') result.leave?.();
    }
  }

  async function callVendor<T>(call: HttpCall<T>): Promise<HttpAnswer<T>> {
    try {
      const place = places.find(call.base, call);
      const request = writer.write(call, place);
      return await perform(call, { request, isTrusted: place.isTrusted, read: readAnswer<T>, statusOf: httpStatusOf });
    } catch (error) {
      noteFault(call, error);
      throw error;
    }
  }

  async function callRpc<T>(call: RpcCall<T>): Promise<RpcAnswer<T>> {
    try {
      const request = writer.writeRpc(call, places.find(undefined, call));
      return await perform(call, { request, isTrusted: true, read: readRpcAnswer<T>, statusOf: rpcStatusOf });
    } catch (error) {
      noteFault(call, error);
      throw error;
    }
  }

  function noteFault({ purpose }: AnyCall, error: unknown): void {
    if (!(error instanceof UpstreamFault)) return;
    const { consequence, kind, httpStatus, rpc, message, cause } = error;
    const status = rpc === null ? { http_status: httpStatus } : { grpc_status: rpc.code };
    log?.debug({ purpose, consequence, kind, ...status, message, cause }, 'vendor call failed');
  }

  return {
    maxAnswerBytes,
    call: callVendor,
    rpc: callRpc,
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
