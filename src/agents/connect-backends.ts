import { isDeepStrictEqual } from 'node:util';
import type { Adapter, Connection } from '../contract/adapter/adapter.ts';
import type { ExpressionCompiler } from '../contract/adapter/expressions.ts';
import type { Upstream } from '../upstream/connect.ts';
import { type BackendConnections, connectionsByTenant, sharedConnection } from './backend-connections.ts';

/** What a connection to a backend is made of. */
export type ConnectedBackend = {
  readonly name: string;
  readonly adapter: Adapter;
  readonly settings: unknown;
  readonly settingsByTenant: Readonly<Record<string, unknown>> | null;
};

export type BackendPoolDeps<Backend extends ConnectedBackend, Terms> = {
  /** Makes the client of a backend, or of a tenant there, with the settings; opens nothing. */
  readonly connect: (backend: Backend, settings: unknown, terms: Terms) => Upstream;
  readonly compiler: (terms: Terms) => ExpressionCompiler;
};

type Connected<Backend, Terms> = {
  readonly backend: Backend;
  readonly terms: Terms;
  readonly connections: BackendConnections;
  readonly upstreams: readonly Upstream[];
};

/** The connections to the backends of the config in force; those whose backend a later config has unchanged are kept. */
export class BackendPool<Backend extends ConnectedBackend, Terms> {
  readonly #deps: BackendPoolDeps<Backend, Terms>;
  #connected = new Map<string, Connected<Backend, Terms>>();
  /**
   * Clients of earlier configs, which live runs may still use. One that none uses goes by itself: its idle connections end
   * within a minute.
   */
  #former: WeakRef<Upstream>[] = [];

  constructor(deps: BackendPoolDeps<Backend, Terms>) {
    this.#deps = deps;
  }

  /** The connections of a config; `terms` are what all backends share. */
  connect(backends: readonly Backend[], terms: Terms): ReadonlyMap<string, BackendConnections> {
    const next = new Map<string, Connected<Backend, Terms>>();
    for (const backend of backends) {
      const known = this.#connected.get(backend.name);
      const isSame =
        known !== undefined && isDeepStrictEqual(known.terms, terms) && isSameBackend(known.backend, backend);
      next.set(backend.name, isSame ? known : this.#open(backend, terms));
    }
    const kept = new Set(next.values());
    const left = [...this.#connected.values()].filter((each) => !kept.has(each));
    this.#former = [
      ...this.#former.filter((each) => each.deref() !== undefined),
      ...left.flatMap(({ upstreams }) => upstreams.map((upstream) => new WeakRef(upstream))),
    ];
    this.#connected = next;
    return new Map([...next].map(([name, { connections }]) => [name, connections]));
  }

  /** Waits for the calls under way. */
  async close(): Promise<void> {
    const current = [...this.#connected.values()].flatMap(({ upstreams }) => upstreams);
    const former = this.#former.flatMap((each) => each.deref() ?? []);
    await Promise.all([...current, ...former].map((upstream) => upstream.close()));
  }

  #open(backend: Backend, terms: Terms): Connected<Backend, Terms> {
    const { adapter, settings, settingsByTenant } = backend;
    const expressions = this.#deps.compiler(terms);
    const upstreams: Upstream[] = [];
    const connect = (own: unknown): Connection => {
      const upstream = this.#deps.connect(backend, own, terms);
      upstreams.push(upstream);
      return adapter.connect(own, upstream.client, expressions);
    };
    const connections =
      settingsByTenant === null
        ? sharedConnection(connect(settings))
        : connectionsByTenant(new Map(Object.entries(settingsByTenant).map(([tenant, own]) => [tenant, connect(own)])));
    return { backend, terms, connections, upstreams };
  }
}

/** An adapter is the same only as an object: one that is made of a vendor file is made once for a text. */
function isSameBackend<Backend extends ConnectedBackend>(one: Backend, other: Backend): boolean {
  const { adapter, ...rest } = one;
  const { adapter: otherAdapter, ...otherRest } = other;
  return adapter === otherAdapter && isDeepStrictEqual(rest, otherRest);
}
