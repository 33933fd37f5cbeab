import type { Readable } from 'node:stream';
import { GatewayError } from '../contract/domain/errors.ts';

export type ArrivingLimits = {
  /** Bytes of bodies of one caller that have not arrived whole. */
  readonly maxArrivingBytes: number;
  /** The same of all callers together. */
  readonly maxArrivingBytesTotal: number;
};

const retryAfterSeconds = 1;

/**
 * The bytes of bodies that have not arrived whole, bounded for each caller and in all: many senders that stop before the
 * end would hold a body each until they are cut off.
 */
export class ArrivingBytes {
  readonly #limits: ArrivingLimits;
  readonly #callers = new Map<string, number>();
  #total = 0;

  constructor(limits: ArrivingLimits) {
    this.#limits = limits;
  }

  /** What has arrived of bodies that are not whole. */
  get size(): number {
    return this.#total;
  }

  /** The bytes of one more body. */
  open(caller: string): ArrivingBody {
    return new ArrivingBody((bytes) => this.#add(caller, bytes));
  }

  /** Throws `too_many_body_bytes` or `body_bytes_exhausted`, and counts the bytes all the same. */
  #add(caller: string, bytes: number): void {
    const ofCaller = (this.#callers.get(caller) ?? 0) + bytes;
    this.#total += bytes;
    if (ofCaller === 0) this.#callers.delete(caller);
    else this.#callers.set(caller, ofCaller);
    if (bytes <= 0) return;
    if (ofCaller > this.#limits.maxArrivingBytes) throw new GatewayError('too_many_body_bytes', { retryAfterSeconds });
    if (this.#total > this.#limits.maxArrivingBytesTotal) {
      throw new GatewayError('body_bytes_exhausted', { retryAfterSeconds });
    }
  }
}

/** One body while it arrives. */
export class ArrivingBody {
  readonly #count: (bytes: number) => void;
  #bytes = 0;

  constructor(count: (bytes: number) => void) {
    this.#count = count;
  }

  /** Throws where there is no room for so many more. */
  add(bytes: number): void {
    this.#bytes += bytes;
    this.#count(bytes);
  }

  /** Rejects as {@link add} throws, while `work` reads the stream; what has arrived is forgotten when either settles. */
  async follow<T>(stream: Readable, work: Promise<T>): Promise<T> {
    const refused = Promise.withResolvers<never>();
    const listen = (chunk: Buffer): void => {
      try {
        this.add(chunk.length);
      } catch (refusal) {
        refused.reject(refusal);
      }
    };
    stream.on('data', listen);
    try {
      return await Promise.race([work, refused.promise]);
    } finally {
      stream.off('data', listen);
      work.catch(() => {});
      this.release();
    }
  }

  release(): void {
    this.#count(-this.#bytes);
    this.#bytes = 0;
  }
}
