import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { AuthConfig } from '../contract/domain/auth.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { Principal } from '../contract/domain/principal.ts';
import type { TicketStore } from '../contract/store/ticket-store.ts';
import { audienceOf } from './jwt.ts';
import { keyId, principalOf } from './key-ring.ts';
import { anonymous } from './principals.ts';
import { askStore, SharedSigner } from './shared-signer.ts';

/** What a ticket says, in the order in which it is written. */
const claims = z.tuple([
  z.string(),
  /** The path that it opens. */
  z.string(),
  z.string(),
  z.union([
    z.tuple([z.literal('key'), z.string()]),
    z.tuple([z.literal('token'), z.string(), z.string(), z.array(z.string()).nullable(), z.number()]),
    z.tuple([z.literal('none')]),
  ]),
  z.number(),
]);

type Holder = z.output<typeof claims>[3];

/** Within this time a ticket must be opened first: it may be read in a URL by others. */
const openWithinMs = 60_000;
/** How long after it was last open a ticket may be opened again: `EventSource` reconnects with the same URL. */
const reopenWithinMs = 3_600_000;
const maxAgeMs = 86_400_000;

export type IssuedTicket = { readonly ticket: string; readonly openBeforeMs: number };

/** The principal that a ticket stands for. `close` is called when the stream is closed: it may be reopened from then on. */
export type OpenedTicket = { readonly principal: Principal; close(): void };

export type StreamTicketDeps = {
  readonly store: TicketStore;
  readonly auth: AuthConfig | 'none' | null;
  /** Default: the wall clock, because replicas compare times. */
  readonly nowMs?: () => number;
};

/**
 * Tickets for one stream each: a client that cannot send headers, such as `EventSource`, opens the stream with one in its
 * URL. A ticket is signed with a secret that all processes on the store share, and is worth no more than the key or the
 * token that it was issued for: without that it is refused.
 */
export class StreamTickets {
  readonly #store: TicketStore;
  readonly #auth: StreamTicketDeps['auth'];
  readonly #nowMs: () => number;
  readonly #keys: ReadonlyMap<string, Principal>;
  readonly #signer: SharedSigner;

  constructor({ store, auth, nowMs = Date.now }: StreamTicketDeps) {
    this.#store = store;
    this.#signer = new SharedSigner(store, '');
    this.#auth = auth;
    this.#nowMs = nowMs;
    const keys = auth === null || auth === 'none' ? [] : auth.keys;
    this.#keys = new Map(keys.map((key) => [keyId(key.sha256), principalOf(key)]));
  }

  /** A ticket for the stream at `path`, which the principal may see. Rejects with `storage_unavailable`. */
  async issue(principal: Principal, path: string): Promise<IssuedTicket> {
    const openBeforeMs = this.#nowMs() + openWithinMs;
    const id = randomBytes(12).toString('base64url');
    const text = JSON.stringify([id, path, principal.tenant, holderOf(principal), openBeforeMs]);
    return { ticket: await this.#signer.seal(text), openBeforeMs };
  }

  /** Opens the stream at `path`. Rejects with `unauthorized` or `storage_unavailable`. */
  async open(ticket: string, path: string): Promise<OpenedTicket> {
    const [id, opens, tenant, holder, openBeforeMs] = await this.#read(ticket);
    const principal = this.#find(holder, tenant);
    if (principal === null || opens !== path) throw refuseTicket();
    const nowMs = this.#nowMs();
    const endMs = openBeforeMs - openWithinMs + maxAgeMs;
    const mayOpen = nowMs < openBeforeMs || nowMs < Math.min(endMs, (await askStore(this.#store.openUntil(id))) ?? 0);
    if (!mayOpen) throw refuseTicket();
    const keepOpen = async (): Promise<void> => {
      const at = this.#nowMs();
      await this.#store.keepOpen(id, Math.min(endMs, at + reopenWithinMs), at);
    };
    await askStore(keepOpen());
    // A store that is away costs the client a new ticket, and no more.
    return { principal, close: () => void keepOpen().catch(() => {}) };
  }

  async #read(ticket: string): Promise<z.output<typeof claims>> {
    const text = await this.#signer.open(ticket);
    if (text === null) throw refuseTicket();
    return claims.parse(JSON.parse(text));
  }

  /** The principal that the config gives the holder now; null where it gives none. */
  #find(holder: Holder, tenant: string): Principal | null {
    const principal = this.#principalOf(holder, tenant);
    return principal?.tenant === tenant ? principal : null;
  }

  #principalOf(holder: Holder, tenant: string): Principal | null {
    const isOpen = this.#auth === null || this.#auth === 'none';
    if (holder[0] === 'none') return isOpen ? anonymous : null;
    if (holder[0] === 'key') return this.#keys.get(holder[1]) ?? null;
    if (this.#auth === null || this.#auth === 'none') return null;
    const [, audience, name, agents, expiresAtMs] = holder;
    const { jwt } = this.#auth;
    if (jwt === null || audienceOf(jwt) !== audience || this.#nowMs() >= expiresAtMs) return null;
    return { tenant, name, agents: agents === null ? null : new Set(agents), limits: jwt.limits };
  }
}

function holderOf({ credential, name, agents }: Principal): Holder {
  if (credential === undefined) return ['none'];
  if (credential.kind === 'key') return ['key', credential.id];
  const { audience, expiresAtMs } = credential;
  return ['token', audience, name ?? '', agents === null ? null : [...agents], expiresAtMs];
}

function refuseTicket(): GatewayError {
  return new GatewayError('unauthorized', {
    detail: 'the ticket is not one for this stream, or its time is over; POST /stream-tickets gives a new one',
  });
}
