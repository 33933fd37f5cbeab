import type { Context, Middleware } from 'koa';
import type { Log, Metrics } from '../contract/domain/log.ts';
import type { Tracer } from '../contract/domain/trace.ts';
import type { RequestScope } from '../observability/request-scope.ts';
import { parseTraceContext } from '../observability/trace-context.ts';
import { RequestIds } from './request-id.ts';

export type RequestRecordDeps = {
  readonly scope: RequestScope;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Left out: no spans are made, and the client's trace is handed on. */
  readonly tracer?: Tracer | undefined;
  /** Whether each request has a line in the log. */
  readonly logsAccess: boolean;
};

/** Requests of probes and scrapers, which come every few seconds and tell nothing of a run. */
const unattended = /^\/(?:health\/|metrics$)/;

/** The outermost step: gives a request its id and its place in a trace, and records how long its answer took to begin. */
export function recordRequests(deps: RequestRecordDeps): Middleware {
  const ids = new RequestIds();
  const { scope, tracer } = deps;
  return async (context, next) => {
    const sinceMs = performance.now();
    const requestId = ids.read(context.req);
    const { req, res } = context;
    res.setHeader('X-Request-Id', requestId);
    const { headers } = req;
    const given = parseTraceContext(
      typeof headers.traceparent === 'string' ? headers.traceparent : undefined,
      headers.tracestate,
    );
    const span =
      tracer === undefined || unattended.test(context.path)
        ? undefined
        : tracer.begin('request', { parent: given, kind: 'server' });
    const trace = { requestId, context: span?.context ?? given };
    await scope.run(trace, next);
    const operation = operationOf(context);
    const tookMs = performance.now() - sinceMs;
    const { statusCode: status } = res;
    const labels = { operation: operation ?? 'other', code: String(status) };
    deps.metrics.observe('http_request_duration_seconds', tookMs / 1000, labels, trace.context);
    if (span === undefined && !deps.logsAccess) return;
    const { method, path } = context;
    span?.end(
      { 'http.request.method': method, 'url.path': path, 'http.response.status_code': status, operation },
      status >= 500 ? `answered with ${status}` : undefined,
    );
    if (!deps.logsAccess) return;
    const ofTrace = { request_id: requestId, trace_id: trace.context?.traceparent.slice(3, 35) };
    deps.log.info({ ...ofTrace, method, path, operation, status, took_ms: Math.round(tookMs) }, 'request answered');
  };
}

/** Says which operation of which protocol a request is for. */
export function noteOperation(context: Context, operation: string): void {
  context.state.operation = operation;
}

function operationOf({ state }: Context): string | undefined {
  return typeof state.operation === 'string' ? state.operation : undefined;
}
