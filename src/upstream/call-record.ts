import { UpstreamFault } from '../contract/adapter/http.ts';
import type { Metrics } from '../contract/domain/log.ts';
import type { Span, TraceContext, Tracer } from '../contract/domain/trace.ts';

export type CallRecordDeps = {
  readonly backend: string;
  readonly metrics: Metrics;
  /** Left out: the traces of clients are handed on as they are. */
  readonly tracer?: Tracer | undefined;
};

/** Of the looks at a run that goes on, one in this many has a span: there may be thousands of them. */
const lookSpanEvery = 10;
const looks = new Set(['observe', 'attend']);

/** Makes spans and durations of the calls to one backend. */
export class CallRecords {
  readonly #deps: CallRecordDeps;
  #looks = 0;

  constructor(deps: CallRecordDeps) {
    this.#deps = deps;
  }

  /** A call that is sent now. Its `context` goes with it. */
  begin(purpose: string, method: string, parent: TraceContext | undefined): CallRecord {
    const { tracer, backend } = this.#deps;
    const span =
      tracer !== undefined && this.#isSampled(purpose)
        ? tracer.begin(purpose, { parent, kind: 'client', attributes: { backend, 'http.request.method': method } })
        : null;
    return new CallRecord(this.#deps, { purpose, parent, span });
  }

  #isSampled(purpose: string): boolean {
    if (!looks.has(purpose)) return true;
    this.#looks += 1;
    return this.#looks % lookSpanEvery === 1;
  }
}

type CallUnderWay = {
  readonly purpose: string;
  readonly parent: TraceContext | undefined;
  readonly span: Span | null;
};

/** A call under way. */
export class CallRecord {
  readonly #deps: CallRecordDeps;
  readonly #call: CallUnderWay;
  readonly #sentMs = performance.now();

  constructor(deps: CallRecordDeps, call: CallUnderWay) {
    this.#deps = deps;
    this.#call = call;
  }

  get context(): TraceContext | undefined {
    return this.#call.span === null ? this.#call.parent : this.#call.span.context;
  }

  answered(status: number): void {
    this.#observe('answered');
    this.#call.span?.end({ 'http.response.status_code': status });
  }

  /** Also reports the span of a look that was not sampled, because what failed is what is looked for. */
  failed(error: unknown): void {
    const { span, purpose, parent } = this.#call;
    const { tracer, backend } = this.#deps;
    const fault = error instanceof UpstreamFault ? error : null;
    const failure = fault?.message ?? 'defect';
    const attributes = { 'http.response.status_code': fault?.httpStatus ?? undefined, 'error.type': fault?.kind };
    this.#observe(fault?.kind ?? 'defect');
    if (span !== null) {
      span.end(attributes, failure);
      return;
    }
    const endMs = Date.now();
    const startMs = endMs - (performance.now() - this.#sentMs);
    tracer?.record(purpose, {
      parent,
      kind: 'client',
      startMs,
      endMs,
      failure,
      attributes: { backend, ...attributes },
    });
  }

  #observe(outcome: string): void {
    const { metrics, backend } = this.#deps;
    const seconds = (performance.now() - this.#sentMs) / 1000;
    const labels = { backend, operation: this.#call.purpose, outcome };
    metrics.observe('vendor_call_duration_seconds', seconds, labels, this.context);
  }
}
