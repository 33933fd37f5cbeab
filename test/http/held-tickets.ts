import { randomBytes } from 'node:crypto';
import { SharedSigner } from '../../src/access/shared-signer.ts';
import type { SealerFor } from '../../src/contract/api/sealer.ts';
import type { TicketStore } from '../../src/contract/store/ticket-store.ts';

/** Tickets in memory. `failure` is thrown by every method instead of an answer. */
export class HeldTickets implements TicketStore {
  readonly until = new Map<string, number>();
  failure: Error | null = null;
  readonly #secret = randomBytes(32);

  async secret(): Promise<Buffer> {
    this.#mayFail();
    return this.#secret;
  }

  async keepOpen(id: string, untilMs: number): Promise<void> {
    this.#mayFail();
    this.until.set(id, Math.max(untilMs, this.until.get(id) ?? 0));
  }

  async openUntil(id: string): Promise<number | null> {
    this.#mayFail();
    return this.until.get(id) ?? null;
  }

  #mayFail(): void {
    if (this.failure !== null) throw this.failure;
  }
}

const shared = new HeldTickets();

/** Sealers of one process, for protocols that stand outside a gateway. */
export const sealerFor: SealerFor = (purpose) => new SharedSigner(shared, purpose);
