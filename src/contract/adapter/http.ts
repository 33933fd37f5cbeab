import type { ZodType } from 'zod';
import type { Json } from '../domain/json.ts';

/**
 * What a fault means for the run, whatever the vendor (`docs/vendors/writing-an-adapter.md`):
 *
 * - `retry`: nothing happened at the vendor, or asking again is harmless.
 * - `rejected`: the vendor said no, and will say it again.
 * - `unknown`: the vendor may have done what it was asked.
 * - `gone`: the vendor does not know the run.
 */
export type Consequence = 'retry' | 'rejected' | 'unknown' | 'gone';

/** What went wrong, by kind; also the label under which faults are counted and logged once. */
export type FaultKind = 'refused' | 'reset' | 'timeout' | 'cut' | 'http-status' | 'malformed' | 'too-large' | 'aborted';

/** The status other than 0 that a gRPC server answered with. */
export type RpcStatus = {
  /** As https://grpc.io/docs/guides/status-codes/ has them. */
  readonly code: number;
  /** `grpc-message`, without secrets; may be empty. */
  readonly message: string;
  /** `grpc-status-details-bin`, an encoded `google.rpc.Status`; null where there is none. */
  readonly details: Uint8Array | null;
};

/** The one error that a call to a vendor throws. Its message is the vendor's own where it has one, without secrets. */
export class UpstreamFault extends Error {
  readonly consequence: Consequence;
  readonly kind: FaultKind;
  /** Of a gRPC status, the HTTP status that stands for it, such as 503 for `UNAVAILABLE`. */
  readonly httpStatus: number | null;
  /** Null: the vendor answered over HTTP alone, or not at all. */
  readonly rpc: RpcStatus | null;
  /** How long the vendor asked us to wait; null when it did not say. */
  readonly retryAfterMs: number | null;
  /** `result`: the status was answered, and the call for the result failed; see {@link HttpCall.resultOf}. */
  readonly step: 'status' | 'result';
  /** What the part of an answer that could be read says; null where there is none, or it says nothing. */
  readonly vendorStatus: string | null;
  /** The body of an answer that refuses, without secrets; null where it is not JSON. */
  readonly answer: Json;
  /** The headers of that answer, without secrets; empty where there was none. */
  readonly headers: AnswerHeaders;

  constructor(fault: {
    readonly consequence: Consequence;
    readonly kind: FaultKind;
    readonly message: string;
    readonly httpStatus?: number | null;
    readonly rpc?: RpcStatus | null;
    readonly retryAfterMs?: number | null;
    readonly step?: 'status' | 'result';
    readonly vendorStatus?: string | null;
    readonly answer?: Json;
    readonly headers?: AnswerHeaders;
    readonly cause?: unknown;
  }) {
    super(fault.message, { cause: fault.cause });
    this.name = 'UpstreamFault';
    this.consequence = fault.consequence;
    this.kind = fault.kind;
    this.httpStatus = fault.httpStatus ?? null;
    this.rpc = fault.rpc ?? null;
    this.retryAfterMs = fault.retryAfterMs ?? null;
    this.step = fault.step ?? 'status';
    this.vendorStatus = fault.vendorStatus ?? null;
    this.answer = fault.answer ?? null;
    this.headers = fault.headers ?? {};
  }
}

/**
 * Whether a call may be sent again when its answer was lost. `safe`: asking twice is harmless. `at-most-once`: the
 * vendor may have acted on it, so a lost answer leaves the outcome unknown.
 */
export type RetryRule = 'safe' | 'at-most-once';

/** What the faults of a call mean where its `retry` does not settle it. Left out: `rejected`. */
export type FaultRows = {
  /** The vendor refuses: any 3xx or 4xx but 408, 425 and 429. Also a request that HTTP cannot carry. */
  readonly refused?: Consequence;
  /** 404 and 410; left out, they are refusals like the others. */
  readonly notFound?: Consequence;
  /**
   * 429 and 503. Left out, they say that nothing happened where they are the vendor's own word: with `Retry-After`, or
   * with an error body in which `errorMessage` finds the message. Any other is a proxy's, which may have lost the
   * vendor's answer, and counts as a lost answer.
   */
  readonly busy?: Consequence;
};

/** All that decides what a fault of a call means. */
export type CallRule = { readonly retry: RetryRule; readonly faults?: FaultRows };

/** Names in lower case; the values of a header that stands several times are joined. */
export type AnswerHeaders = Readonly<Record<string, string>>;

