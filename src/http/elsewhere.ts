import { z } from 'zod';
import type { Operation, Protocol } from '../contract/api/protocol.ts';
import type { Mount } from './router.ts';
import { isUnder } from './router.ts';

/** An operation and where it is mounted. */
type Place = { readonly prefix: string; readonly operation: Operation; readonly pattern: RegExp };

/**
 * Says where another protocol of the gateway serves what this one does not have: clients often have the right request and
 * the wrong base URL. It is asked for refusals only.
 */
export class Elsewhere {
  readonly #mounts: readonly Mount[];
  #known: ReadonlyMap<string, readonly Place[]> | undefined;

  constructor(mounts: readonly Mount[]) {
    this.#mounts = mounts;
  }

  /** By the name of their protocol; the root's stands under its own prefix too. Made with the first refusal. */
  get #places(): ReadonlyMap<string, readonly Place[]> {
    this.#known ??= new Map(
      this.#mounts
        .filter(({ prefix }) => prefix !== '')
        .map(({ protocol, prefix }) => [protocol.name, placesOf(protocol, prefix)]),
    );
    return this.#known;
  }

  /**
   * Where a path is served, such as `POST /runs/stream is served under /acp/v0.2`; undefined where it is not. `maxParams`: only
   * operations with fewer parameters, because the path also looks like one of this protocol.
   */
  ofPath(method: string, path: string, maxParams = Number.POSITIVE_INFINITY): string | undefined {
    const own = this.#mountOf(path);
    const rest = path.slice(own?.prefix.length ?? 0);
    const found = this.#others(own?.protocol.name).filter(
      ({ pattern, operation }) => pattern.test(rest) && countParams(operation) < maxParams,
    );
    const wanted = method === 'HEAD' ? 'GET' : method;
    const same = found.filter(({ operation }) => operation.method === wanted);
    if (same.length > 0) return `${wanted} ${rest} is served under ${list(same.map(({ prefix }) => prefix))}`;
    // A path that this protocol has too is right, and its methods are in `Allow`.
    if (this.#places.get(own?.protocol.name ?? '')?.some(({ pattern }) => pattern.test(rest)) === true)
      return undefined;
    const offers = found.map(({ prefix, operation }) => `${operation.method} under ${prefix}`);
    return offers.length === 0 ? undefined : `${rest} is served with ${list(offers)}`;
  }

  /** What an own path of a client has become, such as `POST /v1/responses takes the texts as its "input"`. */
  replacementOf(path: string): string | undefined {
    for (const { protocol, prefix } of this.#mountsFor(path)) {
      const rest = path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path;
      const replacement = protocol.replacements?.[rest];
      if (replacement !== undefined) return replacement.replace(' /', ` ${prefix}/`);
    }
    return undefined;
  }

  /** Which operation lists agents, such as `GET /v1/models`: the protocol's own, or that of another where it has none. */
  ofAgents(path: string): string | undefined {
    for (const { protocol, prefix } of this.#mountsFor(path)) {
      const listing = protocol.operations.find(({ listsAgents }) => listsAgents === true);
      if (listing !== undefined) return `${listing.method} ${prefix}${listing.path}`;
    }
    return undefined;
  }

  /** The one of the path before all. */
  #mountsFor(path: string): readonly Mount[] {
    const own = this.#mountOf(path);
    return own === undefined ? this.#mounts : [own, ...this.#mounts];
  }

  #mountOf(path: string): Mount | undefined {
    return this.#mounts
      .filter(({ prefix }) => isUnder(path, prefix))
      .toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
  }

  /** Which protocols take a member of a body or a query that this protocol's operation on the same path does not have. */
  ofMember(name: string, { method, path }: Operation, member: string): string | undefined {
    const found = this.#others(name).filter(
      ({ operation }) => operation.method === method && operation.path === path && takes(operation, member),
    );
    return found.length === 0
      ? undefined
      : `${method} ${path.replaceAll(/(?<=\/):(\w+)/g, '{$1}')} takes it under ${list(found.map(({ prefix }) => prefix))}`;
  }

  #others(name: string | undefined): readonly Place[] {
    return [...this.#places].flatMap(([other, places]) => (other === name ? [] : places));
  }
}

function placesOf({ operations }: Protocol, prefix: string): readonly Place[] {
  return operations.filter(isTelling).map((operation) => ({ prefix, operation, pattern: patternOf(operation) }));
}

/** A path that is all parameters looks like any other. */
function isTelling({ path }: Operation): boolean {
  return /\/[^:]/.test(path);
}

/** `GET /runs/search` is no run of another protocol: runs and threads have ids of a known shape. */
function patternOf({ path }: Operation): RegExp {
  const withIds = path.replaceAll('.', '\\.').replaceAll(/:(?:run|thread)_id\b/g, '[0-9a-fA-F-]{36}');
  return new RegExp(`^${withIds.replaceAll(/(?<=\/):\w+/g, '[^/]+')}$`);
}

function countParams({ path }: Operation): number {
  return path.split('/:').length - 1;
}

function takes({ body, query }: Operation, member: string): boolean {
  return [body, query].some((schema) => Object.hasOwn(membersOf(schema), member));
}

/** The members of an object's schema, also where the object has a default. */
export function membersOf(schema: unknown): object {
  if (schema instanceof z.ZodObject) return schema.shape;
  return schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional ? membersOf(schema.def.innerType) : {};
}

function list(names: readonly string[]): string {
  const distinct = [...new Set(names)];
  const last = distinct.at(-1) ?? '';
  return distinct.length < 2 ? last : `${distinct.slice(0, -1).join(', ')} and ${last}`;
}
