import { randomFillSync } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Short and plain enough for a header and a log line without escaping. */
const sane = /^[\w.:+/=-]{1,128}$/;
/** 96 random bits, 16 characters: never the same twice. */
const idBytes = 12;
const idsAtOnce = 256;

/** Gives requests their ids. Random bytes are drawn for many at once: one draw costs as much as a tenth of a read. */
export class RequestIds {
  readonly #random = Buffer.alloc(idBytes * idsAtOnce);
  #at = this.#random.length;

  /** The client's `X-Request-Id`, or a new one where it sent none that is fit to be repeated. */
  read(request: IncomingMessage): string {
    const given = request.headers['x-request-id'];
    return typeof given === 'string' && sane.test(given) ? given : this.#make();
  }

  #make(): string {
    if (this.#at === this.#random.length) {
      randomFillSync(this.#random);
      this.#at = 0;
    }
    this.#at += idBytes;
    return this.#random.toString('base64url', this.#at - idBytes, this.#at);
  }
}
