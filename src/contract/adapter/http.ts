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

/** The one error that a call to a vendor throws. Its message is the vendor's own where it has one, without secrets. */
export class UpstreamFault extends Error {
  readonly consequence: Consequence;
  readonly kind: FaultKind;
  readonly httpStatus: number | null;
  /** How long the vendor asked us to wait; null when it did not say. */
  readonly retryAfterMs: number | null;
  /** What the part of an answer that could be read says; null where there is none, or it says nothing. */
  readonly vendorStatus: string | null;
  /** The body of an answer that refuses, without secrets; null where it is not JSON. */
  readonly answer: Json;

  constructor(fault: {
    readonly consequence: Consequence;
    readonly kind: FaultKind;
    readonly message: string;
    readonly httpStatus?: number | null;
    readonly retryAfterMs?: number | null;
    readonly vendorStatus?: string | null;
    readonly answer?: Json;
    readonly cause?: unknown;
  }) {
    super(fault.message, { cause: fault.cause });
    this.name = 'UpstreamFault';
    this.consequence = fault.consequence;
    this.kind = fault.kind;
    this.httpStatus = fault.httpStatus ?? null;
    this.retryAfterMs = fault.retryAfterMs ?? null;
    this.vendorStatus = fault.vendorStatus ?? null;
    this.answer = fault.answer ?? null;
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

export type HttpCall<T> = CallRule & {
  /** What the call is for, such as `start`: a label for the log. */
  readonly purpose: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Joined to the backend's base URL; begins with a slash, its parts already percent-encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Json;
  /** The vendor's answer, read tolerantly: unknown fields pass, missing optional ones are fine. */
  readonly answer: ZodType<T>;
  /**
   * The vendor's status in an answer. Left out, an answer of which only a part can be read says nothing; with it, one that
   * says that the run is over ends it.
   */
  readonly statusOf?: (body: T) => string;
  /** Finds the vendor's own message in the body of an error answer; null when there is none. */
  readonly errorMessage: (body: Json) => string | null;
  /** Left out, the call is never cut short. */
  readonly signal?: AbortSignal | undefined;
};

/** `body` is the parsed answer, `raw` the same as the vendor sent it. */
export type HttpAnswer<T> = { readonly body: T; readonly raw: Json };

/**
 * The HTTP client that an adapter is handed: one pool per backend, with its timeouts. A non-2xx answer, an answer
 * that is not JSON or has another shape, and every transport fault are thrown as {@link UpstreamFault}.
 */
export interface HttpClient {
  call<T>(call: HttpCall<T>): Promise<HttpAnswer<T>>;
}
