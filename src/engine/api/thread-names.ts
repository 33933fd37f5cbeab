import { createHmac } from 'node:crypto';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { ThreadRef, ThreadStore } from '../../contract/domain/thread.ts';
import { translateStorageFault } from '../storage-errors.ts';

const maxLength = 255;
/** Nothing at all, an invisible character other than a space, or a space at an end. */
const unfit = /^$|[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|^\p{Z}|\p{Z}$/u;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A thread's id, and the name that it follows from; null where it was named by its id. */
export type ResolvedThread = { readonly threadId: string; readonly name: string | null };

/**
 * Derives the ids of threads from the names that clients give them: every replica finds the same id without asking, so a thread is
 * found or made by the transaction that inserts its run. The key makes ids that no other tenant can foresee, and take.
 */
export class ThreadNames {
  readonly #store: Pick<ThreadStore, 'nameKey'>;
  #key: Buffer | null = null;

  constructor(store: Pick<ThreadStore, 'nameKey'>) {
    this.#store = store;
  }

  /** Throws `invalid_request` for what is no name. */
  async resolve(tenant: string, ref: ThreadRef): Promise<ResolvedThread> {
    if (ref.threadId !== undefined) return { threadId: ref.threadId, name: null };
    const { name, agentId = null } = ref;
    if (uuid.test(name)) return { threadId: name.toLowerCase(), name: null };
    if (name.length > 2 * maxLength || [...name].length > maxLength || unfit.test(name)) {
      const detail = `the name of a thread has 1 to ${maxLength} visible characters`;
      throw new GatewayError('invalid_request', { detail });
    }
    this.#key ??= await translateStorageFault(this.#store.nameKey());
    const hash = createHmac('sha256', this.#key)
      .update(JSON.stringify([tenant, agentId, name]))
      .digest();
    return { threadId: uuidOf(hash), name };
  }
}

/** A UUID of version 8, whose content RFC 9562 leaves to the application. */
function uuidOf(hash: Buffer): string {
  const bytes = Buffer.from(hash.subarray(0, 16));
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
