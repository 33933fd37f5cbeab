import type { Socket } from 'node:net';

const [carriageReturn, lineFeed, digit0, digit1, digit2] = [0x0d, 0x0a, 0x30, 0x31, 0x32];
/** Places of the status' digits in `HTTP/1.1 100`. */
const [hundreds, tens, ones] = [9, 10, 11];

/**
 * Makes a `100 Continue` that was not asked for harmless. undici closes the connection on it, and a start would be lost with an
 * unknown outcome, though HTTP lets a client ignore any 1xx (RFC 9110, section 15.2). It does ignore a 102, so the head of
 * a 100 is made one while it is read. Needs a connection without pipelining.
 */
export function forgiveContinue(socket: Socket): void {
  const reader = new HeadReader();
  const { write, read } = socket;
  // Whatever is written belongs to the next request, once the answer before it has been read.
  socket.write = ((...args: Parameters<Socket['write']>) => {
    reader.expectHead();
    return write.apply(socket, args);
  }) as Socket['write'];
  socket.read = (size?: number) => {
    const chunk: unknown = read.call(socket, size);
    if (chunk instanceof Uint8Array) reader.take(chunk);
    return chunk;
  };
}

/** Follows the heads of one answer up to the status of the final one. */
class HeadReader {
  /** Place in the status line; null: the final answer has begun. */
  #at: number | null = null;
  #isInformational = false;
  #isHundred = false;
  /** Whether the line that is being read has nothing in it so far. */
  #isEmptyLine = false;

  expectHead(): void {
    if (this.#at === null) this.#begin();
  }

  take(chunk: Uint8Array): void {
    for (let index = 0; index < chunk.length && this.#at !== null; index += 1) {
      if (this.#isInformational && this.#at > ones) this.#skip(chunk[index]);
      else this.#readStatus(chunk, index);
    }
  }

  #begin(): void {
    this.#at = 0;
    this.#isInformational = false;
    this.#isHundred = false;
    this.#isEmptyLine = false;
  }

  #readStatus(chunk: Uint8Array, index: number): void {
    const byte = chunk[index];
    const at = this.#at ?? 0;
    if (at === 0 && (byte === carriageReturn || byte === lineFeed)) return;
    if (at === hundreds) {
      if (byte !== digit1) {
        this.#at = null;
        return;
      }
      this.#isInformational = true;
    }
    if (at === tens) this.#isHundred = byte === digit0;
    if (at === ones && this.#isHundred && byte === digit0) chunk[index] = digit2;
    this.#at = at + 1;
  }

  #skip(byte: number | undefined): void {
    if (byte === lineFeed) {
      if (this.#isEmptyLine) this.#begin();
      else this.#isEmptyLine = true;
    } else if (byte !== carriageReturn) this.#isEmptyLine = false;
  }
}
