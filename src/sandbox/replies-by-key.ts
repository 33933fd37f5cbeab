import { LRUCache } from 'lru-cache';
import type { Reply } from './wire-host.ts';

const maxKeys = 100_000;

/** What a vendor with idempotency keys remembers of the requests that it has carried out. */
export class RepliesByKey {
  readonly #replies = new LRUCache<string, Reply>({ max: maxKeys });

  /** Carries a request out, or answers as it did when it carried out the one with the same key. */
  answer(key: string | readonly string[] | undefined, carryOut: () => Reply): Reply {
    if (typeof key !== 'string') return carryOut();
    const earlier = this.#replies.get(key);
    if (earlier !== undefined) return earlier;
    const reply = carryOut();
    const { status, body } = reply;
    // What was refused was not carried out, and may be asked for again.
    if (status < 300) this.#replies.set(key, { status, body });
    return reply;
  }
}
