import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { AuthConfig } from '../contract/domain/auth.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { Principal } from '../contract/domain/principal.ts';
import type { TicketStore } from '../contract/store/ticket-store.ts';
import { type Authenticator, readCredential } from './credentials.ts';
import { keyId, principalOf } from './key-ring.ts';
import { SharedSigner } from './shared-signer.ts';

/** Tenant, id of the key, and the end. */
const claims = z.tuple([z.string(), z.string(), z.number()]);

export const sessionCookie = 'rungate_session';
/** What a session opens: browsers send its cookie nowhere else. */
export const sessionPath = '/admin/v1';
/** A page of another site cannot send it, unless the gateway allows that site to. */
export const sessionHeader = 'x-rungate-console';
const maxAgeSeconds = 12 * 3600;

export type ConsoleSessionDeps = {
  readonly store: Pick<TicketStore, 'secret'>;
  readonly auth: AuthConfig | 'none' | null;
  /** Default: the wall clock, because replicas compare times. */
  readonly nowMs?: () => number;
};

export type IssuedSession = { readonly value: string; readonly maxAgeSeconds: number };

/**
 * Sessions of browsers that came with a key. A session is signed with a secret that all processes on the store share, so it
 * holds at every replica and over restarts. It names the key without being one, and is worth no more than the key is now.
 */
export class ConsoleSessions {
  readonly #signer: SharedSigner;
  readonly #nowMs: () => number;
  readonly #keys: ReadonlyMap<string, Principal>;

  constructor({ store, auth, nowMs = Date.now }: ConsoleSessionDeps) {
    this.#signer = new SharedSigner(store, 'console ');
    this.#nowMs = nowMs;
    const keys = auth === null || auth === 'none' ? [] : auth.keys;
    this.#keys = new Map(keys.map((key) => [keyId(key.sha256), principalOf(key)]));
  }

  /** Rejects with `unauthorized` for a principal that came in without a key, or with `storage_unavailable`. */
  async issue({ credential, tenant }: Principal): Promise<IssuedSession> {
    if (credential?.kind !== 'key') throw new GatewayError('unauthorized', { detail: 'a session takes a key' });
    const text = JSON.stringify([tenant, credential.id, this.#nowMs() + maxAgeSeconds * 1000]);
    return { value: await this.#signer.seal(text), maxAgeSeconds };
  }

  /** Takes a request without a credential, but with a session, for its key. */
  admit(authenticate: Authenticator): Authenticator {
    return (request) => {
      const session = this.#keys.size === 0 ? null : readSession(request);
      return session === null ? authenticate(request) : this.#open(session, request);
    };
  }

  async #open(session: string, { method, headers }: IncomingMessage): Promise<Principal> {
    const text = await this.#signer.open(session);
    if (text === null) throw refuse('the session is not one of this gateway');
    const [tenant, id, endMs] = claims.parse(JSON.parse(text));
    const principal = this.#keys.get(id);
    if (this.#nowMs() >= endMs || principal?.tenant !== tenant) throw refuse('the session is over');
    if (method !== 'GET' && method !== 'HEAD' && headers[sessionHeader] === undefined)
      throw new GatewayError('origin_forbidden', { detail: `a session acts with the header ${sessionHeader} alone` });
    return principal;
  }
}

function readSession(request: IncomingMessage): string | null {
  const { cookie } = request.headers;
  if (cookie === undefined || request.url?.startsWith(`${sessionPath}/`) !== true) return null;
  if (readCredential(request) !== null) return null;
  const found = cookie.split(/; */).find((each) => each.startsWith(`${sessionCookie}=`));
  return found === undefined ? null : found.slice(sessionCookie.length + 1);
}

function refuse(detail: string): GatewayError {
  return new GatewayError('unauthorized', { detail });
}
