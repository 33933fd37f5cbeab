/**
 * A body that shows whether it was asked for. Over HTTP/2 undici does that in the turn in which the stream is opened, so that
 * until then nothing of the request has left. Unlike bytes, it also keeps undici from sending a refused request again by
 * itself: the engine decides that, and knows that nothing happened.
 */
export class PulledBody {
  readonly #bytes: Uint8Array;
  #isPulled = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isPulled(): boolean {
    return this.#isPulled;
  }

  [Symbol.iterator](): Iterator<Uint8Array> {
    this.#isPulled = true;
    return [this.#bytes].values();
  }
}
