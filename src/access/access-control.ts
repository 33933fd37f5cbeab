import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AdminFor } from '../contract/api/admin.ts';
import type { Api, ClientApi } from '../contract/api/api.ts';
import type { VendorCalls } from '../contract/api/vendor-calls.ts';
import type { Principal } from '../contract/domain/principal.ts';
import { AgentScope } from './agent-scope.ts';
import { AuthorizedAdmin } from './authorized-admin.ts';
import { AuthorizedAgents } from './authorized-agents.ts';
import { AuthorizedRuns } from './authorized-runs.ts';
import { AuthorizedThreads } from './authorized-threads.ts';
import type { AccessBounds } from './bounds.ts';
import type { Authenticator } from './credentials.ts';
import type { IssuedTicket, StreamTickets } from './stream-tickets.ts';
import type { UsageLimits } from './usage-limits.ts';

/** The principal of a request, and the API as that principal may use it. */
export type Caller = { readonly principal: Principal; readonly api: Api };

export type AccessControlDeps = {
  readonly authenticate: Authenticator;
  readonly usageLimits: UsageLimits;
  readonly api: ClientApi;
  /** Null: it is not served. */
  readonly adminFor: AdminFor | null;
  readonly bounds: AccessBounds;
  readonly tickets: StreamTickets;
};

/** Lets requests in: identifies the principal, counts its usage, and gives it the API as it may use it. */
export class AccessControl {
  readonly #deps: AccessControlDeps;
  /** A key's principal lives as long as the config, a token's as long as the token is cached. */
  readonly #callers = new WeakMap<Principal, Caller>();

  constructor(deps: AccessControlDeps) {
    this.#deps = deps;
  }

  /** Throws or rejects with `unauthorized`, `auth_unavailable` or `rate_limited`; synchronous where nothing is awaited. */
  enter(request: IncomingMessage, response: ServerResponse): Caller | Promise<Caller> {
    const principal = this.#deps.authenticate(request);
    if (principal instanceof Promise) return principal.then((found) => this.#admit(found, response));
    return principal.limits.requestsPerSecond === null ? this.#callerOf(principal) : this.#admit(principal, response);
  }

  /** Lets in who has a ticket for the stream at `path`. Rejects with `unauthorized`, `storage_unavailable` or `rate_limited`. */
  async enterWithTicket(ticket: string, path: string, response: ServerResponse): Promise<Caller> {
    const { principal, close } = await this.#deps.tickets.open(ticket, path);
    response.once('close', close);
    return await this.#admit(principal, response);
  }

  /** A ticket for the stream at `path`, which the caller may see. Rejects with `storage_unavailable`. */
  async issueTicket({ principal }: Caller, path: string): Promise<IssuedTicket> {
    return await this.#deps.tickets.issue(principal, path);
  }

  /** Counts a stream; the result ends it. Throws or rejects with `too_many_streams` or `streams_exhausted`. */
  openStream({ principal }: Caller): (() => void) | Promise<() => void> {
    return this.#deps.usageLimits.openStream(principal);
  }

  async #admit(principal: Principal, response: ServerResponse): Promise<Caller> {
    await this.#deps.usageLimits.countRequest(principal, response);
    return this.#callerOf(principal);
  }

  #callerOf(principal: Principal): Caller {
    const known = this.#callers.get(principal);
    if (known !== undefined) return known;
    const caller = { principal, api: authorize(this.#deps, principal) };
    this.#callers.set(principal, caller);
    return caller;
  }
}

/** The API as one principal may use it. Items belong to the tenant and to no agent, so they pass as they are. */
function authorize({ api, adminFor, bounds }: AccessControlDeps, principal: Principal): Api {
  const scope = new AgentScope(bounds.agents, principal);
  return {
    runs: new AuthorizedRuns(api, scope, bounds, principal),
    threads: new AuthorizedThreads(api, scope, bounds),
    items: api.items,
    agents: new AuthorizedAgents(api.agents, scope),
    admin: new AuthorizedAdmin(principal, adminFor),
    vendors: authorizeCalls(api.vendors, principal),
  };
}

/** What passes on to vendors, for the tenant of the principal and within its agents. */
function authorizeCalls(vendors: VendorCalls, { tenant, agents }: Principal): VendorCalls {
  return { pass: (call) => vendors.pass({ ...call, tenant, agents: agents ?? undefined }) };
}