export const httpMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type HttpMethod = (typeof httpMethods)[number];

/**
 * Where a call goes instead of the backend's base URL.
 *
 * - `configured`: another host of the vendor, which the operator named. It gets the credentials too.
 * - `answered`: an address in an answer of the vendor. Public addresses only, and without credentials, unless its origin
 *   is that of the backend.
 */
export type CallBase = { readonly kind: 'configured' | 'answered'; readonly url: string };

/** A request as it is about to be sent. */
export type OutgoingRequest = {
  readonly method: HttpMethod;
  /** Absolute, with the query. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
};

/** One event of an answer that is a stream; `event` is `message` where it has no name, `data` is JSON where it is that. */
export type AnswerEvent = { readonly event: string; readonly data: Json };

/** How an answer that is a stream of events is read. */
export type AnswerEvents = {
  /**
   * Whether the answer is complete with this event: what follows is not waited for, and the connection is closed. Left out,
   * the stream is read to its end.
   */
  readonly isEnough?: (event: AnswerEvent) => boolean;
};

/** What authorizes one request. */
export type Credentials = {
  readonly headers?: Readonly<Record<string, string>>;
  /** Added to the query of the URL. */
  readonly query?: Readonly<Record<string, string>>;
  /** Secrets that were made at run time; taken out of the answer like those of the config. */
  readonly secrets?: readonly string[];
};

/** Gives the credentials of a request; rejects with {@link UpstreamFault} where there are none, and nothing is sent. */
export type Authorize = (request: OutgoingRequest) => Credentials | Promise<Credentials>;

export type HttpCall<T> = CallRule & {
  /** What the call is for, such as `start`: a label for the log. */
  readonly purpose: string;
  readonly method: HttpMethod;
  /**
   * Joined to the base URL; begins with a slash or a question mark, its parts already percent-encoded. Empty: the base URL
   * alone.
   */
  readonly path: string;
  /** Left out: the backend's base URL. */
  readonly base?: CallBase | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: Json;
  /** Sent as a form (`application/x-www-form-urlencoded`), in place of `body`. */
  readonly form?: readonly (readonly [name: string, value: string])[] | undefined;
  /** Left out, the call has the headers above and nothing more. Never called for an address of another origin. */
  readonly authorize?: Authorize | undefined;
  /** Whether an answer that is plain text by its `Content-Type`, and not JSON, is taken as a string. */
  readonly takesText?: boolean;
  /**
   * An answer that is a stream (`text/event-stream`) is asked for too, and taken as `{ events: [{ event, data }, …] }`. Its
   * deadline is that of the call. Left out, such an answer is malformed.
   */
  readonly events?: AnswerEvents | undefined;
  /** Whether a body that cannot be read is malformed even where `answer` takes anything. No body at all is left to `answer`. */
  readonly readsBody?: boolean;
  /** The vendor's answer, read tolerantly: unknown fields pass, missing optional ones are fine. */
  readonly answer: ZodType<T>;
  /**
   * The vendor's status in an answer. Left out, an answer of which only a part can be read says nothing; with it, one that
   * says that the run is over ends it.
   */
  readonly statusOf?: (body: T) => string;
  /**
   * The call fetches the result of a run, and this is the status that the run was just seen in. Its faults say nothing
   * about the run itself: one that is `rejected` or `gone` means that the result is refused or no longer there. An adapter
   * whose vendor tells a failure in this way catches the fault and gives an observation that is final.
   */
  readonly resultOf?: string | undefined;
  /** How long the vendor may hold its answer, in addition to the time-out of the backend. Left out: not at all. */
  readonly holdMs?: number | undefined;
  /** Finds the vendor's own message in the body of an error answer; null when there is none. */
  readonly errorMessage: (body: Json) => string | null;
  /** Left out, the call is never cut short. */
  readonly signal?: AbortSignal | undefined;
};

export type HttpAnswer<T> = {
  /** The parsed answer. */
  readonly body: T;
  /** The same as the vendor sent it, without secrets. */
  readonly raw: Json;
  readonly status: number;
  /** Without secrets; made when it is read. */
  readonly headers: AnswerHeaders;
  /** Size of the body, unpacked. Zero: the answer had none, or none that can be read. */
  readonly bytes: number;
  /** What was asked, absolute, without credentials: relative addresses in the answer belong to it. */
  readonly url: string;
};
