import {
  type Attributes,
  type Context,
  createTraceState,
  type Span as OtelSpan,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Log } from '../contract/domain/log.ts';
import type { Span, SpanAttributes, SpanOptions, TraceContext, Tracer } from '../contract/domain/trace.ts';

export type TracingOptions = {
  /** Where an OTLP collector takes traces over HTTP, such as `http://localhost:4318/v1/traces`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly version: string;
  /** Share of the traces that begin here which are recorded. A client's own decision is kept. */
  readonly sampleRatio: number;
};

export type Tracing = {
  readonly tracer: Tracer;
  /** Sends what was gathered. Never rejects. */
  close(): Promise<void>;
};

/** Spans wait this long for others of their batch. */
const batchMs = 1000;
const exportTimeoutMs = 10_000;

/** Sends spans to a collector by OTLP. Loaded only where the config asks for it. */
export function openTracing(options: TracingOptions, log: Log): Tracing {
  const exporter = new OTLPTraceExporter({
    url: options.url,
    headers: { ...options.headers },
    timeoutMillis: exportTimeoutMs,
  });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': options.serviceName, 'service.version': options.version }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.sampleRatio) }),
    spanProcessors: [
      new BatchSpanProcessor({ exporter, scheduledDelayMillis: batchMs, exportTimeoutMillis: exportTimeoutMs }),
    ],
  });
  return {
    tracer: new OtlpTracer(provider.getTracer('rungate', options.version)),
    close: async () => {
      try {
        await provider.shutdown();
      } catch (error) {
        log.warn({ err: error }, 'the last traces could not be sent');
      }
    },
  };
}

class OtlpTracer implements Tracer {
  readonly #tracer: OtelTracer;

  constructor(tracer: OtelTracer) {
    this.#tracer = tracer;
  }

  begin(name: string, options: SpanOptions): Span {
    return new OpenSpan(this.#start(name, options), options.parent);
  }

  record(name: string, { startMs, endMs, failure, ...options }: Parameters<Tracer['record']>[1]): void {
    const span = this.#start(name, options, startMs);
    if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
    span.end(Math.max(startMs, endMs));
  }

  #start(name: string, { parent, kind = 'internal', attributes }: SpanOptions, startTime?: number): OtelSpan {
    const made = {
      kind: kinds[kind],
      attributes: definedOf(attributes),
      ...(startTime === undefined ? {} : { startTime }),
    };
    return this.#tracer.startSpan(name, made, contextOf(parent));
  }
}

class OpenSpan implements Span {
  readonly #span: OtelSpan;
  readonly context: TraceContext;

  constructor(span: OtelSpan, parent: TraceContext | undefined) {
    this.#span = span;
    const { traceId, spanId, traceFlags } = span.spanContext();
    const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
    this.context = parent?.tracestate === undefined ? { traceparent } : { traceparent, tracestate: parent.tracestate };
  }

  end(attributes?: SpanAttributes, failure?: string): void {
    if (attributes !== undefined) this.#span.setAttributes(definedOf(attributes));
    if (failure !== undefined) this.#span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
    this.#span.end();
  }
}

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;

function contextOf(parent: TraceContext | undefined): Context {
  if (parent === undefined) return ROOT_CONTEXT;
  const [, traceId = '', spanId = '', flags = '00'] = parent.traceparent.split('-');
  return trace.setSpanContext(ROOT_CONTEXT, {
    ...{ traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true },
    ...(parent.tracestate === undefined ? {} : { traceState: createTraceState(parent.tracestate) }),
  });
}

function definedOf(attributes: SpanAttributes = {}): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
