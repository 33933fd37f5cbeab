import { randomFillSync } from 'node:crypto';

const urlAlphabet = 'useandom-26T198340PX75pxJACKVERYMINDBUSHWOLF_GQZbfghjklqvwyzrict';
const plainAlphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const poolBytes = 4096;

/** Fills its argument with random bytes. */
type FillBytes = (bytes: Uint8Array) => void;

/** Makes run ids in each vendor's form; the same ids for the same seed. */
export class Ids {
  readonly #pool = new Uint8Array(poolBytes);
  readonly #fill: FillBytes;
  #at = poolBytes;

  constructor(seed?: number) {
    this.#fill = seed === undefined ? randomFillSync : seededBytes(seed);
  }

  /** 21 characters, as Intuned's run ids have. */
  nanoId(): string {
    return this.#letters(urlAlphabet, 21);
  }

  /** `run_` and 24 letters and digits, as Restack documents it. */
  runName(): string {
    return `run_${this.#letters(plainAlphabet, 24)}`;
  }

  /** `resp_` and 32 letters and digits, as OpenAI's responses have. */
  responseId(): string {
    return `resp_${this.#letters(plainAlphabet, 32)}`;
  }

  /** UUID v4. */
  uuid(): string {
    const bytes = Buffer.from(this.#take(16));
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    const hex = bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  #letters(alphabet: string, length: number): string {
    let text = '';
    for (const byte of this.#take(length)) text += alphabet[byte % alphabet.length];
    return text;
  }

  // A system call for each id would cost more than the rest of a start.
  #take(count: number): Uint8Array {
    if (this.#at + count > poolBytes) {
      this.#fill(this.#pool);
      this.#at = 0;
    }
    this.#at += count;
    return this.#pool.subarray(this.#at - count, this.#at);
  }
}

/** The mulberry32 generator: good enough for ids that a test can predict. */
function seededBytes(seed: number): FillBytes {
  let state = seed >>> 0;
  return (bytes) => {
    for (let at = 0; at < bytes.length; at += 1) {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      bytes[at] = (mixed ^ (mixed >>> 14)) & 0xff;
    }
  };
}
