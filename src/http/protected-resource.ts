import type { Context, Middleware } from 'koa';
import { setJson } from './answers.ts';
import { isUnder, type Mount } from './router.ts';

export type ProtectedResourceOptions = {
  readonly mounts: readonly Mount[];
  /** The issuer whose tokens are accepted; null: none are, and there is no metadata. */
  readonly issuer: string | null;
  /** The public address of the gateway; null: the one that each request names. */
  readonly publicUrl: string | null;
};

const wellKnown = '/.well-known/oauth-protected-resource';

/** Tells clients that ask without a token which issuer gives them one (RFC 9728), for protocols whose clients look for that. */
export class ProtectedResources {
  readonly #issuer: string | null;
  readonly #publicUrl: string | null;
  readonly #prefixes: readonly string[];

  constructor({ mounts, issuer, publicUrl }: ProtectedResourceOptions) {
    this.#issuer = issuer;
    this.#publicUrl = publicUrl;
    this.#prefixes = mounts.flatMap(({ protocol, prefix }) => (protocol.isProtectedResource === true ? [prefix] : []));
  }

  /** What the challenge of a refused request says in addition; empty where there is no metadata for its path. */
  challengeFor(context: Context): string {
    const { path } = context;
    if (this.#issuer === null || !this.#isServed(path)) return '';
    return `, resource_metadata="${this.#baseUrl(context)}${wellKnown}${path.replaceAll(/["\\]/g, '')}"`;
  }

  /** Answers with the metadata of a resource, and with that of all of them at the root. */
  route(): Middleware {
    return (context, next) => {
      const { path, method } = context;
      if (this.#issuer === null || method !== 'GET' || !isUnder(path, wellKnown)) return next();
      const resource = path.slice(wellKnown.length);
      if (resource !== '' && !this.#isServed(resource)) return next();
      const described = {
        resource: `${this.#baseUrl(context)}${resource}`,
        authorization_servers: [this.#issuer],
        bearer_methods_supported: ['header'],
        resource_name: 'rungate',
      };
      setJson(context, JSON.stringify(described));
      return undefined;
    };
  }

  #isServed(path: string): boolean {
    return this.#prefixes.some((prefix) => isUnder(path, prefix));
  }

  #baseUrl({ protocol, host }: Context): string {
    return this.#publicUrl ?? `${protocol}://${host}`;
  }
}
