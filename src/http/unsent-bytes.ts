import { GatewayError } from '../contract/domain/errors.ts';

export type UnsentLimits = {
  /** Bytes that one caller leaves unread. */
  readonly maxUnsentBytes: number;
  /** Bytes that all callers leave unread together. */
  readonly maxUnsentBytesTotal: number;
};

/** An answer that its reader has not taken yet. */
export type Held = {
  /** The reader has taken some of it. */
  progress(): void;
  /** It was taken, or the connection is gone. */
  release(): void;
};

type Entry = { readonly caller: string; readonly content: object; lastMs: number; readonly cut: (() => void) | null };

/** A reader that took nothing for this long loses its answer where the room is needed. */
const staleMs = 2000;
const retryAfterSeconds = 1;

/** Bytes by what they are the bytes of: equal answers are one buffer, which counts once. */
class Account {
  bytes = 0;
  readonly #holders = new Map<object, number>();

  costOf(content: object, bytes: number): number {
    return this.#holders.has(content) ? 0 : bytes;
  }

  add(content: object, bytes: number): void {
    const holders = this.#holders.get(content) ?? 0;
    if (holders === 0) this.bytes += bytes;
    this.#holders.set(content, holders + 1);
  }

  /** True: nothing is left. */
  remove(content: object, bytes: number): boolean {
    const holders = this.#holders.get(content) ?? 0;
    if (holders > 1) this.#holders.set(content, holders - 1);
    else if (this.#holders.delete(content)) this.bytes -= bytes;
    return this.#holders.size === 0;
  }
}

/**
 * The answers that wait for their readers, bounded for each caller and in all. Where room is needed, the readers that took
 * nothing for the longest time are cut off; where that gives none, the new answer is refused. A caller without any
 * unsent answer may have one of any size.
 */
export class UnsentBytes {
  readonly #limits: UnsentLimits;
  readonly #accounts = new Map<string, Account>();
  readonly #all = new Account();
  /** The one that made progress last stands last. */
  readonly #entries = new Set<Entry>();

  constructor(limits: UnsentLimits) {
    this.#limits = limits;
  }

  /** What no caller has taken. */
  get size(): number {
    return this.#all.bytes;
  }

  /**
   * Counts an answer until it is released.
   *
   * @param answer.content its buffers; equal readers hold the same.
   * @param answer.cut ends the connection, and releases; null: nothing is on its way yet.
   * @param answer.mustHold counts it in any case: what it is the answer of has been done.
   * @throws GatewayError `too_many_unsent_bytes`, `unsent_bytes_exhausted`.
   */
  hold(
    caller: string,
    answer: {
      readonly content: object;
      readonly bytes: number;
      readonly cut: (() => void) | null;
      readonly mustHold?: boolean;
    },
  ): Held {
    const { content, bytes, cut, mustHold = false } = answer;
    for (let lack = this.#lackOf(caller, content, bytes); lack !== null; lack = this.#lackOf(caller, content, bytes)) {
      if (this.#cutStale(lack === 'caller' ? caller : null)) continue;
      if (mustHold) break;
      if (lack === 'caller') throw new GatewayError('too_many_unsent_bytes', { retryAfterSeconds });
      throw new GatewayError('unsent_bytes_exhausted', { retryAfterSeconds });
    }
    const account = this.#accounts.get(caller) ?? new Account();
    this.#accounts.set(caller, account);
    account.add(content, bytes);
    this.#all.add(content, bytes);
    const entry: Entry = { caller, content, lastMs: performance.now(), cut };
    this.#entries.add(entry);
    return {
      progress: () => {
        entry.lastMs = performance.now();
        if (this.#entries.delete(entry)) this.#entries.add(entry);
      },
      release: () => {
        if (!this.#entries.delete(entry)) return;
        if (account.remove(content, bytes)) this.#accounts.delete(caller);
        this.#all.remove(content, bytes);
      },
    };
  }

  /** Throws as {@link hold} does where a caller has no room for one more byte, before work is done for nothing. */
  checkRoom(caller: string): void {
    this.hold(caller, { content: {}, bytes: 1, cut: null }).release();
  }

  /** Counts bytes of an answer that is being made; null: there is no room. */
  reserve(caller: string, bytes: number): Held | null {
    try {
      return this.hold(caller, { content: {}, bytes, cut: null });
    } catch (refusal) {
      if (refusal instanceof GatewayError) return null;
      throw refusal;
    }
  }

  /** Whose bound leaves no room; null: neither. */
  #lackOf(caller: string, content: object, bytes: number): 'caller' | 'all' | null {
    const account = this.#accounts.get(caller);
    if (account === undefined) return this.#exceedsAll(content, bytes) && this.#all.bytes > 0 ? 'all' : null;
    const cost = account.costOf(content, bytes);
    if (cost > 0 && account.bytes > 0 && account.bytes + cost > this.#limits.maxUnsentBytes) return 'caller';
    return this.#exceedsAll(content, bytes) ? 'all' : null;
  }

  #exceedsAll(content: object, bytes: number): boolean {
    const cost = this.#all.costOf(content, bytes);
    return cost > 0 && this.#all.bytes + cost > this.#limits.maxUnsentBytesTotal;
  }

  /** Cuts off the reader that took nothing for the longest time, of one caller or of all. False: none is stale. */
  #cutStale(caller: string | null): boolean {
    const before = performance.now() - staleMs;
    for (const entry of this.#entries) {
      if (entry.lastMs > before) return false;
      if (entry.cut === null || (caller !== null && entry.caller !== caller)) continue;
      entry.cut();
      return !this.#entries.has(entry);
    }
    return false;
  }
}
