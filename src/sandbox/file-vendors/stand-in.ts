import type { Json } from '../../contract/domain/json.ts';
import type { Operation } from '../faults.ts';
import type { Call, Headers, Reply, Wire } from '../wire-host.ts';
import type { Speech, VendorRuns } from './vendor-runs.ts';

/** What a request says. */
export type Asked = {
  /** The parts of the path that the route has in braces. */
  readonly parts: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Undefined where there is none. */
  readonly body: Json | undefined;
  readonly headers: Headers;
  /** What the first call gives, again for each answer to the request: one that is held back is made many times. */
  once<Made>(make: () => Made): Made;
};

/** Where a vendor has one path for all, its headers say what is asked. */
type Named = Operation | ((headers: Headers) => Operation);

export type Route = readonly [operation: Named, handle: (asked: Asked) => Reply];

/** How one vendor speaks: its paths, its words and its errors. What its runs do is in {@link VendorRuns}. */
export type StandIn = Speech & {
  /** The key that a request carries. */
  keyOf(headers: Headers): string | undefined;
  /** By method and path, such as `GET /runs/{id}`. */
  routes(runs: VendorRuns): Readonly<Record<string, Route>>;
};

export function bearerOf({ authorization }: Headers): string | undefined {
  return authorization?.replace(/^(Bearer|Token) /, '');
}

type PlannedRoute = { readonly method: string; readonly path: readonly string[]; readonly route: Route };

/** The wire of a stand-in, which asks for one of the keys in every request. */
export function wireOf(
  { vendor, keyOf, encodeError, routes }: StandIn,
  runs: VendorRuns,
  keys: ReadonlySet<string | undefined>,
): Wire {
  const planned = Object.entries(routes(runs)).map(([name, route]): PlannedRoute => {
    const [method = '', path = ''] = name.split(' ');
    return { method, path: path.slice(1).split('/'), route };
  });

  function handle([, answer]: Route, asked: Asked, headers: Headers): Reply {
    if (!keys.has(keyOf(headers))) {
      return { status: 401, body: encodeError(401, 'the key is missing or wrong') };
    }
    return answer(asked);
  }

  return {
    vendor,
    encodeError,
    route(method, path, { query, headers: sent }): Call | null {
      for (const each of planned) {
        const parts = each.method === method ? match(each.path, path) : null;
        if (parts === null) continue;
        const asked = { parts, query: new URLSearchParams(query), once: rememberOne() };
        const [named] = each.route;
        return {
          operation: typeof named === 'function' ? named(sent) : named,
          handle: (body, headers) => handle(each.route, { ...asked, body: body as Json | undefined, headers }, headers),
        };
      }
      return null;
    },
  };
}

function rememberOne(): Asked['once'] {
  let made: { readonly value: unknown } | null = null;
  return <Made>(make: () => Made): Made => {
    made ??= { value: make() };
    return made.value as Made;
  };
}

function match(pattern: readonly string[], path: readonly string[]): Readonly<Record<string, string>> | null {
  if (pattern.length !== path.length) return null;
  const parts: Record<string, string> = {};
  for (const [at, name] of pattern.entries()) {
    const part = path[at] ?? '';
    if (name.startsWith('{')) parts[name.slice(1, -1)] = part;
    else if (name !== part) return null;
  }
  return parts;
}
