import type { Middleware } from 'koa';
import { GatewayError } from '../contract/domain/errors.ts';
import { createBodyDropper } from './body.ts';

/** True: the token is one that a start carried, and its run is being looked at. */
export type Pushed = (backend: string, token: string) => Promise<boolean>;

const route = /^\/push\/([^/]{1,128})\/([^/]{1,256})$/;

/**
 * `POST /push/{backend}/{token}`: a vendor says that a run changed. The token says which; what the vendor sends along
 * is not read, because only the vendor's own answer to our question is trusted.
 */
export function takePushes(pushed: Pushed, maxBodyBytes: number): Middleware {
  const dropBody = createBodyDropper(maxBodyBytes);
  return async (context, next) => {
    const match = context.path.startsWith('/push/') ? route.exec(context.path) : null;
    if (match === null) return await next();
    if (context.method !== 'POST') {
      context.set('Allow', 'POST');
      throw new GatewayError('method_not_allowed');
    }
    await dropBody(context);
    const [, backend = '', token = ''] = match;
    if (!(await pushed(backend, token))) throw new GatewayError('route_not_found');
    context.status = 204;
  };
}
