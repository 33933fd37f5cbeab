import { randomFillSync } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';

const bytesPerId = 16;
/** Random bytes are asked for in bulk: to ask for so few of them costs more than the rest of an id. */
const idsPerFill = 256;
/** The counter begins in the lower half of its 32 bits, so that there is room above. */
const maxFirstSeq = 2 ** 31;

/** UUIDs of version 7 that ascend, also within a millisecond (RFC 9562, section 6.2). */
export class RunIds {
  readonly #random = new Uint8Array(bytesPerId * idsPerFill);
  #used = this.#random.length;
  #msecs = Number.NEGATIVE_INFINITY;
  #seq = 0;

  /** A clock that was set back does not turn the order: the newest instant goes on. */
  next(nowMs: number): string {
    const random = this.#takeRandom();
    if (nowMs > this.#msecs) {
      this.#msecs = nowMs;
      this.#seq = new DataView(random.buffer, random.byteOffset).getUint32(0) % maxFirstSeq;
    } else this.#seq += 1;
    return uuidV7({ msecs: this.#msecs, seq: this.#seq, random });
  }

  #takeRandom(): Uint8Array {
    if (this.#used === this.#random.length) {
      randomFillSync(this.#random);
      this.#used = 0;
    }
    const random = this.#random.subarray(this.#used, this.#used + bytesPerId);
    this.#used += bytesPerId;
    return random;
  }
}
