import type { Middleware } from 'koa';
import { GatewayError } from '../contract/domain/errors.ts';
import type { MetricsPage } from '../observability/metrics.ts';

/** `/metrics`: the process's counters in Prometheus' text format, version 0.0.4, for whoever reaches the port. */
export function answerMetrics(render: () => Promise<MetricsPage>): Middleware {
  return async (context, next) => {
    if (context.path !== '/metrics') return await next();
    if (context.method !== 'GET' && context.method !== 'HEAD') {
      context.set('Allow', 'HEAD, GET');
      throw new GatewayError('method_not_allowed');
    }
    context.set('Cache-Control', 'no-store');
    const { contentType, text } = await render();
    context.set('Content-Type', contentType);
    context.body = text;
  };
}
