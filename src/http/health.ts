import type { Context, Middleware } from 'koa';
import { GatewayError } from '../contract/domain/errors.ts';
import type { Log } from '../contract/domain/log.ts';

/** One thing that the gateway needs in order to work; `check` rejects while it does not have it. */
export type ReadinessCheck = { readonly name: string; check(): Promise<void> };

/** A probe that hangs is worse than one that fails. */
const patienceMs = 2000;

/** What a backend is like, for who asks whether we are ready; one that is down does not make us unready. */
export type BackendStates = () => readonly { readonly name: string; readonly state: string }[];

export type HealthDeps = {
  readonly checks: readonly ReadinessCheck[];
  readonly backends: BackendStates;
  /** Whether the gateway is shutting down: then it takes no work, however well it is. */
  readonly isDraining: () => boolean;
  readonly log: Log;
};

/** `/health/live`: the process answers. `/health/ready`: it can take work; 503 says not now. */
export function answerHealth({ checks, backends, isDraining, log }: HealthDeps): Middleware {
  return async (context, next) => {
    if (context.path !== '/health/live' && context.path !== '/health/ready') return await next();
    if (context.method !== 'GET' && context.method !== 'HEAD') {
      context.set('Allow', 'HEAD, GET');
      throw new GatewayError('method_not_allowed');
    }
    context.set('Cache-Control', 'no-store');
    if (context.path === '/health/live') return sendJson(context, 200, { status: 'ok' });
    const results = await Promise.all(checks.map((each) => probe(each, log)));
    const draining = isDraining();
    const isReady = !draining && results.every(([, result]) => result === 'ok');
    sendJson(context, isReady ? 200 : 503, {
      status: isReady ? 'ok' : 'unavailable',
      draining,
      checks: Object.fromEntries(results),
      backends: Object.fromEntries(backends().map(({ name, state }) => [name, state])),
    });
  };
}

/** Why a check fails is for the log; a probe is answered to anybody. */
async function probe({ name, check }: ReadinessCheck, log: Log): Promise<readonly [string, 'ok' | 'failing']> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${patienceMs} ms`)), patienceMs);
  try {
    await Promise.race([check(), late.promise]);
    return [name, 'ok'];
  } catch (fault) {
    log.warn({ check: name, err: fault }, 'not ready');
    return [name, 'failing'];
  } finally {
    clearTimeout(timer);
  }
}

function sendJson(context: Context, status: number, body: object): void {
  context.status = status;
  context.set('Content-Type', 'application/json');
  context.body = JSON.stringify(body);
}
