import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Sealer } from '../contract/api/sealer.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import { StorageFault } from '../contract/store/store.ts';
import type { TicketStore } from '../contract/store/ticket-store.ts';

/** Signs texts with the secret that all processes on the store share. */
export class SharedSigner implements Sealer {
  readonly #store: Pick<TicketStore, 'secret'>;
  readonly #purpose: string;
  #secret: Promise<Buffer> | null = null;

  /** @param purpose texts that are signed for one purpose are not accepted for another */
  constructor(store: Pick<TicketStore, 'secret'>, purpose: string) {
    this.#store = store;
    this.#purpose = purpose;
  }

  /** The text in base64url with its signature. Rejects with `storage_unavailable`. */
  async seal(text: string): Promise<string> {
    const payload = Buffer.from(text).toString('base64url');
    return `${payload}.${await this.#sign(payload)}`;
  }

  /** The text that was sealed; null where the signature is not of this purpose. Rejects with `storage_unavailable`. */
  async open(sealed: string): Promise<string | null> {
    const [, payload, signature] = /^([\w-]{1,8192})\.([\w-]{43})$/.exec(sealed) ?? [];
    if (payload === undefined || signature === undefined) return null;
    // Compared as texts, because the last character has spare bits: several texts decode to the same bytes.
    if (!timingSafeEqual(Buffer.from(signature), Buffer.from(await this.#sign(payload)))) return null;
    return Buffer.from(payload, 'base64url').toString();
  }

  async #sign(payload: string): Promise<string> {
    this.#secret ??= askStore(this.#store.secret());
    try {
      return createHmac('sha256', await this.#secret)
        .update(this.#purpose + payload)
        .digest('base64url');
    } catch (fault) {
      this.#secret = null;
      throw fault;
    }
  }
}

/** Rejects with `storage_unavailable` where the store cannot be reached. */
export async function askStore<T>(answer: Promise<T>): Promise<T> {
  return await answer.catch((fault: unknown) => {
    if (!(fault instanceof StorageFault)) throw fault;
    throw new GatewayError('storage_unavailable', { retryAfterSeconds: 1, cause: fault });
  });
}
