import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../contract/domain/principal.ts';
import type { UseCases } from '../contract/api/use-cases.ts';
import type { Authenticator } from './credentials.ts';
import { type Bounds, GuardedUseCases } from './access-policy.ts';
import type { Limiter } from './usage-limits.ts';

/** Whoever came in, and what is there for them. */
export type Visitor = { readonly principal: Principal; readonly use: UseCases };

export type DoorParts = {
  readonly authenticate: Authenticator;
  readonly limiter: Limiter;
  readonly use: UseCases;
  readonly bounds: Bounds;
};

/** Where every request for an operation comes in: who is it, may they, and what do they see. */
export class Door {
  readonly #parts: DoorParts;
  /** By principal: those of keys live as long as the config, those of tokens as long as the token is remembered. */
  readonly #visitors = new WeakMap<Principal, Visitor>();

  constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  /** Throws or rejects with `unauthorized`, `auth_unavailable` or `rate_limited`. Waits only where there is something to wait for. */
  enter(request: IncomingMessage, response: ServerResponse): Visitor | Promise<Visitor> {
    const principal = this.#parts.authenticate(request);
    if (principal instanceof Promise) return principal.then((found) => this.#admit(found, response));
    return principal.limits.requestsPerSecond === null ? this.#visitorOf(principal) : this.#admit(principal, response);
  }

  /** Takes a place for a stream; gives back how it is left. Throws or rejects with `too_many_streams` or `streams_exhausted`. */
  takeStream({ principal }: Visitor): (() => void) | Promise<() => void> {
    return this.#parts.limiter.takeStream(principal);
  }

  async #admit(principal: Principal, response: ServerResponse): Promise<Visitor> {
    await this.#parts.limiter.countRequest(principal, response);
    return this.#visitorOf(principal);
  }

  #visitorOf(principal: Principal): Visitor {
    const known = this.#visitors.get(principal);
    if (known !== undefined) return known;
    const visitor = { principal, use: new GuardedUseCases(this.#parts.use, this.#parts.bounds, principal) };
    this.#visitors.set(principal, visitor);
    return visitor;
  }
}
