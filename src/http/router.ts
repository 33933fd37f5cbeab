import { METHODS } from 'node:http';
import { Router, type RouterContext } from '@koa/router';
import type { Context, Middleware } from 'koa';
import type { Protocol } from '../contract/api/protocol.ts';
import { GatewayError } from '../contract/domain/errors.ts';

/** A protocol at a place; `''` is the root. One protocol may stand at several. */
export type Mount = { readonly protocol: Protocol; readonly prefix: string };

/** A route whose path matched, whatever its methods. */
type Layer = { readonly methods: readonly string[]; readonly paramNames: readonly unknown[] };

const refuseMethod = () => new GatewayError('method_not_allowed');
const refusals = { throw: true, methodNotAllowed: refuseMethod, notImplemented: refuseMethod };

/**
 * A router below `prefix`. `/runs/search` also matches `/runs/:run_id`: the route with fewer parameters is taken. Every
 * method that Node parses counts as implemented, so that an unusual one is 405 where the path exists and 404 elsewhere.
 */
export function createRouter(prefix: string, options: { readonly strict: boolean }): Router {
  return new Router({ ...options, prefix, sensitive: true, exclusive: 'specificity', methods: METHODS });
}

/** Routers and the paths that they are asked for. */
export type Site = {
  readonly prefix: string;
  /** A table, or one for every path. Called with the first request: few gateways are asked in every protocol. */
  readonly createRouters: () => RouterTable | Router;
};

/**
 * By the first segment of a path below the prefix, and by the number of its segments: a router tries all of its routes, one
 * after the other.
 */
export type RouterTable = ReadonlyMap<string, ReadonlyMap<number, Router>>;

type Step = (context: Context, next: () => Promise<unknown>) => Promise<unknown>;

/**
 * The routes, OPTIONS and 405 of several routers in one step. Each router below whose prefix the path lies is asked in turn; a
 * path that none of them has goes to the next step.
 */
export function mountRouters(sites: readonly Site[]): Middleware {
  const places = sites.map(({ prefix, createRouters }) => {
    const below = `${prefix}/`;
    let choose: ReturnType<typeof chooseStep> | undefined;
    return {
      ...{ prefix, below },
      stepFor(path: string) {
        choose ??= chooseStep(createRouters());
        return choose(path, below.length);
      },
    };
  });
  return (context, next) => {
    const { path } = context;
    const goOn = (from: number): Promise<unknown> => {
      for (let at = from; at < places.length; at += 1) {
        const place = places[at];
        if (place === undefined || !(path.startsWith(place.below) || path === place.prefix)) continue;
        const step = place.stepFor(path);
        if (step !== undefined) return step(context, () => goOn(at + 1));
      }
      return next();
    };
    return goOn(0);
  };
}

/** The step for a path by its segments from `from` on; undefined: none of the routers has such a path. */
function chooseStep(routers: RouterTable | Router): (path: string, from: number) => Step | undefined {
  if (routers instanceof Router) {
    const step = answerBy(routers);
    return () => step;
  }
  const steps = new Map(
    [...routers].map(([first, byCount]) => [
      first,
      new Map([...byCount].map(([count, router]) => [count, answerBy(router)])),
    ]),
  );
  return (path, from) => {
    const end = path.indexOf('/', from);
    return steps.get(path.slice(from, end === -1 ? undefined : end))?.get(countSegments(path, from));
  };
}

/** Paths may end with a slash, which begins no segment. */
function countSegments(path: string, from: number): number {
  let count = 1;
  for (let at = path.indexOf('/', from); at !== -1 && at < path.length - 1; at = path.indexOf('/', at + 1)) count += 1;
  return count;
}

function answerBy(router: Router): Step {
  const routes = router.routes() as unknown as Middleware;
  const allowed = router.allowedMethods(refusals) as unknown as Middleware;
  // Only a path without a route for the method goes on here.
  const refuse = async (context: Context, next: () => Promise<unknown>): Promise<void> => {
    await allowed(context, next);
    if (context.method === 'OPTIONS') completeOptions(context);
  };
  return (context, next) => routes(context, () => refuse(context, next));
}

export function isUnder(path: string, prefix: string): boolean {
  return prefix === '' || path === prefix || path.startsWith(`${prefix}/`);
}

/** Whether no route has answered. */
export function isUnrouted(context: Context): boolean {
  return context.status === 404 && context.body === undefined && context.respond !== false;
}

/**
 * Throws `method_not_allowed` if the path also matches a route with fewer parameters: `GET /runs/search` is not a run with
 * a bad id but a path that takes POST alone.
 */
export function refuseLessSpecific(context: Context, paramCount: number): void {
  const specific = matchedLayers(context).filter(({ paramNames }) => paramNames.length < paramCount);
  if (specific.length === 0) return;
  context.set('Allow', listMethods(specific));
  throw refuseMethod();
}

/** Sets `Allow` for a path that was matched with another method, unless it is set already. */
export function setAllow(context: Context): void {
  if (!context.res.hasHeader('Allow')) context.set('Allow', listMethods(matchedLayers(context)));
}

/** The router answers 200 with an empty text and leaves OPTIONS itself out. */
function completeOptions(context: Context): void {
  if (context.status !== 200) return;
  context.status = 204;
  context.set('Allow', listMethods(matchedLayers(context)));
}

function matchedLayers(context: Context): readonly Layer[] {
  return (context as unknown as RouterContext).matched ?? [];
}

function listMethods(layers: readonly Layer[]): string {
  return [...new Set(layers.flatMap(({ methods }) => methods)), 'OPTIONS'].join(', ');
}
