import type { Router } from '@koa/router';
import type { Context } from 'koa';
import type { PushCall } from '../contract/adapter/push.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { MetricsPage } from '../observability/metrics.ts';
import { setJson } from './answers.ts';
import type { ParseBody, ReadPush } from './body.ts';
import { type HealthDeps, readReadiness } from './health.ts';
import { createHomePage, type HomeOptions } from './home-page.ts';
import { addReference, type ReferenceOptions } from './reference.ts';
import { createRouter, type Site } from './router.ts';

/**
 * Resolves with true if the token is one that a start carried; its run is observed then.
 */
export type Pushed = (backend: string, token: string, parseBody: ParseBody) => Promise<boolean>;

/** Resolves with true if the call is known to be the vendor's; the run that it names is observed then. */
export type PushedForAccount = (backend: string, call: PushCall) => Promise<boolean>;

export type OwnRouteDeps = HealthDeps & {
  readonly pushed: Pushed;
  readonly pushedForAccount: PushedForAccount;
  /** Reads the body of a push, within the bound of every body and of every answer, and parses it where that is asked. */
  readonly readPush: (context: Context) => Promise<ReadPush>;
  /** Null: the gateway has no `/metrics`. */
  readonly renderMetrics: ((form: 'prometheus' | 'openmetrics') => Promise<MetricsPage>) | null;
};

/** As scrapers ask for them; of equals the first is given. */
const metricsTypes = ['text/plain', 'text/plain;version=0.0.4', 'application/openmetrics-text;version=1.0.0'];

/** The gateway's own routes, as opposed to those of a protocol. They ask for no key. */
export function routeOwn(deps: OwnRouteDeps, options: HomeOptions & ReferenceOptions): Site {
  return { prefix: '', createRouters: () => createOwnRouter(deps, options) };
}

function createOwnRouter(deps: OwnRouteDeps, options: HomeOptions & ReferenceOptions): Router {
  const router = createRouter('', { strict: true });
  const { pushed, pushedForAccount, readPush, renderMetrics } = deps;

  /** The process answers. */
  router.get('/health/live', (context) => setJson(context, JSON.stringify({ status: 'ok' })));

  /** The gateway can take work; 503: not now. */
  router.get('/health/ready', async (context) => {
    const { isReady, body } = await readReadiness(deps);
    context.status = isReady ? 200 : 503;
    setJson(context, JSON.stringify(body));
  });

  if (renderMetrics !== null) {
    router.get('/metrics', async (context) => {
      const isOpen = context.accepts(metricsTypes) === metricsTypes.at(-1);
      const { contentType, text } = await renderMetrics(isOpen ? 'openmetrics' : 'prometheus');
      context.vary('Accept');
      context.set('Content-Type', contentType);
      context.body = text;
    });
  }

  // A vendor says that a run has changed. The token names the run. Only the vendor's own answer to the gateway's question
  // is trusted; where the start had no answer, the body says which of the vendor's runs to ask for.
  router.post('/push/:backend/:token', async (context) => {
    const { parse } = await readPush(context);
    const { backend = '', token = '' } = context.params;
    if (!(await pushed(backend, token, parse))) throw new GatewayError('route_not_found');
    context.status = 204;
  });

  // The same of a vendor that calls one URL for a whole account: the call has to be known as the vendor's, and names the run.
  router.post('/push/:backend', async (context) => {
    const { text, parse } = await readPush(context);
    const { backend = '' } = context.params;
    const call = { headers: flattenHeaders(context.headers), body: text(), parse };
    if (!(await pushedForAccount(backend, call))) throw new GatewayError('route_not_found');
    context.status = 204;
  });

  const home = createHomePage(options);
  router.get('/', (context) => {
    context.vary('Accept');
    // Everything but a browser gets what the root protocol says of a path that it does not have.
    if (context.accepts('json', 'html') !== 'html') throw new GatewayError('route_not_found');
    context.set(home.headers);
    context.body = home.html;
  });

  addReference(router, options);
  return router;
}

function flattenHeaders(headers: Context['headers']): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
