import type { IncomingMessage, ServerResponse } from 'node:http';
import type { UseCases } from '../contract/api/use-cases.ts';
import type { Principal } from '../contract/domain/principal.ts';
import { type AccessBounds, AccessPolicy } from './access-policy.ts';
import type { Authenticator } from './credentials.ts';
import type { UsageLimits } from './usage-limits.ts';

/** Whoever came in, and what is there for them. */
export type Caller = { readonly principal: Principal; readonly use: UseCases };

export type AuthenticationDeps = {
  readonly authenticate: Authenticator;
  readonly usageLimits: UsageLimits;
  readonly use: UseCases;
  readonly bounds: AccessBounds;
};

/** Where every request for an operation comes in: who is it, may they, and what do they see. */
export class Authentication {
  readonly #deps: AuthenticationDeps;
  /** By principal: those of keys live as long as the config, those of tokens as long as the token is remembered. */
  readonly #callers = new WeakMap<Principal, Caller>();

  constructor(deps: AuthenticationDeps) {
    this.#deps = deps;
  }

  /** Throws or rejects with `unauthorized`, `auth_unavailable` or `rate_limited`. Waits only where there is something to wait for. */
  enter(request: IncomingMessage, response: ServerResponse): Caller | Promise<Caller> {
    const principal = this.#deps.authenticate(request);
    if (principal instanceof Promise) return principal.then((found) => this.#admit(found, response));
    return principal.limits.requestsPerSecond === null ? this.#callerOf(principal) : this.#admit(principal, response);
  }

  /** Takes a place for a stream; gives back how it is left. Throws or rejects with `too_many_streams` or `streams_exhausted`. */
  takeStream({ principal }: Caller): (() => void) | Promise<() => void> {
    return this.#deps.usageLimits.takeStream(principal);
  }

  async #admit(principal: Principal, response: ServerResponse): Promise<Caller> {
    await this.#deps.usageLimits.countRequest(principal, response);
    return this.#callerOf(principal);
  }

  #callerOf(principal: Principal): Caller {
    const known = this.#callers.get(principal);
    if (known !== undefined) return known;
    const caller = { principal, use: new AccessPolicy(this.#deps.use, this.#deps.bounds, principal) };
    this.#callers.set(principal, caller);
    return caller;
  }
}
