/** A place in a distributed trace, as the headers of W3C Trace Context that carry it. */
export type TraceContext = {
  /** `00-<trace id>-<span id>-<flags>`, checked. */
  readonly traceparent: string;
  readonly tracestate?: string;
};

/** What ties a run to the request that created it: in log lines, in traces, in calls to vendors and to receivers. */
export type RunTrace = {
  /** The `X-Request-Id` of that request. */
  readonly requestId?: string | undefined;
  /** Where the spans of the run belong; left out where the client sent none and no traces are made. */
  readonly context?: TraceContext | undefined;
};

export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

export type SpanOptions = {
  /** Left out: the span begins a trace. */
  readonly parent?: TraceContext | undefined;
  readonly kind?: 'server' | 'client' | 'internal' | undefined;
  readonly attributes?: SpanAttributes | undefined;
};

/** A span that is under way. */
export interface Span {
  /** What is sent on with a call, so that the spans of others become its children; the parent's where no traces are made. */
  readonly context: TraceContext | undefined;
  /** `failure` says why the work failed; left out, it did not. */
  end(attributes?: SpanAttributes, failure?: string): void;
}

/** Makes the spans of a trace. Never throws, and does nothing where the config has no `tracing`. */
export interface Tracer {
  begin(name: string, options: SpanOptions): Span;
  /** Reports a span that is over; times in milliseconds since the epoch. */
  record(
    name: string,
    span: SpanOptions & { readonly startMs: number; readonly endMs: number; readonly failure?: string | undefined },
  ): void;
}
